import type { Change, Relation } from './history.ts';

/** A worker process that was killed. */
export interface Death {
  readonly workerIds: readonly string[];
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** How long its task may stay its own, milliseconds. */
  readonly limitMs: number;
}

/** A file of the object store. */
export interface StoredFile {
  /** Object path; a temporary one too. */
  readonly path: string;
  readonly modifiedAtMs: number;
}

/** Longest time beyond the lease until a dead worker's task is given on, milliseconds. */
export const REQUEUE_SLACK_MS = 5_000;
/** Folders that app servers write to themselves: uploads, and readings of the store's clock, which a kill may leave. */
const OF_APP_SERVERS = ['uploads/', 'clock/'];

const HELD = ['LEASED', 'RUNNING', 'COMMITTING'];
const FINAL = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** What the recorded history violates: one sentence each, empty when it keeps every promise. */
export function violationsOf(history: readonly Change[], options: { readonly chargedAttemptsMax: number }): string[] {
  return [
    ...everyTaskEnds(history),
    ...oneResult(history),
    ...onlyTheHolderCommits(history),
    ...fencesRise(history),
    ...cancelledStays(history),
    ...chargesAreTheTasksOwn(history),
    ...poisonEnds(history, options.chargedAttemptsMax),
  ];
}

/** Whether what a result was made for has been deleted, which alone may change its row. */
export const isDropped = (row: Change['row']): boolean => (row['dropped_at'] ?? null) !== null;

const changesOf = (history: readonly Change[], relation: Relation): Change[] =>
  history.filter((change) => change.relation === relation);
const textOf = ({ row }: Change, column: string): string => String(row[column]);
const numberOf = ({ row }: Change, column: string): number => Number(row[column]);
/** Changes of each task's row, in order. */
const byTask = (history: readonly Change[]): Map<string, Change[]> =>
  Map.groupBy(changesOf(history, 'task'), (change) => textOf(change, 'id'));

/** I1: every task ends with a result, a reason or a cancellation; none vanishes before. */
export function everyTaskEnds(history: readonly Change[]): string[] {
  return [...byTask(history)].flatMap(([id, changes]) => {
    const last = changes.at(-1);
    if (last === undefined) return [];
    const state = textOf(last, 'state');
    if (!FINAL.includes(state)) return [`I1 task ${id} has not ended: ${last.operation} in state ${state}`];
    return state === 'FAILED' && last.row['problem'] === null ? [`I1 task ${id} failed without a reason`] : [];
  });
}

/** I2: one result, one success, and a final state is never left. */
export function oneResult(history: readonly Change[]): string[] {
  const results = Map.groupBy(changesOf(history, 'result'), (change) => textOf(change, 'task_id'));
  const doubled = [...results].flatMap(([id, changes]) => {
    const inserted = changes.filter(({ operation }) => operation === 'insert').length;
    const altered = changes.some((change) => change.operation === 'update' && !isDropped(change.row));
    return inserted > 1 || altered ? [`I2 task ${id} has ${inserted} results${altered ? ', altered' : ''}`] : [];
  });
  const left = [...byTask(history)].flatMap(([id, changes]) => {
    const states = changes.filter(({ operation }) => operation !== 'delete').map((change) => textOf(change, 'state'));
    const firstFinal = states.findIndex((state) => FINAL.includes(state));
    const after = firstFinal === -1 ? [] : states.slice(firstFinal).filter((state) => state !== states[firstFinal]);
    return after.length > 0 ? [`I2 task ${id} left its final state for ${after.join(', ')}`] : [];
  });
  const without = [...byTask(history)].flatMap(([id, changes]) => {
    const succeeded = changes.some((change) => textOf(change, 'state') === 'SUCCEEDED');
    return succeeded === results.has(id) ? [] : [`I2 task ${id}: success ${succeeded}, result ${results.has(id)}`];
  });
  return [...doubled, ...left, ...without];
}

/** I3: a result is recorded under the newest fence, and only of what was sealed under it. */
export function onlyTheHolderCommits(history: readonly Change[]): string[] {
  return changesOf(history, 'result')
    .filter(({ operation }) => operation === 'insert')
    .flatMap((result) => {
      const id = textOf(result, 'task_id');
      const fence = numberOf(result, 'fence');
      const before = history.filter(({ sequence }) => sequence < result.sequence);
      const task = changesOf(before, 'task').findLast((change) => textOf(change, 'id') === id);
      const isSealed = changesOf(before, 'task_seal').some(
        (seal) => textOf(seal, 'task_id') === id && numberOf(seal, 'fence') === fence,
      );
      if (task === undefined || numberOf(task, 'fence') !== fence)
        return [`I3 task ${id}: a result of fence ${fence} while fence ${task?.row['fence'] as number} held`]; // a number of the row
      if (!['COMMITTING', 'SUCCEEDED'].includes(textOf(task, 'state')))
        return [`I3 task ${id}: a result while it was ${textOf(task, 'state')}`];
      return isSealed ? [] : [`I3 task ${id}: a result that was not sealed under fence ${fence}`];
    });
}

/** I3: a fence rises by one with each claim and never otherwise. */
export function fencesRise(history: readonly Change[]): string[] {
  return [...byTask(history)].flatMap(([id, changes]) =>
    changes.slice(1).flatMap((change, index) => {
      const before = changes[index];
      if (before === undefined || change.operation === 'delete') return [];
      const rise = numberOf(change, 'fence') - numberOf(before, 'fence');
      const isClaim = !HELD.includes(textOf(before, 'state')) && textOf(change, 'state') === 'LEASED';
      return rise === (isClaim ? 1 : 0)
        ? []
        : [`I3 task ${id}: fence ${numberOf(before, 'fence')} became ${numberOf(change, 'fence')}`];
    }),
  );
}

