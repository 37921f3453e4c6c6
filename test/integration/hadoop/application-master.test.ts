import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import type { SyncRequest } from '#contracts';
import { parseTokenFile, POOL_SECRET_ALIAS } from '#hadoop-auth';
import { judgeContainerEnd, type ResourceManagerClient } from '#yarn';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { isAlive, until } from '../../support/processes.ts';
import { AppServerDouble } from '../../support/yarn/app-server-double.ts';
import {
  clientFor,
  installPrograms,
  killMaster,
  masterOf,
  startPool,
  poolSubmission,
  untilEnded,
  untilWorker,
  untilYarnRuns,
  workerLaunch,
  workerOf,
  workingFolderOf,
  type Programs,
} from '../../support/yarn/pool.ts';

/** Numbers in titles are lines of the list of behaviours that an application master must have. */
describe('the application master on real daemons', function () {
  this.timeout(120_000);
  this.slow(10_000);

  let cluster: HadoopCluster;
  let programs: Programs;
  let client: ResourceManagerClient;

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('plain');
    programs = await installPrograms(cluster);
    client = clientFor(cluster);
  });

  describe('of one pool', () => {
    const appServer = new AppServerDouble('a secret of the pool');
    let applicationId: string;

    before(async () => {
      await appServer.open();
      appServer.wish({ launch: workerLaunch(programs), wantedCount: 2 });
      applicationId = await startPool(cluster, programs, appServer);
    });

    after(async () => {
      if (applicationId !== undefined) await client.kill(applicationId);
      await appServer.close();
    });

    const idsOf = ({ held }: SyncRequest): string[] => held.map(({ containerId }) => containerId);
    const running = (): string[] => idsOf(appServer.latest);
    const oneRunning = (): string => {
      const [first] = running();
      if (first === undefined) throw new Error('no container is held');
      return first;
    };

    it('registers, proves who it is, and starts the containers that are wanted', async () => {
      const told = await appServer.untilRunning(2);
      expect(told).to.deep.include({ protocolVersion: 1, attempt: 1, pendingCount: 0 });
      expect(told.maximum).to.deep.equal({ memoryMb: 4096, vcores: 4 });
      expect(told.held.map(({ launchId }) => launchId)).to.deep.equal(['v1', 'v1']);
      expect(told.held[0]?.size.memoryMb).to.equal(128);
      for (const id of idsOf(told)) await untilWorker(id);
      expect(appServer.complaints).to.deep.equal([]);
    });

    it('needs at most 256 MB, in a container of 512 MB under the virtual-memory check (22, 23)', () => {
      const master = masterOf(applicationId);
      const status = readFileSync(`/proc/${master?.pid ?? 0}/status`, 'utf8');
      const residentMb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
      expect(residentMb).to.be.within(20, 256);
    });

    it('hands over the pool’s secret but not its own right to be the master (25, 29)', async () => {
      const { tokens, secrets } = await tokensOf(oneRunning());
      expect(Buffer.from(secrets.get(POOL_SECRET_ALIAS) ?? []).toString()).to.equal(appServer.secret);
      expect([...tokens.values()].map(({ kind }) => kind)).to.not.include('YARN_AM_RM_TOKEN');
      const script = readFileSync(
        path.join(workingFolderOf((await untilWorker(oneRunning())).pid), 'launch_container.sh'),
        'utf8',
      );
      expect(script).to.not.include(appServer.secret);
    });

    it('adds a container within seconds, and ends exactly the one that it is told to (19)', async () => {
      const started = performance.now();
      appServer.wish({ wantedCount: 3 });
      const told = await appServer.untilRunning(3);
      // The endpoint is asked every 500 ms; the rest is YARN's.
      expect(performance.now() - started).to.be.lessThan(4_000);
      const [, victim = ''] = idsOf(told);
      appServer.wish({ wantedCount: 2, release: [victim] });
      const end = await appServer.untilEnded(victim);
      expect(end.wasReleased).to.equal(true);
      expect(judgeContainerEnd({ ...end, memoryMb: 128, memorySeenMb: null }).isExpected).to.equal(true);
      const after = await appServer.untilRunning(2);
      expect(idsOf(after)).to.have.members(idsOf(told).filter((id) => id !== victim));
      appServer.wish({ release: [] });
    });

    it('tells a killed worker’s end until it is acknowledged, and only then replaces it (8, 9, 10)', async () => {
      appServer.acknowledges = false;
      const victim = oneRunning();
      process.kill((await untilWorker(victim)).pid, 'SIGKILL');
      const end = await appServer.untilEnded(victim);
      expect(end).to.deep.include({ exitStatus: 137, wasReleased: false });
      const again = await appServer.untilTold('the end once more', ({ ended }) => ended.length === 1);
      expect(again).to.deep.include({ pendingCount: 0 });
      expect(again.held).to.have.lengthOf(1);
      appServer.acknowledges = true;
      const replaced = await appServer.untilRunning(2);
      expect(replaced.ended).to.deep.equal([]);
    });

    for (const [signal, exitStatus, name] of [
      ['SIGUSR1', 3, 'EXIT_3'],
      ['SIGUSR2', 0, 'SUCCESS'],
      ['SIGABRT', 134, 'SIGABRT'],
      ['SIGSEGV', 139, 'SIGSEGV'],
      ['SIGTERM', 143, 'SIGTERM'],
    ] as const) {
      it(`tells exit status ${exitStatus} of a worker`, async () => {
        const victim = oneRunning();
        process.kill((await untilWorker(victim)).pid, signal);
        const end = await appServer.untilEnded(victim);
        expect(end.exitStatus).to.equal(exitStatus);
        expect(judgeContainerEnd({ ...end, memoryMb: 128, memorySeenMb: null }).name).to.equal(name);
        await appServer.untilRunning(2);
      });
    }

    it('starts workers with the newest tokens (25)', async () => {
      appServer.wish({ wantedCount: 3, credentials: TOKEN_FILE });
      const old = running();
      const told = await appServer.untilRunning(3);
      const [fresh = ''] = idsOf(told).filter((id) => !old.includes(id));
      const { tokens, secrets } = await tokensOf(fresh);
      expect(tokens.get('fresh')?.kind).to.equal('HDFS_DELEGATION_TOKEN');
      expect(secrets.has(POOL_SECRET_ALIAS)).to.equal(true);
      appServer.wish({ wantedCount: 2, credentials: null, release: [fresh] });
      await appServer.untilRunning(2);
      appServer.wish({ release: [] });
    });

    it('takes no container on an excluded node (21)', async () => {
      const nodes = (await client.nodes()).map(({ node }) => node).sort();
      const [excluded = '', other = ''] = nodes;
      const old = running();
      appServer.wish({ wantedCount: 6, excludedNodes: [excluded] });
      const told = await appServer.untilRunning(6);
      const fresh = told.held.filter(({ containerId }) => !old.includes(containerId));
      expect(new Set(fresh.map(({ node }) => node))).to.deep.equal(new Set([other]));
      appServer.wish({ wantedCount: 2, excludedNodes: [], release: fresh.map(({ containerId }) => containerId) });
      await appServer.untilRunning(2);
      appServer.wish({ release: [] });
    });

    it('changes to a new launch for new containers only', async () => {
      const launch = workerLaunch(programs, { launchId: 'v2', size: { memoryMb: 192, vcores: 1 } });
      appServer.wish({ wantedCount: 3, launch });
      const told = await appServer.untilRunning(3);
      expect(told.held.map(({ launchId }) => launchId).sort()).to.deep.equal(['v1', 'v1', 'v2']);
      expect(told.held.find(({ launchId }) => launchId === 'v2')?.size.memoryMb).to.equal(192);
    });

    it('tells a container whose files changed as never started (30)', async () => {
      const stale = { ...programs.worker, modifiedAtMs: programs.worker.modifiedAtMs - 1 };
      appServer.acknowledges = false;
      const count = appServer.ended.size;
      appServer.wish({ wantedCount: 4, launch: workerLaunch(programs, { launchId: 'v3', resources: [stale] }) });
      await appServer.untilTold('an end', ({ ended }) => ended.length === 1);
      const end = [...appServer.ended.values()].at(-1);
      expect(appServer.ended.size).to.equal(count + 1);
      expect(end).to.deep.include({ exitStatus: -1000, wasReleased: false });
      expect(end?.diagnostics).to.include('changed on src filesystem');
      appServer.wish({ wantedCount: 3, launch: workerLaunch(programs, { launchId: 'v4' }) });
      appServer.acknowledges = true;
      await appServer.untilRunning(3);
    });

    it('killed, is followed by an attempt that adopts its containers (1, 2, 3)', async () => {
      const before = await Promise.all(running().map(untilWorker));
      await untilYarnRuns(cluster, running());
      await killMaster(applicationId);
      const told = await appServer.untilTold('attempt 2', ({ attempt }) => attempt === 2);
      expect(told.attempt).to.equal(2);
      const adopted = await appServer.untilRunning(3);
      expect(adopted.held.map(({ launchId }) => launchId)).to.deep.equal([null, null, null]);
      expect(before.every(isAlive)).to.equal(true);
      appServer.wish({ wantedCount: 4 });
      await appServer.untilRunning(4);
    });

    it('keeps everything while the app server is away, and tells what it missed (36)', async () => {
      const ids = running();
      await appServer.close();
      const victim = ids[0] ?? '';
      process.kill((await untilWorker(victim)).pid, 'SIGKILL');
      const others = await Promise.all(ids.slice(1).map(untilWorker));
      await until('the container’s end', () => workerOf(victim) === null);
      await appServer.open();
      expect((await appServer.untilEnded(victim)).exitStatus).to.equal(137);
      expect(others.every(isAlive)).to.equal(true);
      await appServer.untilRunning(4);
    });

    it('survives the ResourceManager’s death and goes on with the same attempt (4, 5, 6)', async () => {
      const before = await Promise.all(running().map(untilWorker));
      const manager = cluster.daemon('resourcemanager');
      await manager.kill();
      const away = await clientFor(cluster).sight(applicationId);
      expect(away).to.deep.include({ kind: 'unknown', why: 'unreachable' });
      // Meanwhile the app server is still told, and still obeyed.
      appServer.wish({ wantedCount: 5 });
      await appServer.untilTold('a container asked for', ({ pendingCount }) => pendingCount === 1);
      await manager.start();
      const told = await appServer.untilRunning(5, 60_000);
      expect(told.attempt).to.equal(2);
      expect(before.every(isAlive)).to.equal(true);
      expect(told.held.some(({ containerId }) => /^container_e\d+_/.test(containerId))).to.equal(true);
      expect(appServer.complaints).to.deep.equal([]);
    });

    it('tells a lost node, whose workers live on (20)', async () => {
      const [masterNode] = (await client.attempts(applicationId)).map(({ node }) => node).slice(-1);
      const name = await nodeManagerBeside(masterNode ?? '');
      const lost = appServer.latest.held.filter(({ node }) => node !== masterNode);
      expect(lost).to.not.have.lengthOf(0);
      const orphans = await Promise.all(lost.map(({ containerId }) => untilWorker(containerId)));
      await cluster.daemon(name).kill();
      for (const { containerId } of lost) {
        const end = await appServer.untilEnded(containerId, 60_000);
        expect(judgeContainerEnd({ ...end, memoryMb: 128, memorySeenMb: null })).to.deep.include({
          name: 'ABORTED',
          node: 'suspect',
          isCharged: false,
        });
      }
      expect([...appServer.nodeNews]).to.include(`${lost[0]?.node ?? ''} LOST`);
      await appServer.untilRunning(5, 60_000);
      expect(orphans.every(isAlive), 'orphans are for the app server to fence').to.equal(true);
      await cluster.daemon(name).start();
      await until('the end of the orphans', () => !orphans.some(isAlive), 60_000);
    });

    it('finishes with the status and the message that it is given (38)', async () => {
      const workers = await Promise.all(running().map(untilWorker));
      appServer.wish({ directive: 'finish', finalStatus: 'SUCCEEDED', message: 'All work is done.' });
      const application = await untilEnded(client, applicationId);
      expect(application).to.deep.include({ state: 'FINISHED', finalStatus: 'SUCCEEDED' });
      expect(application.diagnostics).to.include('All work is done.');
      await until('the end of the workers', () => !workers.some(isAlive));
      await until('the end of the master', () => masterOf(applicationId) === null);
    });
  });

  it('leaves quietly when told so, and the next attempt goes on (37)', async () => {
    const appServer = new AppServerDouble('a secret of a pool');
    await appServer.open();
    appServer.wish({ launch: workerLaunch(programs), wantedCount: 1 });
    const applicationId = await startPool(cluster, programs, appServer);
    const [held] = (await appServer.untilRunning(1)).held;
    await untilYarnRuns(cluster, [held?.containerId ?? '']);
    appServer.wish({ directive: 'leave' });
    await until('the end of the first attempt', () => masterOf(applicationId) === null);
    appServer.wish({ directive: 'run' });
    const told = await appServer.untilTold('attempt 2', ({ attempt }) => attempt >= 2);
    expect(told.held.map(({ containerId }) => containerId)).to.deep.equal([held?.containerId]);
    expect((await client.kill(applicationId))?.state).to.equal('KILLED');
    await until('the end of the worker', () => workerOf(held?.containerId ?? '') === null);
    await appServer.close();
  });

  it('ends a pool that has no app server and no container (36)', async () => {
    const appServer = new AppServerDouble('a secret of a pool');
    await appServer.open();
    const environment = { TRAINYARD_IDLE_LIMIT_MS: '1000' };
    const applicationId = await startPool(cluster, programs, appServer, { environment });
    await appServer.close();
    const application = await untilEnded(client, applicationId);
    expect(application).to.deep.include({ state: 'FINISHED', finalStatus: 'FAILED' });
    expect(application.diagnostics).to.include('no app server has answered');
  });

  it('says what is wrong when it cannot start (38)', async () => {
    const appServer = new AppServerDouble('a secret of a pool');
    await appServer.open();
    const { applicationId } = await client.newApplication();
    const submission = poolSubmission(applicationId, programs, appServer, { attemptsMax: 1 });
    await client.submit({ ...submission, secrets: {} });
    const application = await untilEnded(client, applicationId);
    expect(application.state).to.equal('FAILED');
    expect(application.diagnostics).to.include('hold no secret trainyard.pool');
    await appServer.close();
  });

  async function tokensOf(containerId: string): Promise<ReturnType<typeof parseTokenFile>> {
    const file = path.join(workingFolderOf((await untilWorker(containerId)).pid), 'container_tokens');
    return parseTokenFile(readFileSync(file), file);
  }

  /** The NodeManager on which the application master does not run. */
  async function nodeManagerBeside(masterNode: string): Promise<'nodemanager1' | 'nodemanager2'> {
    const node = (await client.nodes()).find((one) => one.node === masterNode);
    const index = cluster.nodeManagerUrls.findIndex((url) => url.endsWith(node?.httpAddress ?? 'none'));
    return index === 0 ? 'nodemanager2' : 'nodemanager1';
  }
});

/**
 * `HDTS`, version 0, one token (alias `fresh`: identifier 1, password 2, kind `HDFS_DELEGATION_TOKEN`, service `s`), no
 * secret; lengths are single bytes.
 */
const TOKEN_FILE = Buffer.concat([
  Buffer.from('HDTS\0'),
  Buffer.from([1, 5]),
  Buffer.from('fresh'),
  Buffer.from([1, 1, 1, 2, 21]),
  Buffer.from('HDFS_DELEGATION_TOKEN'),
  Buffer.from([1]),
  Buffer.from('s'),
  Buffer.from([0]),
]).toString('base64');
