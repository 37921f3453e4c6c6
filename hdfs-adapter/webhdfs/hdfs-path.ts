import { AppError } from '#contracts';

/** Longest path and component that a NameNode keeps by default. */
export const HDFS_PATH_LENGTH_MAX = 8_000;
export const HDFS_COMPONENT_BYTES_MAX = 255;

/**
 * The absolute path that `/path` or `hdfs://authority/path` names; a slash at its end is dropped.
 *
 * @param authorities what may stand between `hdfs://` and the path in this cluster
 * @throws HDFS_PATH_INVALID for another scheme or cluster, a relative path, `.`, `..`, empty components, `:` and NUL
 */
export function parseHdfsPath(text: string, authorities: readonly string[]): string {
  const invalid = (expected: string): AppError =>
    new AppError('HDFS_PATH_INVALID', `HDFS path ${shown(text)}: expected ${expected}`);
  if (text.length > HDFS_PATH_LENGTH_MAX) throw invalid(`at most ${HDFS_PATH_LENGTH_MAX} characters`);
  const [, scheme, authority = '', rest = text] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/]*)(.*)$/s.exec(text) ?? [];
  if (scheme !== undefined && scheme.toLowerCase() !== 'hdfs') throw invalid('/path or hdfs://nameservice/path');
  if (authority !== '' && !authorities.includes(authority))
    throw invalid(`a path in ${authorities.map((name) => `hdfs://${name}`).join(' or ') || 'this cluster'}`);
  const path = scheme !== undefined && rest === '' ? '/' : rest;
  if (!path.startsWith('/')) throw invalid('/path or hdfs://nameservice/path');
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  for (const component of trimmed === '/' ? [] : trimmed.slice(1).split('/')) {
    if (component === '' || component === '.' || component === '..' || /[:\0]/.test(component))
      throw invalid('components that are not empty, "." or ".." and have no ":"');
    if (Buffer.byteLength(component) > HDFS_COMPONENT_BYTES_MAX)
      throw invalid(`components of at most ${HDFS_COMPONENT_BYTES_MAX} bytes`);
  }
  return trimmed;
}

/** A path as it stands in a WebHDFS URL. */
export function encodeHdfsPath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
