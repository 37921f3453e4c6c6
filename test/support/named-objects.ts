import type { SealedFile, StoredTable } from '#contracts';
import { rawRows, type Queryable } from '#store';

/** What rows name of an object store. */
export interface NamedObjects {
  /** Objects that must be there, and nothing beside them. */
  readonly exact: ReadonlySet<string>;
  /** Folders of attempts that are open or may come back: whatever is in them may be there. */
  readonly folders: ReadonlySet<string>;
}

/** Every object that a row names, by reading the rows one by one: not the way the sweeper asks. */
export async function namedObjects(db: Queryable): Promise<NamedObjects> {
  const exact = new Set<string>();
  const folders = new Set<string>();
  const rows = <R>(sql: string) => rawRows<R>(db, sql);
  const uploads = await rows<{ path: string }>(
    'select upload_path as path from datasets where upload_path is not null',
  );
  for (const { path } of uploads) exact.add(path);
  const tables = await rows<{ facts: string }>(
    'select stored_table as facts from datasets where stored_table is not null',
  );
  for (const { facts } of tables) for (const { path } of (JSON.parse(facts) as StoredTable).files) exact.add(path); // as the store keeps it
  const seals = await rows<{ path: string; files: string }>(
    `select result.path, task_seal.files from result
       join task_seal on task_seal.task_id = result.task_id and task_seal.fence = result.fence
     where result.path in (select artifact_path from models)
       or result.path in (select result_path from batch_predictions)
       or result.path in (select result_path from insights)
       or (result.dropped_at is null and result.task_id in (
         select id from task where kind in ('profile-part', 'profile-merge')))`,
  );
  for (const { path, files } of seals)
    for (const { name } of JSON.parse(files) as SealedFile[]) exact.add(`${path}/${name}`); // as the store keeps it
  const attempts = await rows<{ path: string }>(
    `select path from attempt join task on task.id = attempt.task_id where ended_at is null
       or (ending = 'expired' and task.fence = attempt.fence and task.finished_at is null)`,
  );
  for (const { path } of attempts) folders.add(path);
  return { exact, folders };
}

/** In what an object store differs from what rows name and open attempts write. */
export interface Difference {
  readonly missing: readonly string[];
  readonly unnamed: readonly string[];
}

/** Compares both ways. `written`: objects of attempts, which must be there while those are open. */
export async function differenceOf(
  db: Queryable,
  objects: readonly string[],
  written: readonly string[] = [],
): Promise<Difference> {
  const { exact, folders } = await namedObjects(db);
  const there = new Set(objects);
  const isOpen = (path: string) => [...folders].some((folder) => path.startsWith(`${folder}/`));
  const needed = [...exact, ...written.filter(isOpen)];
  return {
    missing: needed.filter((path) => !there.has(path)),
    unnamed: objects.filter((path) => !exact.has(path) && !isOpen(path)),
  };
}
