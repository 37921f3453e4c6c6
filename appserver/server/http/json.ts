import { AppError } from '#contracts';

/** Deepest nesting of a JSON body: far above every schema, far below what exhausts the stack. */
export const JSON_DEPTH_MAX = 64;

/**
 * Parses JSON text. The text itself is never repeated in a message: it may hold data.
 *
 * @throws INVALID_JSON with line and column of the first character that does not fit
 */
export function parseJsonText(text: string, subject: string): unknown {
  if (text.length > SCAN_CHARS_MAX) return parseLarge(text, subject);
  const problem = scan(text);
  if (problem === null) return JSON.parse(text);
  const before = text.slice(0, problem.offset);
  const line = before.split('\n').length;
  const column = problem.offset - before.lastIndexOf('\n');
  const place = `line ${line}, column ${column} (character ${problem.offset})`;
  throw new AppError('INVALID_JSON', `${subject} is not valid JSON: ${problem.expected} at ${place}`, {
    errors: [{ path: '/', message: `${problem.expected} at ${place}` }],
  });
}

/** Longer texts come from our own workers only; scanning them would hold up the event loop. */
const SCAN_CHARS_MAX = 16 * 1024 * 1024;

function parseLarge(text: string, subject: string): unknown {
  try {
    return JSON.parse(text);
  } catch (err) {
    // The parser's own message repeats a part of the text.
    const cause = new Error(err instanceof Error ? err.name : 'syntax error');
    throw new AppError('INVALID_JSON', `${subject} of ${text.length} characters is not valid JSON`, { cause });
  }
}

interface Failure {
  readonly offset: number;
  readonly expected: string;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;

/**
 * Finds the first place where a text leaves the JSON grammar; null when it does not.
 * @see RFC 8259 section 2: value = false / null / true / object / array / number / string
 */
function scan(text: string): Failure | null {
  let at = 0;
  /** What closes the open containers, outermost first. */
  const closers: ('}' | ']')[] = [];
  const skipString = (): boolean => {
    const end = stringEnd(text, at);
    if (end === null) return false;
    at = end;
    return true;
  };
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  const fail = (expected: string): Failure => ({
    offset: at,
    expected: at >= text.length ? `the text ends; ${expected} is expected` : `${expected} is expected`,
  });
  let state: 'value' | 'firstKey' | 'key' | 'firstItem' | 'after' = 'value';
  for (;;) {
    skip(SPACE);
    const closer = closers.at(-1);
    if (state === 'after') {
      if (closer === undefined) return at === text.length ? null : fail('the end of the text');
      if (text[at] === closer) {
        at += 1;
        closers.pop();
      } else if (text[at] === ',') {
        at += 1;
        state = closer === '}' ? 'key' : 'value';
      } else return fail(`"," or "${closer}"`);
      continue;
    }
    if ((state === 'firstKey' && text[at] === '}') || (state === 'firstItem' && text[at] === ']')) {
      at += 1;
      closers.pop();
      state = 'after';
      continue;
    }
    if (state === 'firstKey' || state === 'key') {
      if (!skipString()) return fail('a name in double quotes');
      skip(SPACE);
      if (text[at] !== ':') return fail('":"');
      at += 1;
      state = 'value';
      continue;
    }
    const opener = text[at];
    if (opener === '{' || opener === '[') {
      if (closers.length >= JSON_DEPTH_MAX) return fail(`nesting of at most ${JSON_DEPTH_MAX} levels`);
      at += 1;
      closers.push(opener === '{' ? '}' : ']');
      state = opener === '{' ? 'firstKey' : 'firstItem';
    } else if (skipString() || skip(NUMBER) || skip(WORD)) state = 'after';
    else return fail('a JSON value');
  }
}

const ESCAPE = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y;

/** Offset after the string that begins at `start`; null when there is none. A loop: its input may be megabytes long. */
function stringEnd(text: string, start: number): number | null {
  if (text[start] !== '"') return null;
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) return at + 1;
    if (unit < 0x20) return null;
    if (unit !== 0x5c) continue;
    ESCAPE.lastIndex = at + 1;
    if (!ESCAPE.test(text)) return null;
    at = ESCAPE.lastIndex - 1;
  }
  return null;
}
