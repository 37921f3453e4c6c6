import type { DatasetProfile, StoredTable } from '#contracts';
import type { Transaction } from './database.ts';
import { profileColumns, type DatasetRecord } from './datasets.ts';
import { rawRows, type Queryable } from './dialect.ts';
import { toJson } from './records.ts';

/** What is new about a version. */
export type NewVersion = Pick<DatasetRecord, 'id' | 'jobId' | 'createdBy'>;

const rootOf = ({ id, rootId }: Pick<DatasetRecord, 'id' | 'rootId'>): string => rootId ?? id;

/**
 * Waits for those who keep any version of the dataset, and lets nobody keep, make or delete one until the transaction ends.
 * Always in the same order, so that two of them never wait for each other.
 */
export async function seizeVersions(
  { knex, dialect }: Transaction,
  dataset: Pick<DatasetRecord, 'id' | 'rootId'>,
): Promise<void> {
  const root = rootOf(dataset);
  const query = knex('datasets').where({ id: root }).orWhere({ root_id: root }).orderBy('id').select('id');
  await (dialect.name === 'postgres' ? query.forUpdate() : query);
}

/**
 * A version over the rows of `base`, in work until {@link completeVersion}. It has its own copy of what is known of the rows from the
 * beginning, so that these are needed as long as it lives, and `base` may be deleted at any time. The caller has
 * seized the versions.
 */
export async function insertVersion(trx: Transaction, base: DatasetRecord, version: NewVersion): Promise<void> {
  const root = rootOf(base);
  await trx.knex.raw(
    `insert into datasets (id, name, state, row_count, feature_count, size_bytes, source, stored_table, warnings, job_id,
       version, root_id, based_on, created_at, created_by)
     select ?, name, 'ingesting', row_count, feature_count, size_bytes, source, stored_table, warnings, ?,
       (select max(version) from datasets where id = ? or root_id = ?) + 1, ?, id, ${trx.dialect.now}, ?
     from datasets where id = ?`,
    [version.id, version.jobId, root, root, root, version.createdBy, base.id],
  );
  await trx.knex.raw(
    `insert into dataset_profiles (dataset_id, features, distinct_values, time_counts, sample_rows)
     select ?, features, distinct_values, time_counts, sample_rows from dataset_profiles where dataset_id = ?`,
    [version.id, base.id],
  );
}

/** The version is read and profiled as this from now on, and ready, in one go. */
export async function completeVersion(
  trx: Transaction,
  id: string,
  { table, profile }: { readonly table: StoredTable; readonly profile: DatasetProfile },
): Promise<void> {
  await trx
    .knex('datasets')
    .where({ id })
    .update({ state: 'ready', stored_table: toJson(table) });
  await trx.knex('dataset_profiles').where({ dataset_id: id }).update(profileColumns(profile));
}

/** Whether another version reads the same rows. */
export async function hasOtherVersions(db: Queryable, dataset: Pick<DatasetRecord, 'id' | 'rootId'>): Promise<boolean> {
  const root = rootOf(dataset);
  const others = await rawRows(db, `select id from datasets where (id = ? or root_id = ?) and id <> ? limit 1`, [
    root,
    root,
    dataset.id,
  ]);
  return others.length > 0;
}
