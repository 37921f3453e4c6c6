/** Where a text leaves the JSON grammar. */
export interface JsonPlace {
  /** UTF-16 units from the start */
  readonly offset: number;
  /** both count from 1 */
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

interface Cursor {
  readonly text: string;
  at: number;
}

/** What is expected at the cursor where the text is wrong; null where it is right. */
type Complaint = string | null;

/**
 * The first place where a text that `JSON.parse` refused leaves the grammar; null when it does not. The parser's own
 * message names no place for most errors, and repeats a part of the text. No recursion and no pattern over long
 * stretches: nesting and length are the sender's choice.
 *
 * @see RFC 8259 section 2: value = false / null / true / object / array / number / string
 */
export function jsonErrorPlace(text: string): JsonPlace | null {
  const cursor: Cursor = { text, at: 0 };
  const expected = scanDocument(cursor);
  if (expected === null) return null;
  const { at } = cursor;
  let line = 1;
  let lineStart = 0;
  for (let found = text.indexOf('\n'); found >= 0 && found < at; found = text.indexOf('\n', found + 1)) {
    line += 1;
    lineStart = found + 1;
  }
  return {
    offset: at,
    line,
    column: at - lineStart + 1,
    expected: at >= text.length ? `the text ends where ${expected} is expected` : `${expected} is expected`,
  };
}

function scanDocument(cursor: Cursor): Complaint {
  /** What closes the open containers, outermost first. */
  const closers: ('}' | ']')[] = [];
  for (;;) {
    const depth = closers.length;
    const wrong = scanValue(cursor, closers);
    if (wrong !== null) return wrong;
    if (closers.length > depth) continue; // A container was opened; its first value comes next.
    const next = scanAfterValue(cursor, closers);
    if (next !== 'a value') return next;
  }
}

/** A scalar, an empty container, or the opening of one with its first name. */
function scanValue(cursor: Cursor, closers: ('}' | ']')[]): Complaint {
  skipSpace(cursor);
  const first = cursor.text[cursor.at];
  if (first === '"') return scanString(cursor);
  if (first !== '{' && first !== '[') return skipScalar(cursor) ? null : `a JSON value${mend(cursor)}`;
  const closer = first === '{' ? '}' : ']';
  cursor.at += 1;
  skipSpace(cursor);
  if (cursor.text[cursor.at] === closer) {
    cursor.at += 1;
    return null;
  }
  closers.push(closer);
  return closer === '}' ? scanName(cursor, 'a name in double quotes or "}"') : null;
}

/** Leaves finished containers; `a value` when another one must follow, null at the end of the text. */
function scanAfterValue(cursor: Cursor, closers: ('}' | ']')[]): Complaint {
  for (;;) {
    skipSpace(cursor);
    const closer = closers.at(-1);
    const unit = cursor.text[cursor.at];
    if (closer === undefined) return unit === undefined ? null : 'the end of the text';
    if (unit === ',') {
      cursor.at += 1;
      return (closer === '}' ? scanName(cursor, 'a name in double quotes') : null) ?? 'a value';
    }
    if (unit !== closer) return `"," or "${closer}"`;
    cursor.at += 1;
    closers.pop();
  }
}

function scanName(cursor: Cursor, expected: string): Complaint {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== '"') return expected;
  const wrong = scanString(cursor);
  if (wrong !== null) return wrong;
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== ':') return '":"';
  cursor.at += 1;
  return null;
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function scanString(cursor: Cursor): Complaint {
  const { text } = cursor;
  for (cursor.at += 1; cursor.at < text.length; cursor.at += 1) {
    const unit = text.charCodeAt(cursor.at);
    if (unit === 0x22) {
      cursor.at += 1;
      return null;
    }
    if (unit < 0x20) return 'a double quote or an escaped control character';
    if (unit !== 0x5c) continue;
    ESCAPE.lastIndex = cursor.at;
    if (!ESCAPE.test(text)) return 'an escape that JSON knows';
    cursor.at = ESCAPE.lastIndex - 1;
  }
  return 'a double quote';
}

/** Numbers of more digits are left to the end of this pattern; what follows is then told as the wrong place. */
const SCALAR = /-?(?:0|[1-9]\d{0,4000})(?:\.\d{1,4000})?(?:[eE][+-]?\d{1,4000})?|true|false|null/y;

function skipScalar(cursor: Cursor): boolean {
  SCALAR.lastIndex = cursor.at;
  if (!SCALAR.test(cursor.text)) return false;
  cursor.at = SCALAR.lastIndex;
  return true;
}

/** Numbers as Python, pandas and others write them, which JSON has no words for. */
const NO_JSON = /(?:NaN|-?Infinity)(?![\w$])/y;

/** What to send instead of such a number at the cursor; nothing where there is none. */
function mend({ text, at }: Cursor): string {
  NO_JSON.lastIndex = at;
  const word = NO_JSON.exec(text)?.[0];
  if (word === undefined) return '';
  const infinite = word === 'NaN' ? '' : ` or the text "${word}"`;
  return ` (null for a missing value${infinite}, not ${word})`;
}

function skipSpace(cursor: Cursor): void {
  for (; cursor.at < cursor.text.length; cursor.at += 1) {
    const unit = cursor.text.charCodeAt(cursor.at);
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
  }
}
