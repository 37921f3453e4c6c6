import { expect } from 'chai';
import { YarnLab } from '../support/faults/yarn-lab.ts';
import { startHadoopCluster, type DaemonName, type HadoopCluster } from '../support/hadoop/index.ts';
import { until } from '../support/processes.ts';

const RECOVERY_MS_MAX = 90_000;

describe('faults on YARN: failover of the masters of a highly available cluster', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let lab: YarnLab;
  let isOpen = false;

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'ha' });
    lab = await YarnLab.open(cluster);
    isOpen = true;
  });
  after(async () => {
    if (isOpen) await lab.close();
    await cluster.close();
  });
  afterEach(function () {
    lab.letGo();
    if (this.currentTest?.state === 'failed') console.log(String(this.currentTest.err), lab.newestLog());
  });

  /** Which of two daemons is active; undefined: neither. */
  async function activeOf<T extends DaemonName>(urls: readonly string[], names: readonly T[]): Promise<T | undefined> {
    const states = await Promise.all(
      urls.map((url) =>
        fetch(`${url}/isActive`).then(
          ({ status }) => status === 200,
          () => false, // it is the one that was killed
        ),
      ),
    );
    return names[states.indexOf(true)];
  }

  it('the active NameNode killed in the middle of a run', async () => {
    const run = await lab.startRun();
    await lab.hold();
    const names = ['namenode', 'namenode2'] as const;
    const active = await activeOf(cluster.nameNodeUrls, names);
    if (active === undefined) expect.fail('a NameNode is active');
    await cluster.daemon(active).kill();
    const killedAtMs = Date.now();
    lab.letGo();
    await lab.expectSameModels(run);
    await lab.recovered('failover of the NameNode', killedAtMs, RECOVERY_MS_MAX);
    expect(await activeOf(cluster.nameNodeUrls, names)).to.not.equal(active);
    await lab.check();
    await cluster.daemon(active).start();
  });

  it('the active ResourceManager killed in the middle of a run, and all workers', async () => {
    const run = await lab.startRun();
    const { containerId } = await lab.hold();
    const { applicationId } = await lab.application();
    const names = ['resourcemanager', 'resourcemanager2'] as const;
    const active = await activeOf(cluster.resourceManagerUrls, names);
    if (active === undefined) expect.fail('a ResourceManager is active');
    await cluster.daemon(active).kill();
    const killedAtMs = Date.now();
    await lab.killContainer(containerId);
    await until(
      'the other one',
      async () => (await activeOf(cluster.resourceManagerUrls, names)) !== undefined,
      60_000,
    );
    await lab.expectSameModels(run);
    await lab.recovered('failover of the ResourceManager, and a worker killed', killedAtMs, RECOVERY_MS_MAX);
    expect((await lab.application()).applicationId).to.equal(applicationId);
    await lab.check();
    await cluster.daemon(active).start();
  });

  it('leave nothing behind', async () => {
    await lab.expectNothingLeaked();
    await lab.check();
  });
});
