import type { ObjectEntry, ObjectStore } from '#object-store';
import { failpoint, systemClock, type Clock, type Config } from '#runtime';
import {
  countRemoved,
  dueDoomedFolders,
  existingProjects,
  folderOf,
  forgetDoomedFolder,
  postponeDoomedFolder,
  readSweep,
  referencedFolders,
  saveSweep,
  stillLeads,
  type ObjectCount,
  type SweepRound,
  type Transaction,
} from '#store';
import { createDuty, type Duty, type DutyContext } from '../duties/index.ts';
import { unneededBins } from './sweep-bins.ts';
import { CLOCK_FOLDER, judgeObjects, readStoreClock, type JudgeOptions, type Verdict } from './judge-objects.ts';

/** What one run does at most. */
export interface SweepLimits {
  /** Objects that are looked at, in the walk and in doomed folders each. */
  readonly objectsMax: number;
  /** Objects that are judged together: what a run holds in memory. */
  readonly pageObjects: number;
}
const LIMITS: SweepLimits = { objectsMax: 10_000, pageObjects: 500 };
/** Doomed folders of one run. */
const FOLDERS_MAX = 1_000;
/** How often folders of deleted resources are looked for: who deletes because the disk is full waits for the room. */
const DOOMED_INTERVAL_MS = 1_000;
/** How often tables in bins are looked at, all of them together. */
const BINS_INTERVAL_MS = 600_000;
/** How often unfinished writes are looked for: that walk cannot be cut into pieces. */
const TEMPORARY_INTERVAL_MS = 3_600_000;

/** What one run has done. */
interface Tally {
  removed: ObjectCount;
  failures: number;
  lastError: unknown;
}

type SweepConfig = Pick<Config['retention'], 'sweepIntervalMs' | 'attemptMs' | 'orphanMs' | 'binsBytesMax'>;

interface Sweep extends DutyContext {
  readonly store: ObjectStore;
  readonly config: SweepConfig;
  readonly limits: SweepLimits;
  readonly tally: Tally;
}

/**
 * Deletes objects that nothing needs (`referencedFolders` of the store says what is needed): folders of deleted
 * resources within a second, what ended attempts and died app servers left after a while, tables in bins beyond what they may take. Goes through the object store in
 * pieces, a piece a run, and tells what it holds. One object that cannot be deleted does not keep the others.
 */
export function objectSweeperDuty(
  store: ObjectStore,
  config: SweepConfig,
  limits = LIMITS,
  clock: Clock = systemClock,
): Duty {
  let walkedAt = -Infinity;
  let temporaryAt = -Infinity;
  let binsAt = -Infinity;
  return createDuty({
    name: 'object-sweeper',
    intervalMs: Math.min(DOOMED_INTERVAL_MS, config.sweepIntervalMs),
    async run(context) {
      const tally: Tally = { removed: NOTHING, failures: 0, lastError: null };
      const sweep: Sweep = { ...context, store, config, limits, tally };
      try {
        await sweepDoomed(sweep);
        if (clock.monotonicMs() - walkedAt >= config.sweepIntervalMs) {
          walkedAt = clock.monotonicMs();
          await walkOn(sweep);
        }
        if (clock.monotonicMs() - binsAt >= BINS_INTERVAL_MS) {
          await sweepBins(sweep);
          binsAt = clock.monotonicMs();
        }
        if (clock.monotonicMs() - temporaryAt >= TEMPORARY_INTERVAL_MS) {
          await sweepUnfinished(sweep);
          temporaryAt = clock.monotonicMs();
        }
      } catch (err) {
        // Not leading any more is no failure: another process goes on.
        if (!context.signal.aborted) throw err;
      } finally {
        report(sweep);
      }
    },
  });
}

const NOTHING: ObjectCount = { objects: 0, bytes: 0 };
const plus = (count: ObjectCount, { sizeBytes }: ObjectEntry): ObjectCount => ({
  objects: count.objects + 1,
  bytes: count.bytes + sizeBytes,
});

function report({ logger, tally }: Sweep): void {
  const { removed, failures, lastError } = tally;
  if (removed.objects > 0) logger.info('objects_swept', 'objects that nothing needs were deleted', { ...removed });
  if (failures > 0) {
    logger.error('objects_not_swept', 'objects could not be deleted and are tried again', { failures, err: lastError });
  }
}

/** Deletes the folders of deleted resources; those that an attempt still writes to come again. */
async function sweepDoomed(sweep: Sweep): Promise<void> {
  const { database, config, signal } = sweep;
  let rest = sweep.limits.objectsMax;
  for (const folder of await dueDoomedFolders(database, FOLDERS_MAX)) {
    if (signal.aborted || rest <= 0) return;
    const isNeeded = (await referencedFolders(database, [folder])).has(folder);
    const looked = isNeeded ? { count: 0, isEmpty: false } : await emptyFolder(sweep, folder, rest);
    rest -= looked.count;
    await failpoint('sweep.afterDoomed');
    if (looked.isEmpty) await forgetDoomedFolder(database, folder);
    else await postponeDoomedFolder(database, folder, config.sweepIntervalMs);
  }
}