/** I7: what was to be cancelled never succeeds. */
export function cancelledStays(history: readonly Change[]): string[] {
  return [...byTask(history)].flatMap(([id, changes]) => {
    const asked = changes.findIndex((change) => numberOf(change, 'cancel_asked') === 1);
    const isLate = asked !== -1 && changes.slice(asked).some((change) => textOf(change, 'state') === 'SUCCEEDED');
    return isLate ? [`I7 task ${id} succeeded after it was cancelled`] : [];
  });
}

/** I8: charged are the attempts whose fault was the task's, no others. */
export function chargesAreTheTasksOwn(history: readonly Change[]): string[] {
  const attempts = Map.groupBy(
    changesOf(history, 'attempt'),
    (change) => `${textOf(change, 'task_id')}/${textOf(change, 'fence')}`,
  );
  const charges = new Map<string, number>();
  for (const [key, changes] of attempts) {
    const id = key.slice(0, key.lastIndexOf('/'));
    charges.set(id, (charges.get(id) ?? 0) + (changes.at(-1)?.row['blame'] === 'task' ? 1 : 0));
  }
  return [...byTask(history)].flatMap(([id, changes]) => {
    const charged = Number(changes.at(-1)?.row['charged'] ?? 0);
    const own = charges.get(id) ?? 0;
    return charged === own ? [] : [`I8 task ${id} is charged ${charged} times; ${own} attempts were its fault`];
  });
}

/** I9: a task that failed by its own fault too often is given up and never tried again. */
export function poisonEnds(history: readonly Change[], chargedAttemptsMax: number): string[] {
  return changesOf(history, 'task')
    .filter((change) => numberOf(change, 'charged') >= chargedAttemptsMax && textOf(change, 'state') !== 'FAILED')
    .map(
      (change) => `I9 task ${textOf(change, 'id')} is ${textOf(change, 'state')} after ${chargedAttemptsMax} charges`,
    );
}

/** How long each task of a dead worker stayed its own, milliseconds; null while it still is. */
function requeueTimes(history: readonly Change[], { workerIds, atMs }: Death): (number | null)[] {
  return [...byTask(history).values()].flatMap((changes) => {
    const atDeath = changes.findLast((change) => change.atMs <= atMs);
    const isHeld = atDeath !== undefined && HELD.includes(textOf(atDeath, 'state'));
    if (!isHeld || !workerIds.includes(textOf(atDeath, 'worker_id'))) return [];
    const fence = numberOf(atDeath, 'fence');
    const freed = changes.find(
      (change) =>
        change.sequence > atDeath.sequence &&
        (numberOf(change, 'fence') > fence || !HELD.includes(textOf(change, 'state'))),
    );
    return [freed === undefined ? null : freed.atMs - atMs];
  });
}

/** I10: a dead worker's task is given on, or its sealed result is committed, in time. */
export function requeuedInTime(history: readonly Change[], deaths: readonly Death[]): string[] {
  return deaths.flatMap((death) =>
    requeueTimes(history, death)
      .filter((ms) => ms === null || ms > death.limitMs)
      .map((ms) => `I10 a task of the dead worker ${death.workerIds.join()} was given on after ${ms ?? 'infinite'} ms`),
  );
}

/**
 * When a dead worker's task must be given on: a lease and 5 s after its death. An app server that was killed
 * cannot do it: its successor first waits for the leadership, and gives every holder a whole lease.
 */
export function requeueLimitMs(
  diedAtMs: number,
  serverDeathsMs: readonly number[],
  { leaseMs, leaderLeaseMs }: { readonly leaseMs: number; readonly leaderLeaseMs: number },
): number {
  let limitMs = leaseMs + REQUEUE_SLACK_MS;
  for (const atMs of serverDeathsMs.toSorted((a, b) => a - b)) {
    if (atMs > diedAtMs + limitMs) continue;
    limitMs = Math.max(limitMs, atMs - diedAtMs + leaderLeaseMs + leaseMs + REQUEUE_SLACK_MS);
  }
  return limitMs;
}

/**
 * I11: nobody writes outside of the folder of his attempt, nor there long after he has lost it.
 *
 * @param options.disturbedUntilMs until when a worker was frozen or cut off: until then it could not know
 * @param options.quietMs how long a worker that lost its fence may go on writing in its own folder, milliseconds
 */
export function writesAreInPlace(
  history: readonly Change[],
  files: readonly StoredFile[],
  { disturbedUntilMs, quietMs }: { readonly disturbedUntilMs: number; readonly quietMs: number },
): string[] {
  const attempts = changesOf(history, 'attempt');
  const last = new Map(attempts.map((change) => [textOf(change, 'path'), change]));
  return files.flatMap(({ path, modifiedAtMs }) => {
    if (OF_APP_SERVERS.some((folder) => path.startsWith(folder))) return [];
    const attempt = [...last.values()].find((change) => path.startsWith(`${textOf(change, 'path')}/`));
    if (attempt === undefined) return [`I11 ${path} is in nobody's attempt folder`];
    const endedAtMs = attempt.row['ended_at'] === null ? null : Number(attempt.row['ended_at']);
    if (endedAtMs === null) return [];
    const lateMs = modifiedAtMs - Math.max(endedAtMs, disturbedUntilMs);
    return lateMs > quietMs ? [`I11 ${path} was written ${lateMs} ms after its attempt had ended`] : [];
  });
}
