import { earlierClaims, openAttempts, type Claim, type RequestIdentity, type TakenRow } from './claim-attempts.ts';
import { claimable, findCandidates, FORMING_SQL, type Look } from './claim-candidates.ts';
import { planClaims, type Assignment, type Claimant } from './claim-plan.ts';
import type { Transaction } from './database.ts';
import { rawRows } from './dialect.ts';
import { largestWorkerBytes, mostWantedBytes } from './worker-memory.ts';

/** A worker that asks for a task. */
export interface ClaimRequest extends RequestIdentity {
  /** Of the worker: only tasks of this pool are given to it. */
  readonly pool: string;
  /** Datasets that need not be read again. */
  readonly cachedDatasets: readonly string[];
  /** Limit of the worker's process tree: tasks that are predicted to need more go to larger ones, where there are any. */
  readonly memoryBytes: number;
  /** Whether the worker may be given a member of a group, or an ensemble. */
  readonly joinsGroups: boolean;
  /** Whether the request may have been answered before; one that was looked at lately and is still held has not. */
  readonly mayBeRepeat: boolean;
  /** Makes the name of the attempt's folder unique; random. */
  readonly nonce: string;
}

export interface ClaimOptions {
  readonly leaseMs: number;
  /** How long the first member of a group waits for the others. */
  readonly groupWaitMs: number;
  /** Largest container of a worker that is asked for in YARN, MB. */
  readonly containerMemoryMaxMb: number;
  /** Tasks given out by one call at most: its transaction should be short. */
  readonly tasksMax: number;
}

/** Looks at the queue by one call: another replica that claims at the same moment costs one more. */
const ROUNDS_MAX = 8;

/**
 * Gives tasks to workers that wait for one, all in one transaction, in the order of `planClaims`. The fence of each
 * task rises by one; everything that its worker says later carries it. The answer has a claim for a request that got a
 * task, now or before, and null for one whose lease is over; the others found nothing.
 *
 * Transactions of other replicas are not waited for: PostgreSQL passes over rows that they have locked (SKIP LOCKED, as
 * every queue in PostgreSQL since 9.5), and the next tasks are taken instead. Their tasks do not yet count as running,
 * so that fairness is exact up to one batch per replica.
 *
 * @param requests no two with the same ids; the longest waiting first
 * @throws a unique violation when a request that was said to be no repeat is one
 */
export async function claimTasks(
  trx: Transaction,
  requests: readonly ClaimRequest[],
  options: ClaimOptions,
): Promise<Map<ClaimRequest, Claim | null>> {
  const answers = await earlierClaims(
    trx,
    requests.filter(({ mayBeRepeat }) => mayBeRepeat),
  );
  for (const [pool, ofPool] of Map.groupBy(requests, (request) => request.pool)) {
    const asked = await withCapacities(trx, pool, ofPool, options);
    for (const withGroups of [true, false]) {
      const open = asked.filter(({ request }) => request.joinsGroups === withGroups && !answers.has(request));
      const look = { pool, withGroups, tasksMax: options.tasksMax - answers.size };
      for (const [request, claim] of await giveOut(trx, open, { ...options, ...look })) answers.set(request, claim);
    }
  }
  return answers;
}

/** A request as the plan sees it. */
interface Asked extends Claimant {
  readonly request: ClaimRequest;
}

/** The largest worker of a pool may have any task: what needs more than it has will not find more. */
async function withCapacities(
  trx: Transaction,
  pool: string,
  requests: readonly ClaimRequest[],
  { containerMemoryMaxMb }: ClaimOptions,
): Promise<readonly Asked[]> {
  const least = Math.min(...requests.map(({ memoryBytes }) => memoryBytes));
  const isForAll = (await mostWantedBytes(trx, pool)) <= least;
  const largest = isForAll ? 0 : await largestWorkerBytes(trx, pool, containerMemoryMaxMb);
  return requests.map((request) => ({
    request,
    cachedDatasets: request.cachedDatasets,
    capacityBytes: request.memoryBytes >= largest ? Infinity : request.memoryBytes,
  }));
}

