import type { SealedFile } from '#contracts';
import { rawRows, type Queryable } from './dialect.ts';
import { fromJson } from './records.ts';

/** Where attempts write: see `pathOf` of the claims. */
const ATTEMPT_ROOTS: readonly string[] = ['datasets', 'profiles', 'models', 'predictions', 'insights'];

/**
 * A folder that one writer made and that is kept or deleted as a whole: `uploads/<dataset>`, or the folder of one
 * attempt, `<kind>/<owner>/<fence>-<nonce>`. Null for paths of objects that nobody writes here.
 */
export function folderOf(objectPath: string): string | null {
  const [root = '', owner, attempt] = objectPath.split('/');
  if (owner === undefined || attempt === undefined) return null;
  if (root === 'uploads') return `${root}/${owner}`;
  return ATTEMPT_ROOTS.includes(root) ? `${root}/${owner}/${attempt}` : null;
}

/** Folders that one statement asks for. */
const FOLDERS_MAX = 200;

/**
 * The rule: a folder is needed while
 * - an attempt is open that writes to it, one that has sealed included, whoever commits it in the end;
 * - an attempt that lost its lease may still come back to it (`resumeTask`): nobody has claimed its task since;
 * - a checkpoint of an unfinished task lies in it;
 * - it holds a committed result that was not dropped with what it was made for;
 * - a model, a batch prediction, an insight or a dataset names it;
 * - a later version of that dataset names it, which reads the same rows;
 * - a dataset names an upload in it.
 *
 * What is not needed is never needed again, uploads excepted: fences only rise, names are used once, a checkpoint lies in
 * its own attempt's folder and a commit is one statement with the end of its attempt. So a folder may be deleted at any
 * time after it was found not needed, without a lock. An upload exists before its dataset's row: only its age tells.
 */
const neededSql = (paths: string, folders: string): string => `
  select attempt.path as path from attempt join task on task.id = attempt.task_id
    where attempt.path in (${paths}) and (attempt.ended_at is null
      or (task.finished_at is null and attempt.ending = 'expired' and attempt.fence = task.fence)
      or (task.finished_at is null and task.checkpoint like '%"' || attempt.path || '/%'))
  union select path from result where path in (${paths}) and dropped_at is null
  union select artifact_path from models where artifact_path in (${paths})
  union select result_path from batch_predictions where result_path in (${paths})
  union select result_path from insights where result_path in (${paths})
  union select folder.path from (${folders}) as folder
    join datasets on datasets.id = folder.owner or datasets.root_id = folder.owner
    where datasets.stored_table like '%"' || folder.path || '/%' or datasets.upload_path like folder.path || '/%'`;

/** Those of the folders that are needed, by one snapshot of the database. Memory is bounded by the argument. */
export async function referencedFolders(db: Queryable, folders: readonly string[]): Promise<Set<string>> {
  const referenced = new Set<string>();
  for (const part of parts(folders)) {
    const paths = part.map(() => '?').join(', ');
    const owned = part.map(() => 'select cast(? as varchar(1000)) as path, cast(? as varchar(100)) as owner');
    const rows = await rawRows<{ path: string }>(db, neededSql(paths, owned.join(' union all ')), [
      ...[...part, ...part, ...part, ...part, ...part],
      ...part.flatMap((path) => [path, path.split('/')[1] ?? '']),
    ]);
    for (const { path } of rows) referenced.add(path);
  }
  return referenced;
}

/** What is known of the attempt that wrote a folder. */
export interface AttemptFolder {
  /** It ended as long ago as was asked. */
  readonly isOver: boolean;
  /** Names of the files that are its committed result; null while nothing was committed. */
  readonly files: ReadonlySet<string> | null;
}

/** The attempts that wrote these folders, by folder; `isOver`: ended more than `olderThanMs` ago. */
export async function attemptFolders(
  db: Queryable,
  folders: readonly string[],
  olderThanMs: number,
): Promise<ReadonlyMap<string, AttemptFolder>> {
  const known = new Map<string, AttemptFolder>();
  for (const part of parts(folders)) {
    const rows = await rawRows<{ path: string; over: number; files: string | null }>(
      db,
      `select path, case when ended_at < ${db.dialect.now} - ? then 1 else 0 end as over, task_seal.files as files
       from attempt left join task_seal on attempt.ending = 'committed'
         and task_seal.task_id = attempt.task_id and task_seal.fence = attempt.fence
       where path in (${part.map(() => '?').join(', ')})`,
      [olderThanMs, ...part],
    );
    for (const { path, over, files } of rows) known.set(path, { isOver: over === 1, files: namesOf(files) });
  }
  return known;
}

const namesOf = (files: string | null): ReadonlySet<string> | null =>
  files === null ? null : new Set(fromJson<readonly SealedFile[]>(files).map(({ name }) => name));

function* parts(folders: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < folders.length; start += FOLDERS_MAX) yield folders.slice(start, start + FOLDERS_MAX);
}
