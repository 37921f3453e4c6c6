import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Job } from '#contracts';
import { newProject, startAutopilot } from '../../support/modelling.ts';
import { isAlive, until, type ProcessEntry } from '../../support/processes.ts';
import { openCluster, type Cluster, type WorkerProcess } from './cluster.ts';
import { churnCsv } from './support.ts';

const LEASE_MS = 500;
const BEAT_MS = 125;
/** How long a training is held up at its first checkpoint: longer than anything here waits. */
const HELD_UP = 'worker.checkpoint=pause:600000';

interface AttemptRow {
  readonly task_id: string;
  readonly fence: number;
  readonly path: string;
  readonly ending: string | null;
}

describe('worker: the app server, out of reach or refusing', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let datasetId = '';
  before(async () => {
    cluster = await openCluster({
      'queue.leaseMs': LEASE_MS,
      'queue.beatMs': BEAT_MS,
      'worker.checkpointMs': 0,
      // Attempts of a project are those of its run.
      'autopilot.insights': 'none',
    });
    const worker = cluster.startWorker();
    datasetId = await cluster.api.dataset({ content: churnCsv(300), fileName: 'table.csv' });
    await cluster.stop(worker);
  });
  after(() => cluster.close());

  async function train(): Promise<{ projectId: string; job: Job }> {
    const projectId = await newProject(cluster.api, datasetId);
    const request = { target: 'label', maxModels: 1, blueprints: ['lightgbm-extra-trees'], seed: 7 };
    return { projectId, job: await startAutopilot(cluster.api, projectId, request) };
  }
  const trainingBy = (worker: WorkerProcess) =>
    worker.until('a train task', ({ event, kind }) => event === 'task_started' && kind === 'train');
  const attemptsOf = async (projectId: string): Promise<AttemptRow[]> =>
    cluster.server.database
      .knex('attempt')
      .join('task', 'task.id', 'attempt.task_id')
      .where({ 'task.share_key': projectId })
      .orderBy(['attempt.claimed_at', 'attempt.fence'])
      .select<AttemptRow[]>('attempt.task_id', 'attempt.fence', 'attempt.path', 'attempt.ending');

  it('away for ten leases while a model trains: the same attempt goes on and commits', async () => {
    const worker = cluster.startWorker('worker.checkpoint=pause:3000');
    const { projectId, job } = await train();
    await trainingBy(worker);
    await cluster.stopServer();
    const stoppedAtMs = performance.now();
    await until('ten leases', () => performance.now() - stoppedAtMs > 10 * LEASE_MS);
    await cluster.restartServer();
    await cluster.api.succeeded(job);
    const attempts = await attemptsOf(projectId);
    expect(attempts.map(({ ending }) => ending)).to.deep.equal(attempts.map(() => 'committed'));
    expect(new Set(attempts.map(({ task_id }) => task_id)).size, 'one attempt a task').to.equal(attempts.length);
    expect(worker.lines.some(({ event }) => event === 'beat_unanswered')).to.be.true;
    expect(worker.lines.some(({ event }) => event === 'task_process_died')).to.be.false;
    await cluster.stop(worker);
  });

  it('frozen for longer than its lease, then refused: its child is killed within a beat and nothing is written', async () => {
    const frozen = cluster.startWorker(HELD_UP);
    const { projectId, job } = await train();
    await trainingBy(frozen);
    const [own] = await until('the attempt', async () => {
      const attempts = await attemptsOf(projectId);
      return attempts.length > 0 && attempts;
    });
    const folder = own?.path ?? expect.fail('no attempt');
    await until('the first checkpoint', () => objectsBelow(folder).size > 0);
    await until('its progress', async () =>
      / models ready; fold 1 of 5: iteration 50 of 1500$/.test(
        (await cluster.api.get(`/jobs/${job.id}`, Job)).progress.message,
      ),
    );
    const child = cluster.childrenOf(frozen.pid)[0] ?? expect.fail('no child');
    for (const pid of [frozen.pid, child.pid]) process.kill(pid, 'SIGSTOP');
    const other = cluster.startWorker();
    await cluster.api.succeeded(job);
    const before = objectsBelow('');

    const continuedAtMs = performance.now();
    for (const pid of [child.pid, frozen.pid]) process.kill(pid, 'SIGCONT');
    await frozen.until('the refusal', ({ event }) => event === 'task_interrupted' || event === 'task_refused');
    await until('the end of the child', () => !isAlive(child satisfies ProcessEntry));
    expect(performance.now() - continuedAtMs).to.be.lessThan(BEAT_MS + 1_000);
    await frozen.until('another child', () => frozen.lines.filter(({ event }) => event === 'child_ready').length === 2);
    const after = objectsBelow('');
    for (const [name, hash] of after) if (!name.startsWith(folder)) expect(before.get(name), name).to.equal(hash);
    for (const name of before.keys()) if (!name.startsWith(folder)) expect(after.has(name), name).to.be.true;
    const endings = (await attemptsOf(projectId)).filter(({ task_id }) => task_id === own?.task_id);
    expect(endings.map(({ ending }) => ending)).to.deep.equal(['expired', 'committed']);
    await cluster.stop(other);
    await cluster.stop(frozen);
  });

  /** Objects of a folder of the store with their hashes. */
  function objectsBelow(folder: string): Map<string, string> {
    const { root } = cluster.config.objectStore;
    const found = new Map<string, string>();
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.startsWith('.')) continue;
      const file = path.join(entry.parentPath, entry.name);
      const name = path.relative(root, file);
      if (name.startsWith(folder)) found.set(name, createHash('sha256').update(readFileSync(file)).digest('hex'));
    }
    return found;
  }
});
