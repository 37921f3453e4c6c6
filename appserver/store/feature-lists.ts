import { insertOrIgnore, now, type Queryable } from './dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from './records.ts';

/** A list of features that a user has made; it is never changed. */
export interface FeatureListRecord {
  readonly id: string;
  readonly projectId: string;
  /** Unique in the project. */
  readonly name: string;
  /** In the dataset's order, each once. */
  readonly features: readonly string[];
  readonly createdBy: string;
  readonly createdAt: number;
}

interface FeatureListRow {
  readonly id: string;
  readonly project_id: string;
  readonly name: string;
  readonly features: string;
  readonly created_by: string;
  readonly created_at: number;
}

const toFeatureList = (row: FeatureListRow): FeatureListRecord => ({
  id: row.id,
  projectId: row.project_id,
  name: row.name,
  features: fromJson<string[]>(row.features),
  createdBy: row.created_by,
  createdAt: row.created_at,
});

/** @returns false, and no effect, where the project has a list of that name */
export const insertFeatureList = (db: Queryable, list: Omit<FeatureListRecord, 'createdAt'>): Promise<boolean> =>
  insertOrIgnore(
    db,
    'feature_lists',
    {
      id: list.id,
      project_id: list.projectId,
      name: list.name,
      features: toJson(list.features),
      created_by: list.createdBy,
      created_at: now(db),
    },
    ['project_id', 'name'],
  );

/** A project's lists, oldest first. */
export async function featureListsOf(db: Queryable, projectId: string): Promise<FeatureListRecord[]> {
  const query = db.knex('feature_lists').where({ project_id: projectId }).orderBy(['created_at', 'id']);
  return (await rowsOf<FeatureListRow>(query)).map(toFeatureList);
}

/** The list of a project with this name or id. */
export async function findFeatureList(
  db: Queryable,
  projectId: string,
  nameOrId: string,
): Promise<FeatureListRecord | undefined> {
  const query = db
    .knex('feature_lists')
    .where({ project_id: projectId })
    .andWhere((either) => void either.where({ name: nameOrId }).orWhere({ id: nameOrId }))
    // A name wins over an id.
    .orderByRaw('case when name = ? then 0 else 1 end', [nameOrId])
    .limit(1);
  const row = await rowOf<FeatureListRow>(query);
  return row === undefined ? undefined : toFeatureList(row);
}
