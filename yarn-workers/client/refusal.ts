import { AppError, type ErrorCode } from '#contracts';

interface Pattern {
  readonly words: RegExp;
  readonly code: ErrorCode;
}

/** Hadoop says what is wrong in English only; the sentences are those of 3.3 to 3.5. */
const PATTERNS: readonly Pattern[] = [
  { words: /App submission via REST is disabled/i, code: 'YARN_REST_SUBMISSION_OFF' },
  { words: /to unknown queue|Queue .* doesn't exist|unknown queue/i, code: 'YARN_QUEUE_UNKNOWN' },
  { words: /to non-leaf queue/i, code: 'YARN_QUEUE_UNKNOWN' },
  { words: /cannot submit applications to queue/i, code: 'YARN_QUEUE_FORBIDDEN' },
  { words: /does not have permission to submit/i, code: 'YARN_QUEUE_FORBIDDEN' },
  { words: /is STOPPED\. Cannot accept submission/i, code: 'YARN_QUEUE_FORBIDDEN' },
  { words: /Requested more (memory|cores) than configured max/i, code: 'YARN_CONTAINER_TOO_LARGE' },
  { words: /Invalid resource request.*(greater than maximum|> max)/is, code: 'YARN_CONTAINER_TOO_LARGE' },
  { words: /is not allowed to impersonate/i, code: 'YARN_IMPERSONATION_REFUSED' },
];

/** What a text of Hadoop's means, in our codes; null when it is none that we know. */
export function codeOfWords(text: string): ErrorCode | null {
  return PATTERNS.find(({ words }) => words.test(text))?.code ?? null;
}

/**
 * An answer of 400 or more as an error. 5xx counts as "does not answer": a ResourceManager that starts or loses its
 * activity says so in many ways.
 *
 * @param body `{"RemoteException": {"exception", "message"}}`, or the text of a body that is not JSON
 */
export function refusalOf(status: number, body: unknown, operation: string): AppError {
  const words = wordsOf(body);
  const message = `${operation}: the ResourceManager answered ${status}: ${words}`;
  const details = { status };
  const known = codeOfWords(words);
  if (known !== null) return new AppError(known, message, { details });
  if (status >= 500) return new AppError('YARN_UNAVAILABLE', message, { details });
  if (status === 401) return new AppError('YARN_UNAUTHENTICATED', message, { details });
  if (status === 403) return new AppError('YARN_FORBIDDEN', message, { details });
  if (status === 404) return new AppError('NOT_FOUND', message, { details });
  return new AppError('YARN_REQUEST_REFUSED', message, { details });
}

const WORDS_CHARS_MAX = 2000;

/** Hadoop's own words, without the class that threw them; of a page of HTML its text. */
function wordsOf(body: unknown): string {
  const message = fieldOf(fieldOf(body, 'RemoteException'), 'message') ?? fieldOf(body, 'message') ?? body;
  const words =
    typeof message === 'string'
      ? message
          .replace(/<[^>]*>/g, ' ')
          .replace(/\s+/g, ' ')
          .trim()
      : '';
  return words === '' ? 'no reason given' : words.slice(0, WORDS_CHARS_MAX);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
