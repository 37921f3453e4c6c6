import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect } from 'chai';
import { pageOf, WorkerEntry } from '#contracts';
import { newestApplications, rawRows, readClock } from '#store';
import type { Api } from '../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../support/app-server.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { modelled } from '../support/modelling.ts';
import { freePorts } from '../support/platform.ts';
import { installPrograms, yarnFlags } from '../support/yarn-platform.ts';
import { churnCsv } from '../integration/worker/support.ts';

/** HDFS takes a token for so long after it was made or renewed, and never longer than its life. */
const TOKEN_RENEW_MS = 20_000;
const TOKEN_LIFE_MS = 30_000;

/**
 * The same in a cluster with Kerberos: the keytab stays with the app server, containers have tokens only, and TLS is on
 * every way: workers and masters know the app server by an authority that is not the cluster’s.
 */
describe('pools on YARN in a secured cluster', function () {
  this.timeout(400_000);
  let cluster: HadoopCluster;
  let platform: TestAppServer;
  let krb5Before: string | undefined;
  const tlsFolder = mkdtempSync(path.join(tmpdir(), 'trainyard-pool-tls-'));
  const authoritiesBefore = getCACertificates('default');

  before(async () => {
    cluster = await startHadoopCluster({
      shape: 'secured',
      properties: {
        'hdfs-site': {
          'dfs.namenode.delegation.token.renew-interval': String(TOKEN_RENEW_MS),
          'dfs.namenode.delegation.token.max-lifetime': String(TOKEN_LIFE_MS),
        },
      },
    });
    krb5Before = process.env['KRB5_CONFIG'];
    process.env['KRB5_CONFIG'] = cluster.security?.krb5Conf;
    const authority = await makeAuthority(tlsFolder);
    const { certificateFile, keyFile } = await authority.issue();
    // For the requests of this process alone: workers and masters are others.
    setDefaultCACertificates([...authoritiesBefore, readFileSync(authority.caFile, 'utf8')]);
    const tls = { 'server.caFile': authority.caFile };
    await installPrograms(cluster, tls);
    const [port = 0] = await freePorts(1);
    platform = await startTestAppServer({
      ...yarnFlags(cluster),
      ...tls,
      'server.certificateFile': certificateFile,
      'server.keyFile': keyFile,
      'server.port': port,
      'hadoop.tokenRefreshMs': TOKEN_RENEW_MS / 2,
      'queue.leaseMs': 4_000,
      'queue.beatMs': 1_000,
    });
  });
  after(async () => {
    await platform.close();
    await cluster.close();
    setDefaultCACertificates(authoritiesBefore);
    rmSync(tlsFolder, { recursive: true });
    if (krb5Before === undefined) delete process.env['KRB5_CONFIG'];
    else process.env['KRB5_CONFIG'] = krb5Before;
  });

  it('runs Autopilot as the end user, with no keytab but the app server’s', async () => {
    const { api: alice } = await platform.user('alice');
    const { database } = platform.server;
    const { modelId } = await modelled(
      alice,
      { content: churnCsv(300), fileName: 'churn.csv' },
      { target: 'label', maxModels: 2 },
    );
    expect(platform.server.url).to.match(/^https:/);
    const application = (await newestApplications(database)).get('yarn:ml:alice');
    expect(application?.state).to.equal('RUNNING');
    const workers = await alice.get('/workers', pageOf(WorkerEntry));
    for (const { logUrl } of workers.data)
      expect(logUrl).to.match(/^https:\/\/[^/]+\/node\/containerlogs\/container_.*\/alice$/);
    expect(workers.data).to.not.be.empty;
    const [result] = await rawRows<{ path: string }>(
      database,
      'select result.path from result join models on models.task_id = result.task_id where models.id = ?',
      [modelId],
    );
    const listing = await cluster.fs('-ls', `/trainyard/objects/${result?.path ?? ''}`);
    expect(listing).to.match(/alice .*manifest\.json/);
  });

  /** A client of alice's with a key of its own. */
  async function anotherOfAlice(): Promise<Api> {
    const users = (await platform.admin.request('GET', '/users')).json as { data: { id: string; name: string }[] };
    const userId = users.data.find(({ name }) => name === 'alice')?.id;
    const made = await platform.admin.request('POST', '/api-keys', { json: { name: 'another key', userId } });
    return platform.admin.as((made.json as { key: string }).key);
  }

  it('goes on while the KDC is away: a whole run, with the tickets and tokens that are there', async () => {
    const alice = await anotherOfAlice();
    const { database } = platform.server;
    const hashes = (projectId: string) =>
      rawRows<{ content_hash: string }>(
        database,
        'select content_hash from models where project_id = ? order by content_hash',
        [projectId],
      );
    const data = { content: churnCsv(300), fileName: 'churn.csv' };
    const request = { target: 'label', maxModels: 2, seed: 7 };
    const calm = await modelled(alice, data, request);
    const kdc = cluster.daemon('kdc');
    await kdc.kill();
    const killedAtMs = Date.now();
    try {
      // Past the renewal of the workers' token, which the app server makes by its tickets.
      do {
        const run = await modelled(alice, data, request);
        expect(await hashes(run.projectId)).to.deep.equal(await hashes(calm.projectId));
      } while (Date.now() - killedAtMs < TOKEN_RENEW_MS);
    } finally {
      await kdc.start();
    }
    const twice = await rawRows(database, 'select task_id from result group by task_id having count(*) > 1');
    expect(twice, 'results twice').to.deep.equal([]);
  });

  it('goes on in the same application when the token that it was started with has ended', async () => {
    const { database } = platform.server;
    const alice = await anotherOfAlice();
    const application = (await newestApplications(database)).get('yarn:ml:alice');
    const startedAt = application?.createdAt ?? 0;
    let runCount = 0;
    do {
      await modelled(alice, { content: churnCsv(300), fileName: 'churn.csv' }, { target: 'label', maxModels: 2 });
      runCount += 1;
    } while ((await readClock(database)) - startedAt < TOKEN_LIFE_MS + 2 * TOKEN_RENEW_MS);
    expect(runCount).to.be.greaterThan(1);
    expect((await newestApplications(database)).get('yarn:ml:alice')?.applicationId).to.equal(
      application?.applicationId,
    );
    const lost = await rawRows(database, `select task_id from attempt where ending <> 'committed'`);
    expect(lost, 'attempts that did not succeed').to.deep.equal([]);
  });
});
