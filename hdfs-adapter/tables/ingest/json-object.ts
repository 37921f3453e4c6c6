/**
 * The members of a JSON object with the exact texts of their values: strings decoded, numbers, `true`, `false`, objects
 * and arrays as they are written, `null` as null. Of equal keys the last one counts (as in ECMAScript).
 *
 * `line` must be a valid JSON object (RFC 8259): call `JSON.parse` first.
 */
export function readMembers(line: string, member: (key: string, cell: string | null, isText: boolean) => void): void {
  let at = line.indexOf('{') + 1;
  for (;;) {
    at = skipBlank(line, at);
    if (line[at] === '}') return;
    if (line[at] === ',') at = skipBlank(line, at + 1);
    const keyEnd = stringEnd(line, at);
    const key = decode(line, at, keyEnd);
    at = skipBlank(line, skipBlank(line, keyEnd) + 1);
    const first = line[at];
    const end =
      first === '"' ? stringEnd(line, at) : first === '{' || first === '[' ? nestedEnd(line, at) : wordEnd(line, at);
    if (first === '"') member(key, decode(line, at, end), true);
    else if (first === 'n') member(key, null, false);
    else member(key, line.slice(at, end), first === '{' || first === '[');
    at = end;
  }
}

function skipBlank(line: string, from: number): number {
  let at = from;
  for (;;) {
    const char = line.charCodeAt(at);
    if (char !== 32 && char !== 9 && char !== 13 && char !== 10) return at;
    at += 1;
  }
}

/** Index after the closing quote of the string at `from`. */
function stringEnd(line: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const char = line.charCodeAt(at);
    if (char === 34 || Number.isNaN(char)) return at + 1;
    at += char === 92 ? 2 : 1;
  }
}

function decode(line: string, from: number, end: number): string {
  const text = line.slice(from + 1, end - 1);
  if (!text.includes('\\')) return text;
  const value: unknown = JSON.parse(line.slice(from, end));
  return typeof value === 'string' ? value : text;
}

function nestedEnd(line: string, from: number): number {
  let depth = 0;
  let at = from;
  do {
    const char = line[at];
    if (char === '"') {
      at = stringEnd(line, at);
      continue;
    }
    if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    at += 1;
  } while (depth > 0 && at < line.length);
  return at;
}

function wordEnd(line: string, from: number): number {
  let at = from;
  while (at < line.length && !',} \t\r\n'.includes(line.charAt(at))) at += 1;
  return at;
}