async function emptyFolder(sweep: Sweep, folder: string, max: number): Promise<{ count: number; isEmpty: boolean }> {
  const { store, signal, tally } = sweep;
  const failuresBefore = tally.failures;
  let count = 0;
  let removed = NOTHING;
  for await (const object of store.list(folder, { signal })) {
    if (signal.aborted || count >= max) break;
    count += 1;
    if (await remove(sweep, object)) removed = plus(removed, object);
  }
  if (removed.objects > 0) await inLead(sweep, (trx) => countRemoved(trx, removed));
  if (signal.aborted || count >= max || tally.failures > failuresBefore) return { count, isEmpty: false };
  // Unfinished writes, which no list shows.
  const isEmpty = await attempt(sweep, () => store.deleteTree(folder, { signal }));
  return { count, isEmpty };
}

/** Goes on with the walk through all objects where the last run ended. */
async function walkOn(sweep: Sweep): Promise<void> {
  const { store, database, signal, config, limits } = sweep;
  const clock = once(() => readStoreClock(store));
  const options: JudgeOptions = { attemptMs: config.attemptMs, orphanMs: config.orphanMs, storeClock: clock };
  let { position, round } = await readSweep(database);
  let rest = limits.objectsMax;
  while (!signal.aborted && rest > 0) {
    const page = await pageOf(sweep, position);
    const verdicts = await judgeObjects(database, page, options);
    let removed = NOTHING;
    for (const [index, object] of page.entries()) {
      const verdict = verdicts[index] ?? 'needed';
      const isGone = verdict === 'unneeded' && !signal.aborted && (await remove(sweep, object));
      if (isGone) removed = plus(removed, object);
      else round = counted(round, object, verdict);
    }
    position = page.at(-1)?.path ?? position;
    rest -= page.length;
    const isWhole = page.length < limits.pageObjects;
    const walk = { position, round, isWhole };
    const isSaved = await inLead(sweep, async (trx) => {
      await saveSweep(trx, walk);
      if (removed.objects > 0) await countRemoved(trx, removed);
    });
    if (isWhole || !isSaved) return;
  }
}

async function pageOf({ store, signal, limits }: Sweep, after: string): Promise<ObjectEntry[]> {
  const page: ObjectEntry[] = [];
  for await (const object of store.list('', { after, signal })) {
    page.push(object);
    if (page.length === limits.pageObjects) break;
  }
  return page;
}

function counted(round: SweepRound, object: ObjectEntry, verdict: Verdict): SweepRound {
  const isOurs = folderOf(object.path) !== null;
  if (!isOurs) return round;
  return verdict === 'needed'
    ? { ...round, referenced: plus(round.referenced, object) }
    : { ...round, waiting: plus(round.waiting, object) };
}

/** Tables in bins that there is no place for any more. */
async function sweepBins(sweep: Sweep): Promise<void> {
  const { store, database, config, signal } = sweep;
  let removed = NOTHING;
  const unneeded = await unneededBins(store, {
    bytesMax: config.binsBytesMax,
    orphanMs: config.orphanMs,
    existing: (ids) => existingProjects(database, ids),
    storeClock: () => readStoreClock(store),
    signal,
  });
  for (const object of unneeded) {
    if (signal.aborted) break;
    if (await remove(sweep, object)) removed = plus(removed, object);
  }
  if (removed.objects > 0) await inLead(sweep, (trx) => countRemoved(trx, removed));
}

/** What writers that died have begun, and readings of the store's clock. */
async function sweepUnfinished({ store, config, signal }: Sweep): Promise<void> {
  const now = await readStoreClock(store);
  if (now !== null) await store.sweepTemporary(config.orphanMs, { now, signal });
  await store.deleteTree(CLOCK_FOLDER, { signal });
}

/** False when it could not be deleted. */
async function remove(sweep: Sweep, object: ObjectEntry): Promise<boolean> {
  const { store, signal, tally } = sweep;
  await failpoint('sweep.beforeDelete');
  if (!(await attempt(sweep, () => store.delete(object.path, { signal })))) return false;
  tally.removed = plus(tally.removed, object);
  await failpoint('sweep.afterDelete');
  return true;
}

/** Whether a deletion succeeded; a failure is counted. */
async function attempt({ signal, tally }: Sweep, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (err) {
    if (signal.aborted) return false;
    tally.failures += 1;
    tally.lastError = err;
    return false;
  }
}

/** One transaction while this process leads; false, and no effect, when it does not any more. */
async function inLead({ database, leadership }: Sweep, work: (trx: Transaction) => Promise<void>): Promise<boolean> {
  return database.transaction(async (trx) => {
    if (!(await stillLeads(trx, leadership))) return false;
    await work(trx);
    return true;
  });
}

function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= ask());
}
