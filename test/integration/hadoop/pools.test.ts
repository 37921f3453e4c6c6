import { expect } from 'chai';
import { Job, MEMORY_SHARE_MAX, Model } from '#contracts';
import { listYarnPools, liveApplications, newestApplications, rawRows } from '#store';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { modelled } from '../../support/modelling.ts';
import { freePorts } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';
import { installPrograms, removePrograms, yarnFlags } from '../../support/yarn-platform.ts';
import { churnCsv } from '../worker/support.ts';

const START_MS = 120_000;
/** Of the app server, printed when a test fails. */
const LOG_LINES = 100;

const GIB = 1024 ** 3;

/** Numbers without repeats, two of which decide the label. */
function wideCsv(columnCount: number, rowCount: number): string {
  const head = [...Array.from({ length: columnCount }, (_, column) => `n${column}`), 'label'].join(',');
  const lines = Array.from({ length: rowCount }, (_, row) => {
    const values = Array.from({ length: columnCount }, (__, column) => Math.sin(row * (column + 1.5)).toFixed(9));
    return [...values, Number(values[0]) + Number(values[1]) > 0 ? 'yes' : 'no'].join(',');
  });
  return `${[head, ...lines].join('\n')}\n`;
}

/** The whole way: an end user's job on YARN, data and models in HDFS. */
describe('pools on YARN', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let platform: TestAppServer;

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    await installPrograms(cluster);
    const [port = 0] = await freePorts(1);
    platform = await startTestAppServer({
      ...yarnFlags(cluster),
      'server.port': port,
      'yarn.containerIdleMs': 2_000,
      'yarn.applicationIdleMs': 2_000,
      'yarn.reconcileMs': 1_000,
    });
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(platform.log.slice(-LOG_LINES).join('\n'));
  });
  after(async () => {
    await platform.close();
    await removePrograms(cluster);
  });

  it('runs Autopilot as an end user, in his name, and gives everything back', async () => {
    const { api: alice } = await platform.user('alice');
    const { database } = platform.server;
    const { board } = await modelled(
      alice,
      { content: churnCsv(300), fileName: 'churn.csv' },
      { target: 'label', maxModels: 2 },
    );
    expect(board.data.length).to.be.greaterThan(1);
    const [pool] = await listYarnPools(database);
    expect(pool).to.include({ name: 'yarn:ml:alice', userName: 'alice', queue: 'ml' });
    const application = (await newestApplications(database)).get('yarn:ml:alice');
    expect(application?.applicationId).to.match(/^application_/);
    const workers = await rawRows<{ container_id: string | null }>(database, 'select container_id from worker');
    expect(workers.length).to.be.greaterThan(0);
    for (const { container_id: id } of workers) expect(id).to.match(/^container_/);
    await until('the pool’s application to end', async () => (await liveApplications(database)).length === 0, START_MS);
    const ended = (await newestApplications(database)).get('yarn:ml:alice');
    expect(ended?.state).to.equal('ENDED');
    expect(ended?.diagnostics).to.match(/^SUCCEEDED: No task for 2 s/);
  });

  it('starts a larger container for a model that is predicted to need one', async () => {
    const { api: alice } = await platform.user('alice');
    const { database } = platform.server;
    const { projectId } = await modelled(
      alice,
      { content: wideCsv(20, 1_500), fileName: 'wide.csv' },
      { target: 'label', maxModels: 1, mode: 'quick' },
    );
    // A histogram of 1,000 bins for each of 4,096 leaves and 20 columns: 1.3 GB.
    const job = await alice.call('POST', `/projects/${projectId}/models`, 202, Job, {
      json: { blueprintId: 'lightgbm-default', parameters: { leaves: 4_096, maxBins: 1_000, maxIterations: 3 } },
    });
    const model = await alice.get((await alice.succeeded(job)).resource ?? '', Model);
    expect(model.predictedMemoryBytes).to.be.greaterThan(1.3 * GIB);
    expect(model.peakMemoryBytes).to.be.lessThan(model.predictedMemoryBytes ?? 0);
    const [attempt] = await rawRows<{ memory_mb: number; memory_bytes: number }>(
      database,
      `select yarn_container.memory_mb, worker.memory_bytes from attempt join worker on worker.id = attempt.worker_id
       join yarn_container on yarn_container.container_id = worker.container_id where attempt.task_id = ?`,
      [model.taskId],
    );
    expect(attempt?.memory_mb).to.equal(2_048);
    expect(attempt?.memory_bytes).to.be.greaterThan((model.predictedMemoryBytes ?? Infinity) / MEMORY_SHARE_MAX);
  });
});
