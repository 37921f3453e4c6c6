import type { Checkpoint, SealedFile, StoredTable } from '#contracts';
import { rawRows, type Queryable } from './dialect.ts';
import { fromJson } from './records.ts';

/** What the database says of an object that it needs. */
export type ObjectReference =
  | {
      readonly kind: 'object';
      readonly path: string;
      /** Null where the database does not know it: uploads that are still to be read. */
      readonly sha256: string | null;
    }
  /** All objects of a folder that one attempt wrote, and whose list of files is not kept any more. */
  | { readonly kind: 'folder'; readonly path: string };

/** Rows that are read at a time. */
const PAGE_ROWS = 100;

interface Row {
  readonly id: string;
  readonly path: string | null;
  /** JSON of what the path holds, or null. */
  readonly facts: string | null;
}

interface Source {
  /** Answers rows of {@link Row}; ends in a condition to which `and` may be added. */
  readonly sql: string;
  readonly id: string;
  readonly referencesOf: (row: Row) => readonly ObjectReference[];
}

const sealOf = (taskId: string) => `
  left join result on result.task_id = ${taskId}
  left join task_seal on task_seal.task_id = result.task_id and task_seal.fence = result.fence`;

/** Files of a committed attempt: as it sealed them, else whatever its folder holds. */
function attemptFiles({ path, facts }: Row): readonly ObjectReference[] {
  if (path === null) return [];
  if (facts === null) return [{ kind: 'folder', path }];
  return fromJson<readonly SealedFile[]>(facts).map(({ name, sha256 }) => ({
    kind: 'object',
    path: `${path}/${name}`,
    sha256,
  }));
}

const SOURCES: readonly Source[] = [
  {
    sql: `select models.id, models.artifact_path as path, task_seal.files as facts from models
      ${sealOf('models.task_id')} where models.artifact_path is not null`,
    id: 'models.id',
    referencesOf: attemptFiles,
  },
  {
    sql: `select batch_predictions.id, batch_predictions.result_path as path, task_seal.files as facts
      from batch_predictions left join job on job.id = batch_predictions.job_id
      ${sealOf('job.task_id')} where batch_predictions.result_path is not null`,
    id: 'batch_predictions.id',
    referencesOf: attemptFiles,
  },
  {
    sql: `select id, upload_path as path, null as facts from datasets
      where upload_path is not null and state = 'ingesting'`,
    id: 'id',
    referencesOf: ({ path }) => (path === null ? [] : [{ kind: 'object', path, sha256: null }]),
  },
];

/** @param condition that a row of `datasets` must meet too */
const rowsOfDatasets = (condition: string): Source => ({
  sql: `select id, null as path, stored_table as facts from datasets where stored_table is not null ${condition}`,
  id: 'id',
  referencesOf: ({ facts }) =>
    facts === null
      ? []
      : fromJson<StoredTable>(facts).files.map(({ path, sha256 }) => ({ kind: 'object', path, sha256 })),
});

/** Since schema version 13 versions share rows, which the earliest of them names. */
const EARLIEST = `and not exists (select 1 from datasets earlier where earlier.version < datasets.version
  and (earlier.id = datasets.root_id or earlier.root_id = datasets.root_id))`;

/** Since schema version 8. */
const INSIGHTS: Source = {
  sql: `select insights.job_id as id, insights.result_path as path, task_seal.files as facts
    from insights left join job on job.id = insights.job_id
    ${sealOf('job.task_id')} where insights.result_path is not null`,
  id: 'insights.job_id',
  referencesOf: attemptFiles,
};

/** Since schema version 3. */
const CHECKPOINTS: Source = {
  sql: `select id, null as path, checkpoint as facts from task where checkpoint is not null and finished_at is null`,
  id: 'id',
  referencesOf: ({ facts }) => {
    if (facts === null) return [];
    const { path, sha256 } = fromJson<Checkpoint>(facts);
    return [{ kind: 'object', path, sha256 }];
  },
};

/** Since schema version 17; what served its purpose is dropped. */
const PROFILE_STATES: Source = {
  sql: `select task.id, result.path, task_seal.files as facts from task join result on result.task_id = task.id
    join task_seal on task_seal.task_id = result.task_id and task_seal.fence = result.fence
    where task.kind in ('profile-part', 'profile-merge') and result.dropped_at is null`,
  id: 'task.id',
  referencesOf: attemptFiles,
};

/**
 * Every object that the database needs, each once: artefacts, datasets, results of batch predictions, insights, uploads that
 * are still being read, checkpoints of unfinished tasks, what parts of unfinished profiles found. What attempts in progress have written is not among them: a
 * restored database begins those attempts anew.
 */
export async function* objectReferences(db: Queryable, schemaVersion: number): AsyncGenerator<ObjectReference> {
  const datasets = rowsOfDatasets(schemaVersion >= 13 ? EARLIEST : '');
  const later = [
    datasets,
    ...(schemaVersion >= 3 ? [CHECKPOINTS] : []),
    ...(schemaVersion >= 8 ? [INSIGHTS] : []),
    ...(schemaVersion >= 17 ? [PROFILE_STATES] : []),
  ];
  for (const source of [...SOURCES, ...later]) {
    let after = '';
    for (;;) {
      const rows: Row[] = await rawRows<Row>(db, `${source.sql} and ${source.id} > ? order by ${source.id} limit ?`, [
        after,
        PAGE_ROWS,
      ]);
      for (const row of rows) yield* source.referencesOf(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) break;
      after = last.id;
    }
  }
}
