import { expect } from 'chai';
import { Lab, LEASE_MS, type LabOptions } from '../../support/faults/lab.ts';
import type { Program } from '../../support/faults/program.ts';
import {
  attemptCounts,
  expectSameModels,
  QUICK,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
  type RunKind,
} from '../../support/faults/runs.ts';
import { until } from '../../support/processes.ts';

/** Around the database's part of each statement of a worker. */
const BOTH = ['beforeDatabase', 'afterDatabase'];

interface Statement {
  readonly points: readonly string[];
  /** Failpoints of the worker that bring it to say this. */
  readonly worker: string;
  /** The worker does not reach the app server for longer than a lease first. */
  readonly isCutOff?: boolean;
  /** Only a long training says it. */
  readonly isSlow?: boolean;
  /** The worker says it when it is asked to end. */
  readonly isLeaving?: boolean;
  /** The worker dies with its task; another takes it. */
  readonly isLost?: boolean;
}

const STATEMENTS: Readonly<Record<string, Statement>> = {
  register: { points: BOTH, worker: '' },
  claim: { points: BOTH, worker: '' },
  start: { points: BOTH, worker: '' },
  beat: { points: BOTH, worker: 'worker.write=pause:1500' },
  resume: { points: BOTH, worker: 'worker.close=pause:6000', isCutOff: true },
  checkpoint: { points: BOTH, worker: '', isSlow: true },
  seal: { points: BOTH, worker: '' },
  drain: { points: BOTH, worker: '', isLeaving: true },
  commit: { points: ['beforeVerify', 'afterVerify', 'beforeDatabase', 'inDatabase', 'afterDatabase'], worker: '' },
  fail: { points: BOTH, worker: 'worker.read=kill' },
  expire: { points: ['beforeDatabase'], worker: 'worker.start=kill', isLost: true },
};

/** All statements, and what the reaper does for workers that say nothing any more. */
export const SERVER_STATEMENTS: readonly string[] = Object.keys(STATEMENTS);

/** All failpoints of the app server's side of the worker protocol, `queue.STATEMENT.POINT`. */
export const SERVER_POINTS = Object.entries(STATEMENTS).flatMap(([name, { points }]) =>
  points.map((point) => `queue.${name}.${point}`),
);

/** Kills the app server within each statement of a worker and starts it again; the run ends with the same models. */
export function serverKilledSuite(database: LabOptions['database'] & string, points: readonly string[]): void {
  describe(`faults on ${database}: app server killed in a worker's statement`, function () {
    this.timeout(180_000);
    let lab: Lab;
    const kinds = new Set(points.map((point) => (statementOf(point).isSlow === true ? SLOW : QUICK)));
    const datasetIds = new Map<RunKind, string>();
    before(async () => {
      lab = await Lab.open({ database });
      const worker = lab.startWorker();
      for (const kind of kinds) {
        await undisturbedHashes(kind);
        datasetIds.set(kind, await uploadChurn(lab, kind));
      }
      await lab.stop(worker);
    });
    after(() => lab.close());
    // What one test left behind must not fail the next ones.
    afterEach(async () => {
      await lab.stopWorkers();
      if (!lab.server.program().isRunning) await lab.server.start();
    });

    for (const point of points) {
      const statement = statementOf(point);
      const kind = statement.isSlow === true ? SLOW : QUICK;
      it(point, async () => {
        const { server } = lab;
        const run = await startRun(lab, datasetIds.get(kind) ?? '', kind);
        if (statement.isCutOff === true) await cutOff(lab, statement);
        else await lab.stop(server.program());
        const armed = await server.start(`${point}=kill`);
        if (statement.isCutOff !== true) startWorkers(lab, statement);
        if (statement.isLeaving === true) await leave(lab, armed);
        const { signal, atMs } = await armed.ended;
        expect(signal, armed.output.slice(-1_000)).to.equal('SIGKILL');
        await server.start();
        await expectSameModels(lab, run, kind);
        await lab.recovered(`app server killed: ${point}`, atMs, 40_000);
        // A repeated statement finds what the first has done: nothing is computed twice because of the app server.
        expectAttempts(statement, await attemptCounts(lab, run.job.id));
        await lab.check();
      });
    }
  });
}

function statementOf(point: string): Statement {
  const statement = STATEMENTS[point.split('.')[1] ?? ''];
  if (statement === undefined) throw new Error(`no statement ${point}`);
  return statement;
}

function startWorkers(lab: Lab, { worker, isLost }: Statement): void {
  const victim: Program = lab.startWorker({ failpoints: worker });
  if (isLost === true) void victim.ended.then(() => lab.startWorker());
}

function expectAttempts({ worker, isLeaving }: Statement, counts: readonly number[]): void {
  const repeated = counts.filter((count) => count > 1);
  // Whoever leaves gives back the task that it has in hand, unless that ends in time.
  if (isLeaving === true) expect(repeated).to.be.deep.oneOf([[], [2]]);
  else expect(counts).to.deep.equal(counts.map((_count, index) => (index === 0 && worker.endsWith('kill') ? 2 : 1)));
}

/** A worker in the middle of the run is asked to end; another one goes on. */
async function leave(lab: Lab, armed: Program): Promise<void> {
  await lab.task('a task in work', ({ state }) => state === 'RUNNING');
  void armed.ended.then(() => lab.startWorker());
  await lab.stopWorkers();
}

/** A worker with a task that has heard nothing for more than a lease. */
async function cutOff(lab: Lab, { worker }: Statement): Promise<void> {
  lab.startWorker({ failpoints: worker });
  await lab.task('a running task', ({ kind, state }) => kind === 'train' && state === 'RUNNING');
  const { atMs } = await lab.server.program().kill();
  await until('the end of the lease', () => Date.now() > atMs + LEASE_MS);
}
