import { AppError } from '#contracts';

/** Content types that are read. */
export const ROW_MEDIA_TYPES = [
  'application/json',
  'text/csv',
  'application/x-ndjson',
  'application/vnd.apache.arrow.stream',
] as const;
export type RowMediaType = (typeof ROW_MEDIA_TYPES)[number];

/**
 * How a body is to be read, by its headers; JSON when nothing is said.
 *
 * @throws UNSUPPORTED_MEDIA_TYPE for other types, character sets than UTF-8 and encoded bodies
 */
export function rowMediaType(contentType: string | undefined, contentEncoding: string | undefined): RowMediaType {
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
    throw new AppError(
      'UNSUPPORTED_MEDIA_TYPE',
      `content encoding ${contentEncoding} is not read; send the body as it is`,
    );
  if (contentType === undefined || contentType === 'application/json') return 'application/json';
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii')
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', `character set ${charset} is not read; send UTF-8`);
  }
  switch (type.trim()) {
    case 'application/json':
      return 'application/json';
    case 'text/csv':
      return 'text/csv';
    case 'application/x-ndjson':
    case 'application/ndjson':
    case 'application/jsonl':
      return 'application/x-ndjson';
    case 'application/vnd.apache.arrow.stream':
      return 'application/vnd.apache.arrow.stream';
    default:
      throw new AppError(
        'UNSUPPORTED_MEDIA_TYPE',
        `content type ${type.trim()} is not read; send one of ${ROW_MEDIA_TYPES.join(', ')}`,
      );
  }
}
