import { expect } from 'chai';
import { POOL_SECRET_ALIAS } from '#hadoop-auth';
import { JarSubmitter, type ResourceManagerClient } from '#yarn';
import { buildApplicationMaster } from '../../scripts/lib/java/application-master.ts';
import { appErrorOf } from '../support/expect-error.ts';
import { sharedHadoopCluster, type ClusterSecurity, type HadoopCluster } from '../support/hadoop/index.ts';
import { isAlive, until } from '../support/processes.ts';
import { AppServerDouble } from '../support/yarn/app-server-double.ts';
import {
  clientFor,
  installPrograms,
  killMaster,
  poolSubmission,
  startPool,
  untilEnded,
  untilWorker,
  untilYarnRuns,
  workerLaunch,
  type Programs,
} from '../support/yarn/pool.ts';

/** Hadoop's login wants a realm to be known, although the token alone proves who the master is. */
const REALM_FLAGS = '-Djava.security.krb5.realm=NONE -Djava.security.krb5.kdc=localhost';

describe('a pool in a secured cluster', function () {
  this.timeout(120_000);
  this.slow(10_000);

  let cluster: HadoopCluster;
  let security: ClusterSecurity;
  let programs: Programs;
  /** The service, acting for alice. */
  let client: ResourceManagerClient;

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('secured');
    if (cluster.security === undefined) throw new Error('a secured cluster has security');
    security = cluster.security;
    programs = await installPrograms(cluster);
    client = clientFor(cluster);
  });

  it('runs as the end user with tokens only: starts, loses its master, adopts, finishes (25, 27)', async () => {
    const appServer = new AppServerDouble('the secret of a pool');
    await appServer.open();
    try {
      appServer.wish({ launch: workerLaunch(programs), wantedCount: 2 });
      const applicationId = await startPool(cluster, programs, appServer, { jvmFlags: REALM_FLAGS });
      const { held } = await appServer.untilRunning(2, 60_000);
      const sighting = await client.sight(applicationId);
      if (sighting.kind === 'unknown') throw new Error(sighting.reason);
      expect(sighting.application.user).to.equal('alice');
      const workers = await Promise.all(held.map(({ containerId }) => untilWorker(containerId)));
      await untilYarnRuns(
        cluster,
        held.map(({ containerId }) => containerId),
      );
      await killMaster(applicationId);
      await appServer.untilTold('attempt 2', ({ attempt }) => attempt === 2, 60_000);
      appServer.wish({ wantedCount: 3 });
      await appServer.untilRunning(3, 60_000);
      expect(workers.every(isAlive)).to.equal(true);
      appServer.wish({ directive: 'finish', finalStatus: 'SUCCEEDED', message: 'All work is done.' });
      expect(await untilEnded(client, applicationId)).to.deep.include({ finalStatus: 'SUCCEEDED' });
      expect(appServer.complaints).to.deep.equal([]);
    } finally {
      await appServer.close();
    }
  });

  it('is submitted through the jar with the keytab, for the end user', async () => {
    const appServer = new AppServerDouble('the secret of a pool');
    await appServer.open();
    const { jar, clientJars } = await buildApplicationMaster();
    const byJar = new JarSubmitter({
      jars: [jar, ...clientJars],
      confDir: cluster.confDir,
      login: {
        principal: `trainyard@${security.realm}`,
        keytabFile: security.keytab('trainyard'),
        krb5ConfFile: security.krb5Conf,
      },
      user: 'alice',
    });
    const { applicationId } = await byJar.newApplication();
    await byJar.submit(poolSubmission(applicationId, programs, appServer, { jvmFlags: REALM_FLAGS }));
    await until('the application master', () => appServer.requests.length > 0, 60_000);
    // The service, which the application names, may end it; its owner is alice.
    expect(await clientFor(cluster, null).kill(applicationId)).to.deep.include({ state: 'KILLED', user: 'alice' });
    await appServer.close();
  });

  it('is refused to those for whom the service may not act', async () => {
    const error = await appErrorOf('YARN_IMPERSONATION_REFUSED', () => clientFor(cluster, 'hdfs').newApplication());
    expect(error.message).to.include('hdfs');
  });

  it('needs a secret that only its containers have', async () => {
    const { applicationId } = await client.newApplication();
    const appServer = new AppServerDouble('the secret of a pool');
    await appServer.open();
    const submission = poolSubmission(applicationId, programs, appServer, { jvmFlags: REALM_FLAGS, attemptsMax: 1 });
    const environment = { ...submission.environment, TRAINYARD_IDLE_LIMIT_MS: '1000' };
    const secrets = { [POOL_SECRET_ALIAS]: Buffer.from('another secret') };
    await client.submit({ ...submission, environment, secrets });
    const application = await untilEnded(client, applicationId);
    expect(application.diagnostics).to.include('no app server has answered');
    expect(appServer.requests).to.deep.equal([]);
    await appServer.close();
  });

  it('gives, renews and cancels tokens for the ResourceManager itself', async () => {
    const service = clientFor(cluster, null);
    const token = await service.getDelegationToken('trainyard');
    expect(token.endsAtMs).to.be.greaterThan(token.expiresAtMs - 1);
    expect(await service.renewDelegationToken(token.token)).to.be.greaterThan(Date.now());
    await service.cancelDelegationToken(token.token);
    // Versions differ in the status with which they refuse a token that is gone, not in the words.
    let refusal = '';
    await service.renewDelegationToken(token.token).catch((err: unknown) => (refusal = String(err)));
    expect(refusal).to.match(/token/i);
  });
});
