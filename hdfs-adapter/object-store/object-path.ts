import { AppError } from '#contracts';

/** Longest segment and path that every driver can keep. */
export const SEGMENT_LENGTH_MAX = 200;
export const PATH_LENGTH_MAX = 1_000;

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._=-]*$/;

/**
 * The segments of an object path: letters, digits, `.`, `_`, `-` and, not at first, `=`, none of them starting with a dot (so no `..`, and
 * the names that drivers keep for unfinished writes cannot be said), at least one, no leading or trailing slash.
 *
 * @throws VALIDATION_FAILED
 */
export function parseObjectPath(path: string): readonly string[] {
  if (path.length > PATH_LENGTH_MAX) throw invalid(path, `at most ${PATH_LENGTH_MAX} characters, found ${path.length}`);
  const segments = path.split('/');
  for (const segment of segments) {
    if (segment.length > SEGMENT_LENGTH_MAX)
      throw invalid(path, `segments of at most ${SEGMENT_LENGTH_MAX} characters`);
    if (!SEGMENT.test(segment)) {
      throw invalid(path, 'relative segments of letters, digits, ".", "_", "-", "=" that do not start with a dot');
    }
  }
  return segments;
}

/** As {@link parseObjectPath}, with '' for the root. */
export function parseObjectPrefix(prefix: string): readonly string[] {
  return prefix === '' ? [] : parseObjectPath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
}

function invalid(path: string, expected: string): AppError {
  const shown = JSON.stringify(path.length > 120 ? `${path.slice(0, 120)}...` : path);
  return new AppError('VALIDATION_FAILED', `Object path ${shown}: expected ${expected}`);
}
