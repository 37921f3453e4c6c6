/** A READY task that a batch of claims may get. */
export interface Candidate {
  readonly id: string;
  /** The project, or the user of a task without one. */
  readonly shareKey: string;
  /** Sum of `cost` of the tasks of its share that workers hold. */
  readonly running: number;
  readonly cost: number;
  readonly priority: number;
  readonly createdAt: number;
  readonly jobPosition: number;
  readonly datasetId: string | null;
  /** What it is predicted to need of its worker; 0: nobody said. */
  readonly memoryBytes: number;
  readonly groupId: string | null;
  /** Others of its group are held already and wait for it. */
  readonly isForming: boolean;
}

/** A worker that waits for a task. */
export interface Claimant {
  readonly cachedDatasets: readonly string[];
  /** Tasks that need more are for others; Infinity: it may have any. */
  readonly capacityBytes: number;
}

/** Who gets what. */
export interface Assignment<C extends Claimant> {
  readonly claimant: C;
  readonly candidate: Candidate;
}

/**
 * Which of the waiting workers get which tasks, as if they had come one after the other: each time a task of priority 0 or
 * above while there is one, of the share with the least running cost, there one of a forming group, then of the highest priority, then one whose dataset a
 * waiting worker has cached, then the oldest; and its cost is added to its share. A task goes to the worker that waited
 * longest of those that have its dataset cached, else to the one that waited longest of those that are left. Tasks that no waiting
 * worker has the memory for, beside what is chosen already, are passed over.
 *
 * This is weighted fair queueing with equal weights, and the dominant share of one resource: whoever has the least runs
 * next, so that between two shares with work the running costs differ by one task at most. At most one group that is not
 * forming is begun, so that two half groups cannot wait for each other.
 *
 * @param claimants the longest waiting first
 * @param limit most assignments
 * @see Demers, Keshav, Shenker: Analysis and simulation of a fair queueing algorithm (1989)
 * @see Ghodsi et al.: Dominant resource fairness (2011), algorithm 1
 */
export function planClaims<C extends Claimant>(
  candidates: readonly Candidate[],
  claimants: readonly C[],
  limit: number,
): Assignment<C>[] {
  const running = new Map(candidates.map(({ shareKey, running: cost }) => [shareKey, cost]));
  const runningOf = ({ shareKey }: Candidate) => running.get(shareKey) ?? 0;
  const waiting = new Set(claimants);
  const seats = openSeats(candidates, claimants, waiting);
  const cacherOf = firstCacher(candidates, claimants, (candidate, claimant) => seats.hasOneBeside(candidate, claimant));
  const left = new Set(candidates);
  const chosen: Assignment<C>[] = [];
  let begun: string | null = null;
  const isForming = ({ isForming: before, groupId }: Candidate) => before || (groupId !== null && groupId === begun);
  // What is there to delay no other task waits for those of all shares, unless a half group waits for it.
  const isBackground = (candidate: Candidate) => candidate.priority < 0 && !isForming(candidate);
  const goesBefore = (a: Candidate, b: Candidate) =>
    (Number(isBackground(a)) - Number(isBackground(b)) ||
      runningOf(a) - runningOf(b) ||
      Number(isForming(b)) - Number(isForming(a)) ||
      b.priority - a.priority ||
      Number(cacherOf(b) !== undefined) - Number(cacherOf(a) !== undefined) ||
      byAge(a, b)) < 0;
  while (chosen.length + seats.taken.length < Math.min(claimants.length, limit)) {
    let next: Candidate | undefined;
    for (const candidate of left) {
      const wouldBeginAnother = begun !== null && candidate.groupId !== null && !isForming(candidate);
      if (wouldBeginAnother || (next !== undefined && !goesBefore(candidate, next))) continue;
      if (cacherOf(candidate) !== undefined || seats.hasOne(candidate)) next = candidate;
    }
    if (next === undefined) break;
    const cacher = cacherOf(next);
    if (cacher === undefined) seats.take(next);
    else {
      waiting.delete(cacher);
      chosen.push({ candidate: next, claimant: cacher });
    }
    left.delete(next);
    running.set(next.shareKey, runningOf(next) + next.cost);
    begun ??= next.groupId;
  }
  return [...chosen, ...seats.assign()];
}

/** Tasks that are to go to whoever waited longest of the workers that are left in the end, and have the memory. */
interface Seats<C extends Claimant> {
  readonly taken: readonly Candidate[];
  /** Whether the task can be taken too, so that each of those that are taken still finds a worker. */
  hasOne(candidate: Candidate): boolean;
  /** Whether a worker may have the task, and those that are taken find workers without that one. */
  hasOneBeside(candidate: Candidate, claimant: C): boolean;
  take(candidate: Candidate): void;
  assign(): Assignment<C>[];
}

/** @param waiting workers that have no task yet, the longest waiting first; workers leave it meanwhile */
function openSeats<C extends Claimant>(
  candidates: readonly Candidate[],
  claimants: readonly C[],
  waiting: ReadonlySet<C>,
): Seats<C> {
  const most = Math.max(0, ...candidates.map(({ memoryBytes }) => memoryBytes));
  const isForAll = claimants.every(({ capacityBytes }) => capacityBytes >= most);
  const taken: Candidate[] = [];
  // Who may have a task may have each smaller one: the largest goes to the largest, and so on.
  const canSeat = (tasks: readonly Candidate[], workers: readonly C[]): boolean => {
    if (isForAll) return tasks.length <= workers.length;
    const capacities = workers.map(({ capacityBytes }) => capacityBytes).sort(descending);
    const needs = tasks.map(({ memoryBytes }) => memoryBytes).sort(descending);
    return needs.every((need, index) => need <= (capacities[index] ?? -1));
  };
  return {
    taken,
    hasOne: (candidate) => canSeat([...taken, candidate], [...waiting]),
    hasOneBeside: (candidate, claimant) =>
      waiting.has(claimant) &&
      candidate.memoryBytes <= claimant.capacityBytes &&
      (isForAll ||
        canSeat(
          taken,
          [...waiting].filter((other) => other !== claimant),
        )),
    take: (candidate) => taken.push(candidate),
    assign() {
      const left = new Set(waiting);
      const inOrder = isForAll ? taken : taken.toSorted((a, b) => descending(a.memoryBytes, b.memoryBytes));
      return inOrder.flatMap((candidate) => {
        const claimant = [...left].find(({ capacityBytes }) => candidate.memoryBytes <= capacityBytes);
        if (claimant === undefined) return [];
        left.delete(claimant);
        return [{ candidate, claimant }];
      });
    },
  };
}

const descending = (a: number, b: number): number => b - a;

/** Who waited longest of those that have a candidate's dataset cached and may have it. */
function firstCacher<C extends Claimant>(
  candidates: readonly Candidate[],
  claimants: readonly C[],
  mayHave: (candidate: Candidate, claimant: C) => boolean,
): (candidate: Candidate) => C | undefined {
  const cachers = new Map<string, C[]>();
  for (const { datasetId } of candidates) if (datasetId !== null) cachers.set(datasetId, []);
  for (const claimant of claimants) {
    for (const datasetId of claimant.cachedDatasets) cachers.get(datasetId)?.push(claimant);
  }
  return (candidate) => cachers.get(candidate.datasetId ?? '')?.find((claimant) => mayHave(candidate, claimant));
}

function byAge(a: Candidate, b: Candidate): number {
  return a.createdAt - b.createdAt || a.jobPosition - b.jobPosition || (a.id < b.id ? -1 : 1);
}
