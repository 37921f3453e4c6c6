import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { hasEnded, JarSubmitter, refusalIn, type ResourceManagerClient, type Submission } from '#yarn';
import { buildApplicationMaster } from '../../../scripts/lib/java/application-master.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { until } from '../../support/processes.ts';
import { clientFor, untilEnded } from '../../support/yarn/pool.ts';
import { sleeper } from '../../support/yarn/sleeper.ts';

describe('the ResourceManager’s client on real daemons', function () {
  this.timeout(90_000);
  this.slow(10_000);

  let cluster: HadoopCluster;
  let client: ResourceManagerClient;
  const submitted: string[] = [];

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('plain');
    client = clientFor(cluster);
  });

  afterEach(async () => {
    for (const applicationId of submitted.splice(0)) await client.kill(applicationId);
  });

  /** An application whose first container runs this and never registers. */
  async function submit(change: Partial<Submission> = {}): Promise<string> {
    const { applicationId } = await client.newApplication();
    await client.submit(sleeper(applicationId, change));
    submitted.push(applicationId);
    return applicationId;
  }

  const untilState = (applicationId: string, state: string) =>
    until(`${applicationId} to be ${state}`, async () => {
      const sighting = await client.sight(applicationId);
      return sighting.kind === 'known' && sighting.application.state === state ? sighting.application : null;
    });

  it('knows the cluster', async () => {
    expect(await client.info()).to.deep.include({ state: 'STARTED', version: cluster.hadoopVersion });
    expect(await client.total()).to.deep.equal({ memoryMb: 8192, vcores: 16 });
    const nodes = await client.nodes();
    expect(nodes.map(({ state, host }) => `${host} ${state}`)).to.have.members([
      '127.0.0.2 RUNNING',
      '127.0.0.3 RUNNING',
    ]);
    expect(nodes[0]?.free.memoryMb).to.be.within(1, 4096);
  });

  it('submits, watches, and ends an application (32, 37)', async () => {
    const applicationId = await submit({ tags: ['Trainyard-Tag'] });
    const [attempt] = await until('an attempt with its container', async () => {
      const attempts = await client.attempts(applicationId);
      return attempts[0] !== undefined && attempts[0].containerId !== '' ? attempts : null;
    });
    expect(attempt).to.deep.include({ number: 1 });
    const [container] = await until('the container', async () => {
      const containers = await client.containers(applicationId, attempt?.attemptId ?? '');
      return containers.length === 1 ? containers : null;
    });
    expect(container).to.deep.include({ containerId: attempt?.containerId, memoryMb: 128, vcores: 1 });
    const tagged = await client.applicationsByTag('TRAINYARD-tag');
    expect(tagged.map((one) => [one.applicationId, one.user])).to.deep.equal([[applicationId, 'alice']]);
    // With its path or without, by version.
    expect(tagged[0]?.queue).to.match(/^(root\.)?ml$/);
    const ended = await client.kill(applicationId);
    expect(ended).to.deep.include({ state: 'KILLED', finalStatus: 'KILLED' });
    expect(await client.applicationsByTag('trainyard-tag')).to.deep.equal([]);
    expect((await client.applicationsByTag('trainyard-tag', { withEnded: true })).map(hasEnded)).to.deep.equal([true]);
    expect((await client.kill(applicationId))?.state, 'a second time').to.equal('KILLED');
  });

  it('takes the same submission twice for one (33)', async () => {
    const applicationId = await submit();
    await client.submit(sleeper(applicationId));
    expect((await client.applicationsByTag('sleeper')).map((one) => one.applicationId)).to.deep.equal([applicationId]);
  });

  it('has no record of what was never submitted, which is no end (6, 33)', async () => {
    const { applicationId } = await client.newApplication();
    expect(await client.sight(applicationId)).to.deep.include({ kind: 'unknown', why: 'no_record' });
    expect(await client.kill(applicationId)).to.equal(null);
  });

  it('lets YARN end an application at a time, which can be prolonged (35)', async () => {
    const applicationId = await submit();
    await client.setLifetime(applicationId, Date.now() + 3_000);
    await client.setLifetime(applicationId, Date.now() + 600_000);
    await untilState(applicationId, 'ACCEPTED');
    await client.setLifetime(applicationId, Date.now() + 1_000);
    const ended = await untilEnded(client, applicationId);
    expect(ended.state).to.equal('KILLED');
    expect(ended.diagnostics).to.include('exceeded the lifetime');
    await appErrorOf('CONFLICT', () => client.setLifetime(applicationId, Date.now() + 1_000));
  });

  it('tells a queue that is not there before and after submitting (17, 18)', async () => {
    const size = { memoryMb: 128, vcores: 1 };
    expect((await client.requireQueue('root.ml', size)).name).to.equal('ml');
    const error = await appErrorOf('YARN_QUEUE_UNKNOWN', () => client.requireQueue('nope', size));
    expect(error.message).to.equal('queue nope: expected one of root.default, root.ml, root.high');
    const ended = await untilEnded(client, await submit({ queue: 'nope' }));
    expect(ended.state).to.equal('FAILED');
    expect(refusalIn(ended)?.code).to.equal('YARN_QUEUE_UNKNOWN');
  });

  it('tells a container larger than the maximum before and at submitting (16)', async () => {
    const { maximum } = await client.newApplication();
    expect(maximum).to.deep.equal({ memoryMb: 4096, vcores: 4 });
    const large = { memoryMb: 5000, vcores: 1 };
    const error = await appErrorOf('YARN_CONTAINER_TOO_LARGE', () => client.requireQueue('ml', large));
    expect(error.message).to.include('at most 4096 MB and 4 vcores, found 5000 MB and 1 vcores');
    await appErrorOf('YARN_CONTAINER_TOO_LARGE', () => submit({ master: large }));
  });

  it('says why an application waits, in the scheduler’s own numbers (17)', async () => {
    const waitOf = (memoryMb: number, isMaster: boolean) =>
      client.explainWait('ml', { size: { memoryMb, vcores: 1 }, user: 'alice', isMaster });
    await until('the scheduler to have forgotten former masters', async () => {
      const { masters } = await client.requireQueue('ml', { memoryMb: 128, vcores: 1 });
      return masters?.used.memoryMb === 0;
    });
    expect((await waitOf(1024, true)).kind).to.equal('not_yet');
    await untilState(await submit({ master: { memoryMb: 3072, vcores: 1 } }), 'ACCEPTED');
    await until('the scheduler’s books', async () => (await waitOf(2048, true)).kind === 'masters_limit');
    const waiting = await submit({ master: { memoryMb: 2048, vcores: 1 } });
    await untilState(waiting, 'ACCEPTED');
    expect((await waitOf(2048, true)).sentence).to.equal(
      'queue `ml` has no room for one more application master: asked 2 GB, 3 GB of 4 GB used',
    );
    expect((await waitOf(5000, false)).kind).to.equal('larger_than_maximum');
    expect((await waitOf(2048, false)).kind).to.equal('not_yet');
  });

  it('tells an attempt that fails by its diagnostics', async () => {
    const ended = await untilEnded(client, await submit({ command: 'echo some words >&2; exit 7', attemptsMax: 1 }));
    expect(ended).to.deep.include({ state: 'FAILED', finalStatus: 'FAILED' });
    expect(ended.diagnostics).to.include('exitCode: 7');
    expect(refusalIn(ended)).to.equal(null);
  });

  it('submits through the jar where REST submission is switched off', async function () {
    this.timeout(180_000);
    const manager = cluster.daemon('resourcemanager');
    const site = path.join(cluster.folder, 'conf', 'resourcemanager', 'yarn-site.xml');
    const before = readFileSync(site, 'utf8');
    const property = `<property><name>yarn.webapp.enable-rest-app-submissions</name><value>false</value></property>`;
    writeFileSync(site, before.replace('</configuration>', `${property}</configuration>`));
    try {
      await manager.kill();
      await manager.start();
      await appErrorOf('YARN_REST_SUBMISSION_OFF', () => client.newApplication());
      const { jar, clientJars } = await buildApplicationMaster();
      const byJar = new JarSubmitter({
        jars: [jar, ...clientJars],
        confDir: cluster.confDir,
        login: null,
        user: 'alice',
      });
      const { applicationId, maximum } = await byJar.newApplication();
      expect(maximum).to.deep.equal({ memoryMb: 4096, vcores: 4 });
      await byJar.submit(sleeper(applicationId, { rolledLogPattern: '.*', nodeLabel: '' }));
      submitted.push(applicationId);
      await appErrorOf('YARN_REST_SUBMISSION_OFF', () => client.submit(sleeper(applicationId)));
      const [application] = await client.applicationsByTag('sleeper');
      expect(application).to.deep.include({ applicationId, user: 'alice' });
      await client.setLifetime(applicationId, Date.now() + 600_000);
      expect((await client.kill(applicationId))?.state).to.equal('KILLED');
      const tooLarge = sleeper((await byJar.newApplication()).applicationId, { master: { memoryMb: 9999, vcores: 1 } });
      await appErrorOf('YARN_CONTAINER_TOO_LARGE', () => byJar.submit(tooLarge));
      const broken = new JarSubmitter({ jars: [jar], confDir: cluster.confDir, login: null, user: 'alice' });
      await appErrorOf('YARN_SUBMITTER_FAILED', () => broken.newApplication());
    } finally {
      writeFileSync(site, before);
      await manager.kill();
      await manager.start();
      await until('both nodes', async () =>
        (await client.nodes()).filter(({ state }) => state === 'RUNNING').length === 2 ? true : null,
      );
    }
  });
});
