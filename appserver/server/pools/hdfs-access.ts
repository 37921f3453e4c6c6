import path from 'node:path';
import {
  AppError,
  type BatchPredictTask,
  type EnsembleTask,
  type FeatureTypeTask,
  type InsightTask,
  type ProfileState,
  type TaskSpec,
  type TrainTask,
} from '#contracts';
import { mayKeepBins } from '#ml';
import { binsFolder, type HdfsSharing } from '#object-store';
import { findUser, type Database, type Task } from '#store';
import type { AttemptAccess } from '../queue/index.ts';
import type { UserTokens } from './user-tokens.ts';

/** Folders that are opened at a time: what puts a profile's parts together reads one of each, and its lease has begun. */
const FOLDERS_AT_ONCE = 8;

/**
 * Opens attempts, what their tasks read, and where tasks keep tables in bins, to the users in whose names they run. The bins are each user's
 * own, and stay open to him: he has read the table that they are of.
 *
 * @param keepsBins whether any are kept
 */
export function hdfsAccess(
  database: Database,
  sharing: HdfsSharing,
  tokens: UserTokens | null,
  keepsBins: boolean,
): AttemptAccess {
  return {
    hasTokens: tokens !== null,
    async open(task, attemptPath) {
      const user = await userOf(database, task);
      await sharing.openForWriting(attemptPath, user);
      const { spec } = task;
      const fit = spec.kind === 'train' ? spec : spec.kind === 'train-part' ? spec.train : null;
      if (keepsBins && fit !== null && mayKeepBins(fit))
        await sharing.openForWriting(binsFolder(fit.projectId, user), user);
      const folders = new Set(inputsOf(spec, task.checkpoint?.path)).values();
      const opener = async (): Promise<void> => {
        for (const folder of folders) await sharing.openForReading(folder, user);
      };
      await Promise.all(Array.from({ length: FOLDERS_AT_ONCE }, opener));
    },
    close: (_task, attemptPath) => sharing.close(attemptPath),
    token: async (task) => (tokens === null ? null : tokens.current(await userOf(database, task))),
  };
}

async function userOf(database: Database, { id, runAs }: Task): Promise<string> {
  const user = await findUser(database, runAs);
  if (user === undefined) throw new AppError('FORBIDDEN', `task ${id}: its user does not exist any more`);
  return user.name;
}

/** Folders of objects that a task reads. */
function inputsOf(spec: TaskSpec, checkpoint: string | undefined): string[] {
  const more = checkpoint === undefined ? [] : [path.posix.dirname(checkpoint)];
  switch (spec.kind) {
    case 'ingest':
      return spec.input.type === 'upload' ? [path.posix.dirname(spec.input.objectPath), ...more] : more;
    case 'profile-part':
      return [...statesOf(spec.first), ...more];
    case 'profile-merge':
      return [...statesOf(spec.first, ...spec.parts), ...more];
    case 'train-part':
      return inputsOf(spec.train, checkpoint);
    case 'train':
    case 'feature-type':
      return [...foldersOf(spec), ...more];
    case 'ensemble':
      return [...foldersOf(spec), ...spec.members.map(({ artifactPath }) => artifactPath), ...more];
    case 'batch-predict':
    case 'insight':
      return [...foldersOf(spec), spec.artifactPath, ...more];
    case 'batch-gather':
      return more;
  }
}

/** Folders of what passes over parts of a table have found. */
const statesOf = (...states: readonly (ProfileState | undefined)[]): string[] =>
  states.flatMap((state) => (state === undefined ? [] : [path.posix.dirname(state.path)]));

const foldersOf = ({
  table,
}: TrainTask | FeatureTypeTask | EnsembleTask | BatchPredictTask | InsightTask): string[] => [
  ...new Set((table?.files ?? []).map((file) => path.posix.dirname(file.path))),
];