async function giveOut(
  trx: Transaction,
  requests: readonly Asked[],
  options: ClaimOptions & Pick<Look, 'pool' | 'withGroups'>,
): Promise<Map<ClaimRequest, Claim>> {
  const claims = new Map<ClaimRequest, Claim>();
  const missed: string[] = [];
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const open = requests.filter(({ request }) => !claims.has(request));
    const count = Math.min(open.length, options.tasksMax - claims.size);
    if (count <= 0) break;
    const capacityBytes = Math.max(...open.map((asked) => asked.capacityBytes));
    const candidates = await findCandidates(trx, { ...options, count, capacityBytes, without: missed });
    const plan = planClaims(candidates, open, count);
    const rows = await take(trx, await beginGroups(trx, plan, options), options.leaseMs);
    const taken = plan.flatMap(({ claimant, candidate }) => {
      const row = rows.get(candidate.id);
      return row === undefined ? [] : [{ request: claimant.request, row }];
    });
    for (const [request, claim] of await openAttempts(trx, taken)) claims.set(request, claim);
    // Look past what another replica has locked, and past what nobody may have now.
    const ofNoUse = plan.length < count ? candidates : plan.map(({ candidate }) => candidate);
    const passed = ofNoUse.filter(({ id }) => !rows.has(id));
    if (passed.length === 0) break;
    missed.push(...passed.map(({ id }) => id));
  }
  return claims;
}

/**
 * Begins the group that a plan wants to begin: from now on its members go first, and its time runs. Assignments of a
 * group that may not be begun after all are left out: another replica begins one at this moment.
 */
async function beginGroups<A extends Assignment<Asked>>(
  trx: Transaction,
  plan: readonly A[],
  { groupWaitMs }: ClaimOptions,
): Promise<readonly A[]> {
  const begun = plan.find(({ candidate: { groupId, isForming } }) => groupId !== null && !isForming)?.candidate.groupId;
  if (begun === undefined || begun === null) return plan;
  const rows = (await lockGroupBeginning(trx))
    ? await rawRows(
        trx,
        `update task_group set forming_until = ${trx.dialect.now} + ? where id = ? and forming_until is null
           and formed_at is null and not exists (
             select 1 from task_group other where other.pool = task_group.pool and ${FORMING_SQL}) returning id`,
        [groupWaitMs, begun],
      )
    : [];
  return rows.length === 1 ? plan : plan.filter(({ candidate }) => candidate.groupId !== begun);
}

/** Only one transaction at a time begins a group: two would not see that the other one does. */
async function lockGroupBeginning(trx: Transaction): Promise<boolean> {
  if (trx.dialect.tryGroupLock === null) return true;
  const rows = await rawRows<{ locked: boolean }>(trx, trx.dialect.tryGroupLock);
  return rows[0]?.locked === true;
}

/** Leases the planned tasks; those that are not in the answer were taken or changed by somebody else meanwhile. */
async function take(
  trx: Transaction,
  plan: readonly Assignment<Asked>[],
  leaseMs: number,
): Promise<Map<string, TakenRow>> {
  if (plan.length === 0) return new Map();
  const { now, forUpdateSkipLocked } = trx.dialect;
  const ids = plan.map(({ candidate }) => candidate.id);
  const rows = await rawRows<TakenRow>(
    trx,
    `update task set state = 'LEASED', fence = fence + 1, lease_until = ${now} + ?,
       worker_id = case id ${plan.map(() => 'when ? then ?').join(' ')} end
     where id in (select id from task where ${claimable(trx.dialect)} and id in (${ids.map(() => '?').join(', ')})
       ${forUpdateSkipLocked})
     returning *, deadline_at - ${now} as remaining_ms`,
    [leaseMs, ...plan.flatMap(({ claimant, candidate }) => [candidate.id, claimant.request.workerId]), ...ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
