import { expect } from 'chai';
import { AuthenticatedHttp, HttpTransport } from '#hadoop-auth';
import { ResourceManagerClient } from '#yarn';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { isAlive } from '../../support/processes.ts';
import { AppServerDouble } from '../../support/yarn/app-server-double.ts';
import { installPrograms, startPool, untilWorker, workerLaunch } from '../../support/yarn/pool.ts';

describe('two ResourceManagers', function () {
  this.timeout(180_000);
  this.slow(30_000);

  const appServer = new AppServerDouble('the secret of a pool');
  let cluster: HadoopCluster;

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('ha');
    await appServer.open();
  });
  after(() => appServer.close());

  const clientOf = (urls: readonly string[]): ResourceManagerClient =>
    new ResourceManagerClient({
      http: new AuthenticatedHttp(new HttpTransport(), { kind: 'simple', user: 'alice' }),
      urls,
      patienceMs: 60_000,
    });

  it('are one: the active one is found from either side and followed when it dies (4, 6)', async () => {
    const [first = '', second = ''] = cluster.resourceManagerUrls;
    const programs = await installPrograms(cluster);
    appServer.wish({ launch: workerLaunch(programs), wantedCount: 2 });
    const applicationId = await startPool(cluster, programs, appServer);
    const { held } = await appServer.untilRunning(2, 60_000);
    const workers = await Promise.all(held.map(({ containerId }) => untilWorker(containerId)));
    const clients = [clientOf([first, second]), clientOf([second, first])];
    for (const client of clients) expect((await client.sight(applicationId)).kind).to.equal('known');
    const [active] = new Set(clients.map(({ activeUrl }) => activeUrl));
    expect(clients.map(({ activeUrl }) => activeUrl)).to.deep.equal([active, active]);
    const daemon = cluster.daemon(active === first ? 'resourcemanager' : 'resourcemanager2');
    await daemon.kill();
    try {
      for (const client of clients) {
        expect((await client.sight(applicationId)).kind).to.equal('known');
        expect(client.activeUrl).to.equal(active === first ? second : first);
      }
      appServer.wish({ wantedCount: 3 });
      const told = await appServer.untilRunning(3, 90_000);
      expect(told.attempt).to.equal(1);
      expect(workers.every(isAlive)).to.equal(true);
      expect((await clientOf([first, second]).kill(applicationId))?.state).to.equal('KILLED');
    } finally {
      await daemon.start();
    }
  });
});
