import type { Change, Relation } from './history.ts';

/** What the ResourceManager said at one moment of the applications that carry the installation's tag. */
export interface Sample {
  /** Milliseconds since 1970, by the clock of the history. */
  readonly atMs: number;
  /** Those that have not ended. */
  readonly applications: readonly SampledApplication[];
}

export interface SampledApplication {
  readonly applicationId: string;
  readonly user: string;
  readonly queue: string;
  /** Its master's included. */
  readonly runningContainers: number;
}

/** An application master that was killed, and whose application YARN went on with. */
export interface MasterDeath {
  readonly applicationId: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** The container of a worker and its application. */
export interface WorkerPlace {
  readonly workerId: string;
  readonly containerId: string;
  readonly applicationId: string;
}

const LIVE = ['RESERVED', 'SUBMITTED', 'RUNNING'];
const SUBMITTED = ['SUBMITTED', 'RUNNING'];
const HELD = ['LEASED', 'RUNNING', 'COMMITTING'];

const changesOf = (history: readonly Change[], relation: Relation): Change[] =>
  history.filter((change) => change.relation === relation);
const textOf = ({ row }: Change, column: string): string => String(row[column]);
const numberOf = ({ row }: Change, column: string): number => Number(row[column]);

/** Newest state of each row of a relation at a moment. */
function rowsAt(history: readonly Change[], relation: Relation, key: string, atMs: number): Map<string, Change> {
  const rows = new Map<string, Change>();
  for (const change of changesOf(history, relation)) {
    if (change.atMs > atMs) break;
    if (change.operation === 'delete') rows.delete(textOf(change, key));
    else rows.set(textOf(change, key), change);
  }
  return rows;
}

/** I13: no application of ours runs that no live row knows, and no live row tells of one that YARN does not run, for longer than that. */
export function applicationsHaveRows(
  history: readonly Change[],
  samples: readonly Sample[],
  limitMs: number,
): string[] {
  const oddSinceMs = new Map<string, number>();
  const found = new Set<string>();
  for (const { atMs, applications } of samples) {
    const rows = rowsAt(history, 'yarn_application', 'application_id', atMs);
    const statesOf = (states: readonly string[]) =>
      [...rows].filter(([, row]) => states.includes(textOf(row, 'state'))).map(([id]) => id);
    const running = applications.map(({ applicationId }) => applicationId);
    const known = statesOf(LIVE);
    const odd = [
      ...running.filter((id) => !known.includes(id)).map((id) => `${id} runs in YARN without a live row`),
      ...statesOf(SUBMITTED)
        .filter((id) => !running.includes(id))
        .map((id) => `${id} has a live row and does not run in YARN`),
    ];
    for (const what of [...oddSinceMs.keys()]) if (!odd.includes(what)) oddSinceMs.delete(what);
    for (const what of odd) {
      const sinceMs = oddSinceMs.get(what) ?? atMs;
      oddSinceMs.set(what, sinceMs);
      if (atMs - sinceMs > limitMs) found.add(`I13 ${what} for more than ${limitMs} ms`);
    }
  }
  return [...found];
}

/** I14: a pool has one application at a time, and none was submitted that had not been written down before. */
export function oneApplicationPerPool(history: readonly Change[], samples: readonly Sample[]): string[] {
  const found = new Set<string>();
  const live = new Map<string, string>();
  for (const change of changesOf(history, 'yarn_application')) {
    const id = textOf(change, 'application_id');
    if (change.operation === 'delete' || !LIVE.includes(textOf(change, 'state'))) live.delete(id);
    else live.set(id, textOf(change, 'pool'));
    const pool = textOf(change, 'pool');
    const ids = [...live].filter(([, owner]) => owner === pool).map(([owned]) => owned);
    if (ids.length > 1) found.add(`I14 pool ${pool} has several live applications: ${ids.sort().join(', ')}`);
  }
  const written = new Set(changesOf(history, 'yarn_application').map((change) => textOf(change, 'application_id')));
  for (const { applications } of samples) {
    for (const { applicationId } of applications)
      if (!written.has(applicationId)) found.add(`I14 ${applicationId} was submitted and never written down`);
    for (const [owner, ofOne] of Map.groupBy(applications, ({ user, queue }) => `${user} in ${queue}`))
      if (ofOne.length > 1)
        found.add(
          `I14 YARN runs several applications of ${owner}: ${ofOne.map((one) => one.applicationId).join(', ')}`,
        );
  }
  return [...found];
}

/**
 * I15: no training step is lost with a master. Within an attempt at a task its progress never falls, and what the workers
 * of a killed master's application held then stays theirs until it ends.
 */
export function stepsAreKept(
  history: readonly Change[],
  deaths: readonly MasterDeath[],
  places: readonly WorkerPlace[],
): string[] {
  return [...progressRises(history), ...deaths.flatMap((death) => keptAt(history, death, places))];
}

function progressRises(history: readonly Change[]): string[] {
  const newest = new Map<string, number>();
  return changesOf(history, 'task').flatMap((change) => {
    const attempt = `${textOf(change, 'id')} under fence ${numberOf(change, 'fence')}`;
    const done = fractionOf(change);
    const before = newest.get(attempt);
    if (done === null) return [];
    newest.set(attempt, done);
    return before !== undefined && done < before ? [`I15 task ${attempt}: ${before} done was followed by ${done}`] : [];
  });
}

/** Done part of its work that a task's row tells, 0 to 1, which each iteration of each member raises; null: none. */
export function fractionOf({ row }: Pick<Change, 'row'>): number | null {
  if (typeof row['progress'] !== 'string') return null;
  return (JSON.parse(row['progress']) as { fraction: number }).fraction; // TaskProgress
}

function keptAt(
  history: readonly Change[],
  { applicationId, atMs }: MasterDeath,
  places: readonly WorkerPlace[],
): string[] {
  const workers = places.filter((place) => place.applicationId === applicationId).map(({ workerId }) => workerId);
  return [...rowsAt(history, 'task', 'id', atMs)].flatMap(([id, before]) => {
    if (!HELD.includes(textOf(before, 'state')) || !workers.includes(textOf(before, 'worker_id'))) return [];
    const fence = numberOf(before, 'fence');
    const lost = changesOf(history, 'task').find(
      (change) =>
        change.sequence > before.sequence &&
        textOf(change, 'id') === id &&
        (numberOf(change, 'fence') !== fence || ['READY', 'WAITING'].includes(textOf(change, 'state'))),
    );
    return lost === undefined ? [] : [`I15 task ${id} lost attempt ${fence} with the master of ${applicationId}`];
  });
}

/** I16: an application never has more containers of workers than its pool may have. */
export function poolSizeStays(history: readonly Change[], samples: readonly Sample[], containersMax: number): string[] {
  const found = new Set<string>();
  const live = new Map<string, string>();
  for (const change of changesOf(history, 'yarn_container')) {
    const application = textOf(change, 'application_id');
    const isLive = change.operation !== 'delete' && change.row['ended_at'] === null;
    if (isLive) live.set(textOf(change, 'container_id'), application);
    else live.delete(textOf(change, 'container_id'));
    const count = [...live.values()].filter((owner) => owner === application).length;
    if (count > containersMax) found.add(`I16 ${application} has ${count} containers of at most ${containersMax}`);
  }
  for (const { applications } of samples)
    for (const { applicationId, runningContainers } of applications)
      // One more: its master's own.
      if (runningContainers > containersMax + 1)
        found.add(`I16 YARN runs ${runningContainers - 1} containers of ${applicationId}, of at most ${containersMax}`);
  return [...found];
}

/** I16: at the end nothing of ours is left in YARN, in the books, or on the nodes. */
export function nothingIsLeaked(
  history: readonly Change[],
  last: Sample,
  processes: readonly { readonly pid: number; readonly containerId: string }[],
): string[] {
  const open = (relation: Relation, key: string) =>
    [...rowsAt(history, relation, key, Infinity)].filter(([, { row }]) => row['ended_at'] === null).map(([id]) => id);
  return [
    ...last.applications.map(({ applicationId }) => `I16 ${applicationId} still runs in YARN`),
    ...open('yarn_application', 'application_id').map((id) => `I16 ${id} has not ended`),
    ...open('yarn_container', 'container_id').map((id) => `I16 ${id} has not ended`),
    ...processes.map(({ pid, containerId }) => `I16 process ${pid} of ${containerId} still runs`),
  ];
}
