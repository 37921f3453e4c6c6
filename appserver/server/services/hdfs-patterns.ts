import { AppError } from '#contracts';
import type { FileStatus, WebHdfsClient } from '#webhdfs';

const SPECIAL = /[*?[\]{}]/;
/** Entries of folders that one pattern looks at, and paths that it stands for, at most. */
const LOOKED_AT_MAX = 200_000;
const ALTERNATIVES_MAX = 1_000;

/** Whether a path has characters of a pattern: `*`, `?`, `[...]`, `{a,b}`. */
export function isPattern(path: string): boolean {
  return SPECIAL.test(path);
}

/** The folder that everything lies in that a pattern can stand for. */
export function literalPrefix(path: string): string {
  const components = path.split('/');
  const at = components.findIndex((component) => isPattern(component));
  return components.slice(0, at < 0 ? components.length : at).join('/') || '/';
}

/**
 * Files and folders whose paths match a pattern as `hdfs dfs -ls` takes it: `*` and `?` do not match `/`, names that begin with
 * `.` or `_` are left to the caller.
 *
 * @throws HDFS_PATH_INVALID for a pattern that is none; DATASET_TOO_MANY_FILES; what HDFS throws
 */
export async function expandPattern(client: Pick<WebHdfsClient, 'find' | 'list'>, path: string): Promise<FileStatus[]> {
  const found = new Map<string, FileStatus>();
  let seen = 0;
  const visit = async (folder: string, [component, ...below]: readonly string[]): Promise<void> => {
    if (component === undefined) return;
    const keep = async (entry: FileStatus): Promise<void> => {
      if (below.length === 0) found.set(entry.path, entry);
      else if (entry.type === 'directory') await visit(entry.path, below);
    };
    if (!isPattern(component)) {
      const entry = await client.find(`${folder === '/' ? '' : folder}/${component}`);
      if (entry !== null) await keep(entry);
      return;
    }
    const matches = matcherOf(component, path);
    for await (const entry of client.list(folder)) {
      seen += 1;
      if (seen > LOOKED_AT_MAX)
        throw new AppError(
          'DATASET_TOO_MANY_FILES',
          `${path}: expected a pattern over at most ${LOOKED_AT_MAX} names`,
          {
            details: { limit: LOOKED_AT_MAX },
          },
        );
      const name = entry.path.slice(entry.path.lastIndexOf('/') + 1);
      if (matches(name)) await keep(entry);
    }
  };
  for (const alternative of alternativesOf(path)) await visit('/', alternative.split('/').slice(1));
  return [...found.values()];
}

/** `{a,b}` stands for each, also across folders. */
export function alternativesOf(path: string): string[] {
  const match = /\{([^{}]*)\}/.exec(path);
  if (match === null) {
    if (/[{}]/.test(path)) throw invalid(path, 'braces in pairs');
    return [path];
  }
  const [whole, inner = ''] = match;
  const all = inner
    .split(',')
    .flatMap((choice) => alternativesOf(path.slice(0, match.index) + choice + path.slice(match.index + whole.length)));
  if (all.length > ALTERNATIVES_MAX) throw invalid(path, `at most ${ALTERNATIVES_MAX} alternatives`);
  return [...new Set(all)];
}

/** One character of a pattern: any run, or which characters it takes. */
type Token = 'run' | ((char: string) => boolean);

function matcherOf(component: string, path: string): (name: string) => boolean {
  const tokens: Token[] = [];
  const chars = Array.from(component);
  for (let at = 0; at < chars.length; at += 1) {
    const char = chars[at] ?? '';
    if (char === '*') tokens.push('run');
    else if (char === '?') tokens.push(() => true);
    else if (char === '[') {
      const end = chars.indexOf(']', at + 2);
      if (end < 0) throw invalid(path, 'brackets in pairs');
      tokens.push(setOf(chars.slice(at + 1, end)));
      at = end;
    } else tokens.push((other) => other === char);
  }
  return (name) => isMatch(tokens, Array.from(name));
}

/** `abc`, `a-z`, or `^a-z` for all others. */
function setOf(inner: readonly string[]): (char: string) => boolean {
  const isNegated = inner[0] === '^' || inner[0] === '!';
  const items = inner.slice(isNegated ? 1 : 0);
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let at = 0; at < items.length; at += 1) {
    const from = items[at] ?? '';
    const to = items[at + 2];
    if (items[at + 1] === '-' && to !== undefined) {
      ranges.push([from, to]);
      at += 2;
    } else ranges.push([from, from]);
  }
  return (char) => ranges.some(([from, to]) => from <= char && char <= to) !== isNegated;
}

/** Goes back to the last run only: the time grows with name times pattern, whatever the pattern. */
function isMatch(tokens: readonly Token[], name: readonly string[]): boolean {
  let token = 0;
  let run = -1;
  let runAt = 0;
  for (let at = 0; at < name.length;) {
    const wanted = tokens[token];
    if (wanted === 'run') {
      run = token;
      runAt = at;
      token += 1;
    } else if (wanted?.(name[at] ?? '') === true) {
      token += 1;
      at += 1;
    } else if (run >= 0) {
      token = run + 1;
      runAt += 1;
      at = runAt;
    } else return false;
  }
  return tokens.slice(token).every((wanted) => wanted === 'run');
}

function invalid(path: string, expected: string): AppError {
  return new AppError('HDFS_PATH_INVALID', `${path}: expected a pattern with ${expected}`);
}
