import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { clusterProcesses, startHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { nodesOf, submitShell } from '../../support/hadoop/yarn-rest.ts';
import { isAlive, processOf, until } from '../../support/processes.ts';

const DFS_ADMIN = 'org.apache.hadoop.hdfs.tools.DFSAdmin';
const NODE_CLI = 'org.apache.hadoop.yarn.client.cli.NodeCLI';

describe('a plain Hadoop test cluster', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;
  let startMs = 0;

  before(async () => {
    const started = performance.now();
    cluster = await startHadoopCluster({ shape: 'plain', properties: { 'yarn-site': { 'test.mark': 'a < b & c' } } });
    startMs = performance.now() - started;
  });

  after(() => closeCluster(cluster));

  it('is up in at most 40 s once its jars are there', () => {
    expect(startMs).to.be.lessThan(40_000);
    expect(cluster.daemons.map((daemon) => daemon.isRunning)).to.deep.equal([true, true, true, true, true]);
  });

  it('has two NodeManagers, each of a host of its own', async () => {
    const nodes = await nodesOf(first(cluster.resourceManagerUrls));
    expect(nodes.map(({ state }) => state)).to.deep.equal(['RUNNING', 'RUNNING']);
    const hosts = nodes.map(({ id }) => id.split(':')[0]).sort();
    expect(hosts).to.deep.equal(cluster.nodeManagerUrls.map((url) => new URL(url).hostname));
  });

  it('lets the service user act for end users, and for nobody else', async () => {
    const home = `${first(cluster.nameNodeUrls)}/webhdfs/v1/?op=GETHOMEDIRECTORY`;
    const application = `${first(cluster.resourceManagerUrls)}/ws/v1/cluster/apps/new-application`;
    for (const [url, method, doAs] of [
      [`${home}&`, 'GET', 'doas'],
      [`${application}?`, 'POST', 'doAs'],
    ] as const) {
      const statusOf = async (user: string, other: string): Promise<number> =>
        (await fetch(`${url}user.name=${user}&${doAs}=${other}`, { method })).status;
      expect(await statusOf('trainyard', 'alice'), method).to.equal(200);
      expect(await statusOf('trainyard', 'hdfs'), method).to.equal(403);
      expect(await statusOf('bob', 'alice'), method).to.equal(403);
    }
  });

  it('gives clients and daemons the extra properties, and clients nothing of the daemons', () => {
    for (const name of ['client', 'resourcemanager', 'nodemanager1']) {
      expect(siteOf(cluster, name, 'yarn-site')).to.include('<value>a &lt; b &amp; c</value>');
    }
    expect(siteOf(cluster, 'client', 'hdfs-site')).not.to.include('datanode.data.dir');
    expect(readdirSync(cluster.confDir)).not.to.include('capacity-scheduler.xml');
  });

  it('keeps a file whatever is killed and started again, each daemon alone', async () => {
    const file = path.join(cluster.confDir, 'core-site.xml');
    await cluster.fsAs('alice', '-put', file, '/user/alice/kept.xml');
    for (const daemon of cluster.daemons) {
      const { pid } = daemon;
      await daemon.kill();
      expect(daemon.isRunning, daemon.name).to.equal(false);
      await daemon.start();
      expect(daemon.pid, daemon.name).not.to.equal(pid);
    }
    const { code, stderr } = await cluster.java(DFS_ADMIN, ['-safemode', 'wait']);
    expect(code, stderr).to.equal(0);
    expect(await cluster.fsAs('alice', '-cat', '/user/alice/kept.xml')).to.equal(readFileSync(file, 'utf8'));
    await until('both nodes after the restart', async () => {
      const nodes = await nodesOf(first(cluster.resourceManagerUrls));
      return nodes.length === 2 && nodes.every(({ state }) => state === 'RUNNING');
    });
  });

  it('says whose file it is not', async () => {
    const error = await cluster.fsAs('bob', '-ls', '/user/alice').then(
      () => null,
      (err: unknown) => err,
    );
    expect(String(error)).to.match(/as bob ended with 1[^]*Permission denied: user=bob/);
  });

  it('shows the end of the log of a daemon that does not start', async () => {
    const daemon = cluster.daemon('nodemanager2');
    await daemon.kill();
    const { port, hostname } = new URL(cluster.nodeManagerUrls[1] ?? '');
    const thief = createServer().listen(Number(port), hostname);
    await once(thief, 'listening');
    const error = await daemon.start().catch((err: unknown) => err);
    expect(String(error)).to.match(/nodemanager2 did not start: it ended with code \d[^]*Address already in use/);
    expect(daemon.isRunning).to.equal(false);
    thief.close();
    await daemon.start();
    const again = await daemon.start().catch((err: unknown) => err);
    expect(String(again)).to.include('nodemanager2 runs already');
  });

  it('stands still when frozen and goes on when thawed', async () => {
    const url = `${first(cluster.resourceManagerUrls)}/ws/v1/cluster/info`;
    const daemon = cluster.daemon('resourcemanager');
    daemon.freeze();
    const answer = await fetch(url, { signal: AbortSignal.timeout(500) }).catch((err: unknown) => err);
    expect(answer).to.have.property('name', 'TimeoutError');
    daemon.thaw();
    expect((await fetch(url)).status).to.equal(200);
  });

  it('leaves containers alive whose NodeManager is killed, and ends them with the cluster', async () => {
    const command = 'sleep 3600.25';
    await submitShell(first(cluster.resourceManagerUrls), { command, memoryMb: 128 });
    const running = (): boolean =>
      clusterProcesses(cluster.folder).some((entry) => entry.command.join(' ') === command);
    await until('the container', running);
    for (const name of ['nodemanager1', 'nodemanager2'] as const) await cluster.daemon(name).kill();
    expect(running()).to.equal(true);
    // `after` looks that nothing is left.
  });
});

