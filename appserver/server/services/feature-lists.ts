import {
  AppError,
  complaint,
  FEATURE_LISTS_MAX,
  type CreateFeatureListRequest,
  type DatasetProfile,
  type FeatureList,
  type LeakageFacts,
} from '#contracts';
import { BUILT_IN_LISTS, builtInLists } from '#ml';
import { newId } from '#runtime';
import {
  featureListsOf,
  findFeatureList,
  findLatestRun,
  findProfile,
  insertFeatureList,
  lockProject,
  type FeatureListRecord,
  type ProjectRecord,
  type Queryable,
  type Transaction,
} from '#store';
import { isoOf } from '../auth/authenticate.ts';
import type { Caller } from '../auth/caller.ts';

/** Names that a message lists at most. */
const NAMES_SHOWN_MAX = 20;

/** The built-in lists of a project, then those that users have made, oldest first. */
export async function listsOf(db: Queryable, project: ProjectRecord): Promise<FeatureList[]> {
  const builtIn = builtInViews(await profileOf(db, project), project, await leakageOf(db, project));
  return [...builtIn, ...(await featureListsOf(db, project.id)).map(viewOf)];
}

/**
 * Makes a list, in the dataset's order.
 *
 * @throws FEATURE_UNKNOWN, VALIDATION_FAILED naming the field; CONFLICT where there is a list of that name
 */
export async function createFeatureList(
  trx: Transaction,
  caller: Caller,
  project: ProjectRecord,
  { name, features }: CreateFeatureListRequest,
): Promise<FeatureList> {
  const target = project.fixed?.target.name;
  if (target !== undefined && features.includes(target))
    throw invalid('features', `${quoted(target)} is the target; leave it out`);
  const known = (await profileOf(trx, project)).features.map((feature) => feature.name);
  const unknown = features.find((feature) => !known.includes(feature));
  if (unknown !== undefined) {
    const message = `the dataset has no feature ${quoted(unknown)}; use ${shown(known)}`;
    throw complaint('FEATURE_UNKNOWN', 'features', message);
  }
  if (BUILT_IN_LISTS.some((one) => one === name))
    throw new AppError('CONFLICT', `feature list ${quoted(name)}: every project has one of that name; choose another`);
  await lockProject(trx, project.id);
  if ((await featureListsOf(trx, project.id)).length >= FEATURE_LISTS_MAX)
    throw invalid('name', `the project has ${FEATURE_LISTS_MAX} lists, and may have no more`);
  const wanted = new Set(features);
  const list = {
    id: newId('list'),
    projectId: project.id,
    name,
    features: known.filter((feature) => wanted.has(feature)),
    createdBy: caller.userId,
  };
  if (!(await insertFeatureList(trx, list)))
    throw new AppError('CONFLICT', `feature list ${quoted(name)}: the project has one of that name; choose another`);
  const made = await findFeatureList(trx, project.id, list.id);
  if (made === undefined) throw new AppError('INTERNAL', `feature list ${list.id} is gone`);
  return viewOf(made);
}

/**
 * The list that a request names, by name or id.
 *
 * @throws VALIDATION_FAILED naming featureList and the lists there are
 */
export async function namedFeatureList(
  db: Queryable,
  project: ProjectRecord,
  nameOrId: string,
  profile: DatasetProfile,
): Promise<Pick<FeatureList, 'name' | 'features'>> {
  const builtIn = builtInViews(profile, project, await leakageOf(db, project)).find(({ name }) => name === nameOrId);
  const found = builtIn ?? (await findFeatureList(db, project.id, nameOrId));
  if (found !== undefined) return { name: found.name, features: [...found.features] };
  const names = (await listsOf(db, project)).map(({ name }) => name);
  throw invalid('featureList', `the project has no list ${quoted(nameOrId)}; use ${shown(names)}`);
}

function builtInViews(profile: DatasetProfile, project: ProjectRecord, leakage: LeakageFacts | null): FeatureList[] {
  return builtInLists({ profile }, project.fixed?.target.name ?? null, leakage).map(
    ({ name, description, features }) => ({
      ...{ id: name, name, origin: 'built-in', description, features: [...features], createdAt: null, createdBy: null },
    }),
  );
}

/** What the latest run found to give the target away. */
const leakageOf = async (db: Queryable, { id }: ProjectRecord): Promise<LeakageFacts | null> =>
  (await findLatestRun(db, id))?.leakage ?? null;

const viewOf = ({ id, name, features, createdAt, createdBy }: FeatureListRecord): FeatureList => ({
  ...{ id, name, origin: 'user', description: '', features: [...features], createdBy },
  createdAt: isoOf(createdAt),
});

async function profileOf(db: Queryable, project: ProjectRecord): Promise<DatasetProfile> {
  const profile = await findProfile(db, project.datasetId);
  if (profile === undefined) throw new AppError('DATASET_NOT_READY', `dataset ${project.datasetId} is not ready`);
  return profile;
}

const quoted = (name: string): string => JSON.stringify(name);

function shown(names: readonly string[]): string {
  const some = names.slice(0, NAMES_SHOWN_MAX).map(quoted).join(', ');
  return names.length > NAMES_SHOWN_MAX
    ? `one of ${some} and ${names.length - NAMES_SHOWN_MAX} more`
    : `one of ${some}`;
}

const invalid = (field: string, message: string): AppError => complaint('VALIDATION_FAILED', field, message);
