import { isAppError } from '#contracts';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import type { ListOptions } from './object-store.ts';

/** Unfinished writes lie beside their object under names that no object path can say. */
export const TEMPORARY_PREFIX = '.tmp-';

export interface HdfsObject {
  /** Relative to the store's root. */
  readonly path: string;
  readonly isTemporary: boolean;
  readonly status: FileStatus;
}

/**
 * Files below a folder of a store in the order of their object paths, in code units. HDFS lists names in the order of
 * their bytes, in which a folder `a` comes before `a-b` and `a.b`; as the prefix `a/` it comes behind them, so it is held
 * back until a name that is greater. Memory: the folders held back, which are prefixes of one another.
 */
export async function* walkHdfs(
  client: WebHdfsClient,
  root: string,
  segments: readonly string[],
  options: ListOptions,
): AsyncGenerator<HdfsObject> {
  options.signal?.throwIfAborted();
  const { after = '' } = options;
  const prefix = segments.map((segment) => `${segment}/`).join('');
  if (prefix < after && !after.startsWith(prefix)) return;
  const visit = async function* (entry: FileStatus): AsyncGenerator<HdfsObject> {
    const name = nameOf(entry);
    if (entry.type === 'directory') yield* walkHdfs(client, root, [...segments, name], options);
    else if (entry.type === 'file' && prefix + name > after)
      yield { path: prefix + name, isTemporary: name.startsWith(TEMPORARY_PREFIX), status: entry };
  };
  const held: FileStatus[] = [];
  for await (const entry of entriesOf(client, `${root}/${segments.join('/')}`, startIn(prefix, after), options)) {
    for (let last = held.at(-1); last !== undefined && `${nameOf(last)}/` < nameOf(entry); last = held.at(-1)) {
      held.pop();
      yield* visit(last);
    }
    if (entry.type === 'directory') held.push(entry);
    else yield* visit(entry);
  }
  for (const entry of held.reverse()) yield* visit(entry);
}

/** A folder's entries; none where it is not there or is a file. */
async function* entriesOf(
  client: WebHdfsClient,
  folder: string,
  after: string,
  { signal }: ListOptions,
): AsyncGenerator<FileStatus> {
  const path = folder.length > 1 && folder.endsWith('/') ? folder.slice(0, -1) : folder;
  try {
    for await (const entry of client.list(path, { signal, ...(after === '' ? {} : { after }) }))
      if (entry.path !== path) yield entry;
  } catch (err) {
    if (!isAppError(err, 'HDFS_FILE_MISSING')) throw err;
  }
}

/**
 * The name behind which a listing of a folder must begin so that nothing behind `after` is missed, '' for the first. A
 * folder `a` holds paths behind `a-b/c` although its name comes before; `~` is greater than every character of a name.
 */
function startIn(prefix: string, after: string): string {
  if (!after.startsWith(prefix)) return '';
  const [segment = ''] = after.slice(prefix.length).split('/');
  if (!/^[A-Za-z0-9._-]+$/.test(segment)) return '';
  const shortest = /^.[^.-]*/.exec(segment)?.[0] ?? '';
  const last = shortest.length - 1;
  return `${shortest.slice(0, last)}${String.fromCharCode(shortest.charCodeAt(last) - 1)}~`;
}

function nameOf({ path }: FileStatus): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
