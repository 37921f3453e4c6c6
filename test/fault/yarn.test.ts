import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { judgeContainerEnd, type ContainerVerdict, type ResourceManagerClient } from '#yarn';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { isAlive, until } from '../support/processes.ts';
import { AppServerDouble } from '../support/yarn/app-server-double.ts';
import { greedyApplication } from '../support/yarn/greedy.ts';
import {
  clientFor,
  installPrograms,
  killMaster,
  masterOf,
  startPool,
  untilEnded,
  untilWorker,
  untilYarnRuns,
  workerLaunch,
  type Programs,
} from '../support/yarn/pool.ts';

/** How long the ResourceManager stays away: longer than its own 30 s between attempts. */
const AWAY_MS = 60_000;
/** Takes 32 MB more every 100 ms. */
const GROWING = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(32 * 1024 * 1024, 1)), 100)';
const IDLE = 'setInterval(() => {}, 1000)';

/** Numbers in titles are lines of the list of behaviours that an application master must have. */
describe('YARN at its worst', function () {
  this.timeout(240_000);
  this.slow(60_000);

  let cluster: HadoopCluster;
  let programs: Programs;
  let client: ResourceManagerClient;
  let appServer: AppServerDouble;
  let applicationId = '';

  before(async function () {
    this.timeout(300_000);
    const properties = {
      'yarn-site': {
        'yarn.resourcemanager.scheduler.monitor.enable': 'true',
        'yarn.resourcemanager.am.max-attempts': '4',
      },
    };
    cluster = await startHadoopCluster({ shape: 'plain', properties });
    programs = await installPrograms(cluster);
    client = clientFor(cluster);
  });

  after(async () => {
    await cluster.close();
  });

  beforeEach(async () => {
    appServer = new AppServerDouble('the secret of a pool');
    await appServer.open();
    appServer.wish({ launch: workerLaunch(programs), wantedCount: 2 });
    applicationId = await startPool(cluster, programs, appServer);
    await appServer.untilRunning(2);
  });

  afterEach(async () => {
    await client.kill(applicationId);
    await appServer.close();
  });

  const held = () => appServer.latest.held.map(({ containerId }) => containerId);
  const workers = () => Promise.all(held().map(untilWorker));

  it('the ResourceManager is away for 60 s (4, 5)', async () => {
    const before = await workers();
    const manager = cluster.daemon('resourcemanager');
    await manager.kill();
    // The time itself is the fault.
    await pause(AWAY_MS);
    expect(before.every(isAlive)).to.equal(true);
    expect(appServer.latest.attempt).to.equal(1);
    appServer.wish({ wantedCount: 3 });
    await manager.start();
    const told = await appServer.untilRunning(3, 60_000);
    expect(told.attempt).to.equal(1);
    expect(before.every(isAlive)).to.equal(true);
  });

  it('the application master is killed three times (1, 2, 3)', async () => {
    appServer.wish({ wantedCount: 3 });
    await appServer.untilRunning(3);
    await untilYarnRuns(cluster, held());
    const before = await workers();
    for (const attempt of [2, 3]) {
      await killMaster(applicationId);
      await appServer.untilTold(`attempt ${attempt}`, (told) => told.attempt === attempt, 60_000);
      await appServer.untilRunning(3, 60_000);
      expect(before.every(isAlive)).to.equal(true);
    }
    await killMaster(applicationId);
    // With YARN's default of two attempts it would have ended: the cluster allows four.
    await appServer.untilTold('attempt 4', (told) => told.attempt === 4, 60_000);
    expect(before.every(isAlive)).to.equal(true);
  });

  it('the ResourceManager loses its state: the master leaves, and the client says that nobody knows (33, 37)', async () => {
    const before = await workers();
    const manager = cluster.daemon('resourcemanager');
    await manager.kill();
    const site = path.join(cluster.folder, 'conf/resourcemanager/yarn-site.xml');
    const text = readFileSync(site, 'utf8');
    const withoutRecovery = text.replace(
      /(<name>yarn\.resourcemanager\.recovery\.enabled<\/name>\s*<value>)true/,
      '$1false',
    );
    expect(withoutRecovery).to.not.equal(text);
    writeFileSync(site, withoutRecovery);
    try {
      await manager.start();
      expect(await client.sight(applicationId)).to.deep.include({ kind: 'unknown', why: 'no_record' });
      await until('the end of the master', () => masterOf(applicationId) === null, 60_000);
      await until('the end of the workers', () => !before.some(isAlive), 60_000);
      expect(await client.kill(applicationId)).to.equal(null);
    } finally {
      writeFileSync(site, text);
      await manager.kill();
      await manager.start();
      await untilNodesRun(2);
    }
  });

  it('a higher queue takes containers: first announced, then -102, never charged (20, -102)', async () => {
    const size = { memoryMb: 1024, vcores: 1 };
    // With the master's own container that leaves half a GB free, less than is asked for.
    appServer.wish({ wantedCount: 0, release: held() });
    await appServer.untilRunning(0);
    appServer.wish({ wantedCount: 7, release: [], launch: workerLaunch(programs, { launchId: 'big', size }) });
    await appServer.untilRunning(7, 60_000);
    const { applicationId: greedy } = await client.newApplication();
    await client.submit(greedyApplication(greedy));
    try {
      const warned = await appServer.untilTold('a warning', ({ preempted }) => preempted.length > 0, 60_000);
      const [victim = ''] = warned.preempted;
      const end = await appServer.untilEnded(victim, 60_000);
      expect(verdictOf(end)).to.deep.include({ name: 'PREEMPTED', isCharged: false, backsOff: true });
    } finally {
      await client.kill(greedy);
    }
  });

  it('a node is taken out of service: told, and its containers can be released at once (20)', async () => {
    const [attempt] = await client.attempts(applicationId);
    appServer.wish({ wantedCount: 6 });
    const told = await appServer.untilRunning(6);
    const leaving = told.held.find(({ node }) => node !== attempt?.node)?.node ?? '';
    expect(leaving).to.not.equal('');
    const exclude = path.join(cluster.folder, 'conf/nodes.exclude');
    writeFileSync(exclude, `${leaving.split(':')[0] ?? ''}\n`);
    const timeoutSeconds = '120';
    const admin = 'org.apache.hadoop.yarn.client.cli.RMAdminCLI';
    try {
      const answer = await cluster.java(admin, ['-refreshNodes', '-g', timeoutSeconds, '-server'], { asUser: 'yarn' });
      expect(answer.code, answer.stderr).to.equal(0);
      await until('the news', () => appServer.nodeNews.has(`${leaving} DECOMMISSIONING`), 60_000);
      const release = held();
      appServer.wish({ wantedCount: 0, release });
      await appServer.untilTold('nothing held', (request) => request.held.length === 0, 60_000);
      for (const id of release) expect(appServer.ended.get(id)?.wasReleased).to.equal(true);
      appServer.wish({ directive: 'finish', finalStatus: 'SUCCEEDED', message: 'The nodes are needed elsewhere.' });
      expect((await untilEnded(client, applicationId)).finalStatus).to.equal('SUCCEEDED');
    } finally {
      // The excluded one ends once no application is left on it.
      await client.kill(applicationId);
      const nodeManagers = (['nodemanager1', 'nodemanager2'] as const).map((name) => cluster.daemon(name));
      await until('the end of the node', () => nodeManagers.some(({ isRunning }) => !isRunning), 60_000);
      writeFileSync(exclude, '');
      await cluster.java(admin, ['-refreshNodes'], { asUser: 'yarn' });
      for (const daemon of nodeManagers) if (!daemon.isRunning) await daemon.start();
      await untilNodesRun(2);
    }
  });

  for (const [what, memoryMb, status] of [
    ['physical', 2048, 'KILLED_EXCEEDED_PMEM'],
    ['virtual', 128, 'KILLED_EXCEEDED_VMEM'],
  ] as const) {
    it(`a worker grows beyond its ${what} memory (22, 23)`, async () => {
      const command = `exec ${process.execPath} -e '${what === 'physical' ? GROWING : IDLE}'`;
      const size = { memoryMb, vcores: 1 };
      appServer.acknowledges = false;
      appServer.wish({ wantedCount: 3, launch: workerLaunch(programs, { launchId: what, size, command }) });
      const told = await appServer.untilTold('an end', ({ ended }) => ended.length === 1, 60_000);
      const [end] = told.ended;
      if (end === undefined) throw new Error('an end was told');
      const verdict = verdictOf(end, memoryMb);
      expect(verdict).to.deep.include({ name: status, blame: 'memory' });
      expect(verdict.sentence).to.match(what === 'physical' ? /^killed at .* of 2 GB: ask for 3 GB/ : /vmem-check/);
    });
  }

  it('a node stands still: its container is lost without charge, and replaced elsewhere (13, 20, -100)', async () => {
    appServer.wish({ wantedCount: 6 });
    const [attempt] = await client.attempts(applicationId);
    const before = (await appServer.untilRunning(6)).held.filter(({ node }) => node !== attempt?.node);
    expect(before).to.not.have.lengthOf(0);
    const orphans = await Promise.all(before.map(({ containerId }) => untilWorker(containerId)));
    const node = (await client.nodes()).find((one) => one.node === before[0]?.node);
    const index = cluster.nodeManagerUrls.findIndex((url) => url.endsWith(node?.httpAddress ?? 'none'));
    const daemon = cluster.daemon(`nodemanager${index + 1}`);
    daemon.freeze();
    try {
      for (const { containerId } of before) {
        const end = await appServer.untilEnded(containerId, 60_000);
        expect(verdictOf(end)).to.deep.include({ name: 'ABORTED', isCharged: false });
      }
      const told = await appServer.untilRunning(6, 60_000);
      expect(told.held.every((one) => one.node === attempt?.node)).to.equal(true);
      expect(orphans.every(isAlive)).to.equal(true);
    } finally {
      daemon.thaw();
      await untilNodesRun(2);
    }
    await until('the end of the orphans', () => !orphans.some(isAlive), 60_000);
  });

  function verdictOf(
    end: { exitStatus: number; diagnostics: string; wasReleased: boolean },
    memoryMb = 1024,
  ): ContainerVerdict {
    return judgeContainerEnd({ ...end, memoryMb, memorySeenMb: null });
  }

  async function untilNodesRun(count: number): Promise<void> {
    const running = async () => (await client.nodes()).filter(({ state }) => state === 'RUNNING').length === count;
    await until(`${count} nodes`, running, 60_000);
  }
});
