import { expect } from 'chai';
import { rawRows } from '#store';
import { LEADER_LEASE_MS } from '../../appserver/server/duties/index.ts';
import { Lab, type Replica } from '../support/faults/lab.ts';
import { noteRecovery } from '../support/faults/recovery.ts';
import {
  expectSameModels,
  inTraining,
  QUICK,
  SLOW,
  startRun,
  undisturbedHashes,
  uploadChurn,
} from '../support/faults/runs.ts';
import { until } from '../support/processes.ts';

/** 6.7 s on a machine that has nothing else to do. */
const LEADS = { what: 'the other one leads', limitMs: 15_000 };

describe('faults: two app servers on one PostgreSQL', function () {
  this.timeout(180_000);
  let lab: Lab;
  let datasetId = '';
  let slowDataset = '';
  before(async () => {
    await undisturbedHashes(QUICK);
    await undisturbedHashes(SLOW);
    lab = await Lab.open({ database: 'postgres', replicas: 2, flags: { 'database.statementTimeoutMs': 4_000 } });
    const worker = lab.startWorker();
    datasetId = await uploadChurn(lab);
    slowDataset = await uploadChurn(lab, SLOW);
    await lab.stop(worker);
  });
  after(() => lab.close());
  afterEach(async () => {
    await lab.stopWorkers();
    for (const replica of lab.replicas) if (!replica.program().isRunning) await replica.start();
  });

  /** The replica that leads a duty, and the other one. */
  async function leaderOf(duty: string): Promise<{ leading: Replica; other: Replica }> {
    return until(`a leader of ${duty}`, () => {
      const [a, b] = lab.replicas;
      if (a === undefined || b === undefined) throw new Error('there are two replicas');
      const leads = (replica: Replica) => {
        const news = replica.program().lines.filter((line) => line.event === 'leadership' && line['duty'] === duty);
        return news.length > 0 && news.at(-1)?.['fence'] !== null;
      };
      if (leads(a) === leads(b)) return null;
      return leads(a) ? { leading: a, other: b } : { leading: b, other: a };
    });
  }

  const taken = (duty: string, replica: Replica, fromLine: number) =>
    until(`${duty} at the other replica`, () =>
      replica
        .program()
        .lines.slice(fromLine)
        .some((line) => line.event === 'leadership' && line['duty'] === duty && line['fence'] !== null),
    );

  it('the leading one killed: the other takes the duties, clients there go on, a lost task is given on', async () => {
    const { leading, other } = await leaderOf('reaper');
    const run = await startRun(lab, slowDataset, SLOW);
    const victim = lab.startWorker({ serverUrl: other.url });
    await inTraining(lab);
    const fromLine = other.program().lines.length;
    const { atMs } = await leading.program().kill();
    await victim.kill();
    lab.startWorker({ serverUrl: other.url });
    expect((await other.api.request('GET', '/projects')).status).to.equal(200);
    await taken('reaper', other, fromLine);
    noteRecovery('leading app server killed', Date.now() - atMs, LEADS);
    await lab.succeeded(run.job.id, other.api);
    await lab.recovered('leading app server and a worker killed', atMs, 25_000);
    await leading.start();
    await expectSameModels(lab, run, SLOW);
    await lab.check();
  });

  it('the leading one frozen for three leader leases: the other leads; thawed, it does nothing twice', async () => {
    const { leading, other } = await leaderOf('reaper');
    const victim = lab.startWorker({ serverUrl: other.url });
    const run = await startRunAt(other, slowDataset);
    await inTraining(lab);
    const fromLine = other.program().lines.length;
    leading.program().freeze();
    const frozenAtMs = Date.now();
    try {
      await victim.kill();
      lab.startWorker({ serverUrl: other.url });
      await taken('reaper', other, fromLine);
      noteRecovery('leading app server frozen', Date.now() - frozenAtMs, LEADS);
      await lab.succeeded(run.job.id, other.api);
      await lab.recovered('leading app server frozen, a worker killed', frozenAtMs, 25_000);
      await until('three leader leases', () => Date.now() > frozenAtMs + 3 * LEADER_LEASE_MS, 4 * LEADER_LEASE_MS);
    } finally {
      leading.program().thaw();
      lab.serverDisturbed(frozenAtMs);
    }
    await until('the frozen one to see that it no longer leads', () => {
      const news = leading.program().lines.filter((line) => line.event === 'leadership' && line['duty'] === 'reaper');
      return news.at(-1)?.['fence'] === null;
    });
    // Both are of use again.
    lab.startWorker({ serverUrl: leading.url });
    await expectSameModels(lab, await startRun(lab, datasetId), QUICK);
    await expectSameModels(lab, run, SLOW);
    const doubled = await rawRows(lab.database, 'select event_id from outbox group by event_id having count(*) > 1');
    expect(doubled).to.deep.equal([]);
    await lab.check();
  });

  it('one frozen in the middle of a commit, with its locks: the database lets go, the result is committed once', async () => {
    const [first, second] = lab.replicas;
    if (first === undefined || second === undefined) throw new Error('there are two replicas');
    await lab.stop(first.program());
    const armed = await first.start('queue.commit.inDatabase=pause:3000@2');
    const run = await startRunAt(second, datasetId);
    lab.startWorker({ serverUrl: first.url });
    // The second commit of this replica waits in its transaction.
    await lab.task('a task that is being committed', ({ state }) => state === 'COMMITTING');
    armed.freeze();
    const frozenAtMs = Date.now();
    try {
      lab.startWorker({ serverUrl: second.url });
      await lab.succeeded(run.job.id, second.api);
      await lab.recovered('app server frozen in the middle of a commit', frozenAtMs, 15_000);
    } finally {
      armed.thaw();
      lab.serverDisturbed(frozenAtMs);
      lab.disturbed();
    }
    await expectSameModels(lab, run);
    await lab.check();
  });

  async function startRunAt(replica: Replica, dataset: string) {
    const isSlow = dataset === slowDataset;
    return startRun(lab, dataset, isSlow ? SLOW : QUICK, replica.api);
  }
});