describe('a secured Hadoop test cluster', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'secured' });
  });

  after(() => closeCluster(cluster));

  it('refuses WebHDFS, YARN, HttpFS and key server to those without a ticket', async () => {
    const { caFile, httpFsUrl, kmsUrl } = securityOf(cluster);
    const paths = [
      `${first(cluster.nameNodeUrls)}/webhdfs/v1/?op=LISTSTATUS`,
      `${first(cluster.resourceManagerUrls)}/ws/v1/cluster/info`,
      `${first(cluster.nodeManagerUrls)}/ws/v1/node/info`,
      `${httpFsUrl}/webhdfs/v1/?op=LISTSTATUS`,
      `${kmsUrl}/kms/v1/keys/names`,
    ];
    for (const url of paths) {
      expect(await answerTo(`${url}${url.includes('?') ? '&' : '?'}user.name=hdfs`, caFile), url).to.deep.equal({
        status: 401,
        challenge: 'Negotiate',
      });
    }
    const { code, stderr } = await cluster.java('org.apache.hadoop.fs.FsShell', ['-ls', '/'], { ticket: false });
    expect(code).to.equal(1);
    expect(stderr).to.include('Client cannot authenticate via:[TOKEN, KERBEROS]');
  });

  it('lets in who has a keytab, as whom it names', async () => {
    const file = path.join(cluster.confDir, 'hdfs-site.xml');
    await cluster.fsAs('trainyard', '-put', file, '/user/trainyard/site.xml');
    expect(await cluster.fsAs('alice', '-stat', '%u', '/user/trainyard/site.xml')).to.equal('trainyard\n');
    const nodes = await cluster.java(NODE_CLI, ['-list'], { asUser: 'bob' });
    expect(nodes.stdout).to.include('Total Nodes:2');
  });

  it('has an encryption zone: readable for its users, unreadable on the disk', async () => {
    const { encryptionZone } = securityOf(cluster);
    const secret = 'the quick brown fox';
    const put = (file: string): Promise<unknown> =>
      cluster.java('org.apache.hadoop.fs.FsShell', ['-put', '-', file], { asUser: 'alice', input: secret });
    await put(`${encryptionZone}/secret`);
    expect(blocksWith(cluster, secret)).to.equal(0);
    expect(await cluster.fsAs('alice', '-cat', `${encryptionZone}/secret`)).to.equal(secret);
    await put('/user/alice/open');
    expect(blocksWith(cluster, secret)).to.equal(1);
  });

  it('gives clients neither keys nor secrets of daemons', () => {
    for (const name of ['core-site', 'hdfs-site', 'yarn-site']) {
      expect(siteOf(cluster, 'client', name)).not.to.match(/keytab|secret/);
    }
  });

  it('lets nobody new in while the key distribution centre is away', async () => {
    await cluster.daemon('kdc').kill();
    const error = await cluster.fsAs('bob', '-ls', '/').catch((err: unknown) => err);
    expect(String(error)).to.include('Cannot contact any KDC');
    await cluster.daemon('kdc').start();
    expect(await cluster.fsAs('bob', '-ls', '/')).to.include('/user');
  });
});

describe('a test process with a Hadoop cluster', function () {
  this.timeout(30_000);

  it('leaves no process and no folder when it is killed', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-hadoop-'));
    const program = `
      import { spawn } from 'node:child_process';
      import { MARK, startKeeper } from '${path.resolve('test/support/hadoop/keeper.ts')}';
      startKeeper('${folder}');
      const child = spawn('sleep', ['3600'], { env: { ...process.env, [MARK]: '${folder}' }, detached: true, stdio: 'ignore' });
      console.log(child.pid);
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer]; // a stream without encoding
    const daemon = processOf(Number(line.toString()));
    expect(daemon?.command).to.deep.equal(['sleep', '3600']);
    child.kill('SIGKILL');
    await until('the end of all', () => daemon !== null && !isAlive(daemon) && !existsSync(folder));
  });
});

async function closeCluster(cluster: HadoopCluster): Promise<void> {
  await cluster.close();
  expect(existsSync(cluster.folder)).to.equal(false);
  expect(clusterProcesses(cluster.folder)).to.deep.equal([]);
}

function first(urls: readonly string[]): string {
  const [url] = urls;
  if (url === undefined) throw new Error('the cluster names no such URL');
  return url;
}

function securityOf(cluster: HadoopCluster): NonNullable<HadoopCluster['security']> {
  if (cluster.security === undefined) throw new Error('the cluster is not secured');
  return cluster.security;
}

function siteOf(cluster: HadoopCluster, daemon: string, name: string): string {
  return readFileSync(path.join(cluster.folder, 'conf', daemon, `${name}.xml`), 'utf8');
}

/** How many blocks on the DataNode's disk hold a text. */
function blocksWith(cluster: HadoopCluster, text: string): number {
  const data = path.join(cluster.folder, 'data/datanode');
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((name) => /blk_\d+$/.test(name));
  return files.filter((name) => readFileSync(path.join(data, name), 'utf8').includes(text)).length;
}

async function answerTo(
  url: string,
  caFile: string,
): Promise<{ status: number | undefined; challenge: string | undefined }> {
  const sent = request(url, { ca: readFileSync(caFile), agent: false });
  sent.end();
  // 'response' has exactly this argument.
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode, challenge: response.headers['www-authenticate'] };
}
