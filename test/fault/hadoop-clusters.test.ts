import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { applicationOf, nodesOf, submitShell } from '../support/hadoop/yarn-rest.ts';
import { until } from '../support/processes.ts';

const RM_ADMIN = 'org.apache.hadoop.yarn.client.cli.RMAdminCLI';
const NAME_NODES = ['namenode', 'namenode2'] as const;
const RESOURCE_MANAGERS = ['resourcemanager', 'resourcemanager2'] as const;

describe('a highly available Hadoop test cluster', function () {
  this.timeout(300_000);

  let cluster: HadoopCluster;

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'ha' });
  });

  after(() => cluster.close());

  it('has one active and one standby of each', async () => {
    expect(await activeOnes(cluster.nameNodeUrls)).to.have.length(1);
    expect(await activeOnes(cluster.resourceManagerUrls)).to.have.length(1);
  });

  it('hands over to the other NameNode when the active one is killed, and back', async () => {
    const file = path.join(cluster.confDir, 'hdfs-site.xml');
    await cluster.fsAs('alice', '-put', file, '/user/alice/kept.xml');
    for (const round of ['there', 'back']) {
      const active = await activeOf(cluster.nameNodeUrls);
      const daemon = cluster.daemon(NAME_NODES[active] ?? 'namenode');
      await daemon.kill();
      const seconds = await secondsUntil(async () => (await activeOf(cluster.nameNodeUrls)) === 1 - active);
      expect(await cluster.fsAs('alice', '-cat', '/user/alice/kept.xml'), round).to.equal(readFileSync(file, 'utf8'));
      await daemon.start();
      expect(await activeOnes(cluster.nameNodeUrls), round).to.deep.equal([1 - active]);
      console.log(`      NameNode ${active + 1} killed: the other was active after ${seconds} s`);
    }
  });

  it('ends a NameNode that stands still, so that there are never two active ones', async () => {
    const active = await activeOf(cluster.nameNodeUrls);
    const daemon = cluster.daemon(NAME_NODES[active] ?? 'namenode');
    daemon.freeze();
    const seconds = await secondsUntil(async () => (await activeOf(cluster.nameNodeUrls)) === 1 - active);
    expect(daemon.isRunning).to.equal(false);
    await daemon.start();
    console.log(`      NameNode ${active + 1} frozen: the other was active after ${seconds} s`);
  });

  it('hands over to the other ResourceManager, to which the nodes go', async () => {
    const active = await activeOf(cluster.resourceManagerUrls);
    const daemon = cluster.daemon(RESOURCE_MANAGERS[active] ?? 'resourcemanager');
    await daemon.kill();
    const seconds = await secondsUntil(async () => (await activeOf(cluster.resourceManagerUrls)) === 1 - active);
    const other = cluster.resourceManagerUrls[1 - active] ?? '';
    await until('both nodes at the other', async () => {
      const nodes = await nodesOf(other);
      return nodes.length === 2 && nodes.every(({ state }) => state === 'RUNNING');
    });
    await daemon.start();
    expect(await activeOnes(cluster.resourceManagerUrls)).to.deep.equal([1 - active]);
    console.log(`      ResourceManager ${active + 1} killed: the other was active after ${seconds} s`);
  });
});

describe('the nodes of a plain Hadoop test cluster', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;
  const resourceManager = (): string => cluster.resourceManagerUrls[0] ?? '';

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'plain' });
  });

  after(() => cluster.close());

  it('kill a container that takes more memory than it has asked for', async () => {
    // `tail` keeps what it has read.
    const command = '(head -c 150m /dev/zero; sleep 60) | tail -c 200m > /dev/null';
    const id = await submitShell(resourceManager(), { command, memoryMb: 128 });
    const { diagnostics } = await failureOf(id);
    expect(diagnostics).to.match(/beyond the 'PHYSICAL' memory limit/);
  });

  it('kill a container that reserves more address space than 2.1 times of that', async () => {
    // Node reserves over 1 GB when it starts, and uses 50 MB.
    const command = `${process.execPath} -e 'setTimeout(() => 0, 60000)'`;
    const id = await submitShell(resourceManager(), { command, memoryMb: 256 });
    const { diagnostics } = await failureOf(id);
    expect(diagnostics).to.match(/beyond the 'VIRTUAL' memory limit/);
  });

  it('leave the cluster one by one when they are excluded, and come back', async () => {
    const exclude = path.join(cluster.folder, 'conf/nodes.exclude');
    const refresh = async (hosts: string): Promise<void> => {
      writeFileSync(exclude, hosts);
      const { code, stderr } = await cluster.java(RM_ADMIN, ['-refreshNodes'], { asUser: 'yarn' });
      expect(code, stderr).to.equal(0);
    };
    const states = async (): Promise<string> =>
      (await nodesOf(resourceManager()))
        .map(({ state }) => state)
        .sort()
        .join(' ');
    await refresh(new URL(cluster.nodeManagerUrls[1] ?? '').hostname);
    await until('the second node to leave', async () => (await states()) === 'DECOMMISSIONED RUNNING');
    await until('its NodeManager to end', () => !cluster.daemon('nodemanager2').isRunning);
    await refresh('');
    await cluster.daemon('nodemanager2').start();
    await until('both nodes', async () => (await states()) === 'RUNNING RUNNING');
  });

  const failureOf = (id: string): Promise<{ diagnostics: string }> =>
    until(`the end of ${id}`, async () => {
      const application = await applicationOf(resourceManager(), id);
      return application.state === 'FAILED' ? application : null;
    });
});

/** Indices of the masters that say that they are active. */
async function activeOnes(urls: readonly string[]): Promise<number[]> {
  const answers = await Promise.all(
    urls.map((url) => fetch(`${url}/isActive`, { signal: AbortSignal.timeout(2000) }).catch(() => null)),
  );
  return answers.flatMap((answer, index) => (answer?.status === 200 ? [index] : []));
}

async function activeOf(urls: readonly string[]): Promise<number> {
  return until(
    'one active master',
    async () => {
      const active = await activeOnes(urls);
      return active[0] === undefined ? null : { index: active[0] };
    },
    60_000,
  ).then(({ index }) => index);
}

async function secondsUntil(isSo: () => Promise<boolean>): Promise<string> {
  const started = performance.now();
  await until('the other master', isSo, 60_000);
  return ((performance.now() - started) / 1000).toFixed(1);
}
