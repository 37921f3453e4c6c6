import { expect } from 'chai';
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
});
