import type { ObjectEntry, ObjectStore } from '#object-store';
import { newId } from '#runtime';
import { attemptFolders, folderOf, referencedFolders, type AttemptFolder, type Queryable } from '#store';

/** What is to become of an object: `waiting` ones are not needed, but kept for a while. */
export type Verdict = 'needed' | 'waiting' | 'unneeded';

export interface JudgeOptions {
  /** How long what an ended attempt left is kept. */
  readonly attemptMs: number;
  /** How long objects are kept that no row speaks of. */
  readonly orphanMs: number;
  /** The store's own time; null when it cannot be read: then nothing is old. Asked for only when it is needed. */
  readonly storeClock: () => Promise<number | null>;
}

/** Judges objects, in order. Those that lie where nobody writes are needed: they are somebody else's. */
export async function judgeObjects(
  db: Queryable,
  objects: readonly ObjectEntry[],
  options: JudgeOptions,
): Promise<Verdict[]> {
  const folders = [...new Set(objects.flatMap(({ path }) => folderOf(path) ?? []))];
  // In this order: what is not needed now will not be needed when the attempts are read.
  const referenced = await referencedFolders(db, folders);
  const attempts = await attemptFolders(db, folders, options.attemptMs);
  const verdicts: Verdict[] = [];
  for (const object of objects) {
    const folder = folderOf(object.path);
    if (folder === null || isNeeded(object, folder, referenced.has(folder), attempts.get(folder))) {
      verdicts.push('needed');
      continue;
    }
    const attempt = attempts.get(folder);
    const isOver = attempt === undefined ? await isOld(object, options) : attempt.isOver;
    verdicts.push(isOver ? 'unneeded' : 'waiting');
  }
  return verdicts;
}

/** In the folder of a committed result only what was sealed is needed, not the checkpoints beside it. */
function isNeeded(
  { path }: ObjectEntry,
  folder: string,
  isReferenced: boolean,
  attempt: AttemptFolder | undefined,
): boolean {
  const files = attempt?.files ?? null;
  return isReferenced && (files === null || files.has(path.slice(folder.length + 1)));
}

async function isOld({ modifiedAt }: ObjectEntry, { orphanMs, storeClock }: JudgeOptions): Promise<boolean> {
  const now = await storeClock();
  return now !== null && modifiedAt.getTime() < now - orphanMs;
}

/** Folder of the objects by which the store's clock is read. */
export const CLOCK_FOLDER = 'clock';

/**
 * The store's own time: that of an object written now. Hosts' clocks may differ from it by hours. Null when nothing can
 * be written, as on a full disk, or when somebody else took the object away.
 */
export async function readStoreClock(store: ObjectStore): Promise<number | null> {
  const path = `${CLOCK_FOLDER}/${newId('tick')}`;
  try {
    await store.write(path, new Uint8Array());
    return (await store.stat(path))?.modifiedAt.getTime() ?? null;
  } catch {
    return null;
  } finally {
    // With those of processes that died here.
    await store.deleteTree(CLOCK_FOLDER).catch(() => undefined);
  }
}
