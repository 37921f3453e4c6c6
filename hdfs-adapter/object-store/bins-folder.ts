import { createHash } from 'node:crypto';
import { parseObjectPath } from './object-path.ts';

/** Folder of the object store below which tables are kept in bins: `bins/<project>/<user>/<object>`. */
export const BINS_ROOT = 'bins';

/** Hexadecimal digits of a user's folder: 128 bits of a digest, as names may have characters that paths have not. */
const USER_LENGTH = 32;

/** All that is kept in bins of a project's table. */
export const projectBins = (projectId: string): string => `${BINS_ROOT}/${projectId}`;

/**
 * Where tasks that run in a user's name keep bins of a project's table. They are what he has read of it: nobody else's tasks find them, whatever
 * else they may read of the project.
 *
 * @param user short name; '' where all programs are one user
 * @throws VALIDATION_FAILED for an id that is no segment of a path
 */
export function binsFolder(projectId: string, user: string): string {
  const owner = createHash('sha256').update(user).digest('hex').slice(0, USER_LENGTH);
  const folder = `${projectBins(projectId)}/${owner}`;
  parseObjectPath(folder);
  return folder;
}

/** An object that belongs to a set of shards: `<key>.<writer>.<part of the set>`. */
export interface BinObject {
  /** With the folder: all objects of a set begin with it. */
  readonly set: string;
  readonly part: string;
}

/** What the objects of a set are called beside its shards. */
export const BINS_INDEX = 'index';
export const BINS_USED = 'used';

const NAME = /^(bins\/[^/]+\/[^/]+\/[0-9a-f]{64}\.[^./]+)\.([^/]+)$/;

/** Null for what is no object of a set. */
export function binObjectOf(path: string): BinObject | null {
  const [, set, part] = NAME.exec(path) ?? [];
  return set === undefined || part === undefined ? null : { set, part };
}
