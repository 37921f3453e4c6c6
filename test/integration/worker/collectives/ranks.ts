import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { issueGroupCertificates } from '#runtime';
import type { RankAddress } from '../../../../yarn-workers/worker/collectives/messages.ts';
import { testEngine } from '../../../support/boosting-engine.ts';
import { until } from '../../../support/processes.ts';
import type { RankConfig, RankEvent, ToRank } from './rank.ts';
import { findTableBins, type PartJob } from './train-part.ts';

const PROGRAM = path.join(import.meta.dirname, 'rank.ts');
/** So many that two models of them have the same AUC within 0.001. */
const ROWS_OF_PART = 12_000;
/** A port that nobody listens at. */
const DEAD_PORT = 1;

/** A rank's process. */
export interface RankProcess {
  readonly rank: number;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly events: readonly RankEvent[];
  /** What it wrote to standard error. */
  readonly stderr: string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
  /** The first event that fits, also one that has come already; fails when the rank ends without. */
  until<K extends RankEvent['event']>(
    kind: K,
    fits?: (event: Extract<RankEvent, { event: K }>) => boolean,
  ): Promise<Extract<RankEvent, { event: K }>>;
  /** Why its group broke, and how it ended. */
  brokenEnd(): Promise<{ readonly reason: string; readonly code: number | string | null }>;
}

export interface GroupPlan {
  readonly size: number;
  readonly job?: Partial<PartJob>;
  readonly epoch?: number;
  readonly limits?: RankConfig['limits'];
  /** What is other on a rank; null: there is none. */
  readonly change?: (config: RankConfig) => RankConfig | null;
  /** May do something while each listens and none knows the others. */
  readonly onListening?: (ranks: readonly RankProcess[], addresses: readonly RankAddress[]) => Promise<void> | void;
}

export const GROUP_ID = 'g_test';
const DAY_MS = 24 * 3_600_000;

export const certificatesOf = (size: number, groupId = GROUP_ID) =>
  issueGroupCertificates({ groupId, size, now: Date.now(), validMs: DAY_MS });

/** A job of all ranks; `parts` are the rank's own, by its number. */
export function jobOf(size: number, more: Partial<PartJob> = {}): PartJob {
  const job: Omit<PartJob, 'bins'> = {
    blueprintId: 'lightgbm-default',
    changes: {},
    rowsOfPart: ROWS_OF_PART,
    totalRows: size * ROWS_OF_PART,
    iterations: 60,
    parameters: {},
    resumed: new Uint8Array(0),
    parts: Array.from({ length: size }, (_, part) => part),
    ...more,
  };
  return { ...job, bins: findTableBins(testEngine(), job) };
}

/** Starts the ranks of a group, each a process, and lets them meet. */
export async function startRanks(plan: GroupPlan): Promise<RankProcess[]> {
  const { size, epoch = 1, limits = {} } = plan;
  const certificates = certificatesOf(size);
  const job = jobOf(size, plan.job);
  const configs = certificates.flatMap((own, rank) => {
    const member = { groupId: GROUP_ID, rank, size, epoch, certificates: own };
    const config: RankConfig = { member, limits, job: { ...job, parts: [rank] } };
    return (plan.change === undefined ? config : plan.change(config)) ?? [];
  });
  const ranks = configs.map(startRank);
  const addresses = Array.from({ length: size }, () => ({ host: '127.0.0.1', port: DEAD_PORT }));
  for (const { rank, port } of await Promise.all(ranks.map(({ listening }) => listening)))
    addresses[rank] = { host: '127.0.0.1', port };
  await plan.onListening?.(
    ranks.map(({ own }) => own),
    addresses,
  );
  for (const { own } of ranks) own.process.send({ type: 'peers', addresses } satisfies ToRank);
  return ranks.map(({ own }) => own);
}

function startRank(config: RankConfig) {
  const { rank } = config.member;
  const process = fork(PROGRAM, [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'pipe', 'ipc', 'pipe'],
  });
  let stderr = '';
  process.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const events: RankEvent[] = [];
  const pipe = process.stdio[4] as Readable; // asked for above
  const lines = createInterface({ input: pipe }).on('line', (line) => events.push(JSON.parse(line) as RankEvent)); // its own
  const ended = Promise.all([once(process, 'close'), once(lines, 'close')]).then(([[code, signal]]) => {
    hasEnded = true;
    return (code ?? signal) as number | string | null; // of Node's event
  });
  let hasEnded = false;
  const listening = new Promise<{ rank: number; port: number }>((resolve, reject) => {
    process.on('message', ({ port }: { port: number }) => resolve({ rank, port }));
    void ended.then(() => reject(new Error(`rank ${rank} ended before it listened`)));
  });
  process.send({ type: 'config', config } satisfies ToRank);
  const untilEvent: RankProcess['until'] = (kind, fits = () => true) =>
    until(`${kind} of rank ${rank}`, () => {
      type Wanted = Extract<RankEvent, { event: typeof kind }>;
      const found = events.find((event): event is Wanted => event.event === kind && fits(event as Wanted));
      if (found === undefined && hasEnded)
        throw new Error(`rank ${rank} ended without ${kind}: ${said(events)} ${stderr}`);
      return found;
    });
  const own: RankProcess = {
    rank,
    pid: process.pid ?? 0,
    process,
    events,
    get stderr() {
      return stderr;
    },
    ended,
    until: untilEvent,
    async brokenEnd() {
      const code = await ended;
      const reasons = events.flatMap((event) => (event.event === 'failure' ? [event.reason] : []));
      if (reasons.length !== 1)
        throw new Error(`rank ${rank} told ${reasons.length} reasons, ${String(code)}: ${said(events)}`);
      return { reason: reasons[0] ?? '', code };
    },
  };
  return { own, listening };
}

const said = (events: readonly RankEvent[]): string => JSON.stringify(events.slice(-5)).slice(0, 1_000);
