import { AppError } from '#contracts';
import type { AnswerFormat } from './answers.ts';

/** Representations in the order of preference among equals. */
const REPRESENTATIONS: readonly (readonly [AnswerFormat, string])[] = [
  ['json', 'application/json'],
  ['csv', 'text/csv'],
];

/**
 * The representation that an `Accept` header asks for: the highest quality, JSON among equals; the most specific range
 * decides a type's quality.
 *
 * @throws NOT_ACCEPTABLE
 * @see RFC 9110 section 12.5.1
 */
export function answerFormat(accept: string | undefined): AnswerFormat {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return 'json';
  if (accept === 'text/csv') return 'csv';
  const ranges = accept.toLowerCase().split(',').map(rangeOf);
  let best: AnswerFormat | null = null;
  let bestQuality = 0;
  for (const [format, type] of REPRESENTATIONS) {
    const group = `${type.split('/')[0] ?? ''}/*`;
    const range = [type, group, '*/*'].map((name) => ranges.find((r) => r.name === name)).find((r) => r !== undefined);
    if (range !== undefined && range.quality > bestQuality) [best, bestQuality] = [format, range.quality];
  }
  if (best === null)
    throw new AppError('NOT_ACCEPTABLE', `Accept: ${accept} fits neither application/json nor text/csv`);
  return best;
}

function rangeOf(text: string): { readonly name: string; readonly quality: number } {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim());
  const quality = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  return { name, quality: quality === undefined ? 1 : Number(quality) };
}
