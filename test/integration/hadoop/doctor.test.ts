import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { DoctorReport } from '#hadoop-setup';
import type { ResourceManagerClient } from '#yarn';
import { hdfsClient, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import {
  changedSite,
  examineAs,
  problemsOf,
  rowOf,
  untilNodesRun,
  withProperties,
  withSettings,
  type DaemonChange,
} from '../../support/hadoop-setup/doctor.ts';
import { keysOf, untilRoomIsKnown, untilWritable, withHands } from '../../support/hadoop-setup/setup.ts';
import { until } from '../../support/processes.ts';
import { clientFor } from '../../support/yarn/pool.ts';
import { sleeper } from '../../support/yarn/sleeper.ts';

const HOMES = { 'yarn.runtimeDir': '/user/trainyard/runtime', 'objectStore.root': '/user/trainyard/objects' };

describe('trainyard hadoop doctor', function () {
  this.timeout(120_000);
  this.slow(15_000);
  let work: string;

  before(() => {
    work = mkdtempSync(path.join(os.tmpdir(), 'trainyard-doctor-'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  describe('of a highly available cluster', () => {
    let cluster: HadoopCluster;
    let keys: Record<string, string>;

    before(async function () {
      this.timeout(300_000);
      cluster = await sharedHadoopCluster('ha');
      keys = { ...keysOf(cluster, '/user/trainyard'), ...HOMES };
      await untilNodesRun(cluster);
      await withHands(keys, {}, (hands) => untilRoomIsKnown(hands.cluster));
    });

    const standby = (report: DoctorReport, kind: 'namenode' | 'resourcemanager'): string => {
      const row = report.checks.find(({ name, found }) => name.startsWith(kind) && found.includes(': standby'));
      if (row === undefined) throw new Error(`no ${kind} stands by: ${JSON.stringify(report.checks)}`);
      return row.name.split(' ')[1] ?? '';
    };

    it('says which of two masters is active', async () => {
      const report = await examineAs('alice', keys);
      expect(problemsOf(report)).to.deep.equal([]);
      for (const [kind, names] of [
        ['namenode', ['nn1', 'nn2']],
        ['resourcemanager', ['rm1', 'rm2']],
      ] as const) {
        const states = names.map((name) => /: (\w+),/.exec(rowOf(report, `${kind} ${name}`).found)?.[1]);
        expect(states, kind).to.have.members(['active', 'standby']);
      }
      expect(rowOf(report, 'clocks').found).to.include('namenode nn1, namenode nn2, resourcemanager rm1');
    });

    it('warns of a partner that is down, and goes on with the active one', async () => {
      const before = await examineAs('alice', keys);
      const [nameNode, manager] = [standby(before, 'namenode'), standby(before, 'resourcemanager')];
      const daemons = [
        cluster.daemon(nameNode === 'nn1' ? 'namenode' : 'namenode2'),
        cluster.daemon(manager === 'rm1' ? 'resourcemanager' : 'resourcemanager2'),
      ];
      await Promise.all(daemons.map((daemon) => daemon.kill()));
      try {
        const report = await examineAs('alice', keys);
        expect(problemsOf(report)).to.deep.equal([]);
        const row = rowOf(report, `namenode ${nameNode}`);
        expect(row.state).to.equal('warning');
        expect(row.found).to.match(/ECONNREFUSED.*; namenode nn\d is active/);
        expect(row.remedy).to.include('hdfs --daemon start namenode');
        expect(rowOf(report, `resourcemanager ${manager}`).remedy).to.include('yarn --daemon start resourcemanager');
        expect(rowOf(report, 'queue').state).to.equal('ok');
        expect(rowOf(report, 'runtime folder').state).to.equal('ok');
      } finally {
        await Promise.all(daemons.map((daemon) => daemon.start()));
      }
      await until('all four masters', async () =>
        (await examineAs(null, keys)).checks.every(
          ({ name, state }) => !/^(name|res).* ..\d$/.test(name) || state === 'ok',
        ),
      );
    });

    it('says that only standbys are addressed', async () => {
      const before = await examineAs('alice', keys);
      const confDir = changedSite(
        cluster,
        work,
        'hdfs-site.xml',
        withProperties({ 'dfs.ha.namenodes.cluster': standby(before, 'namenode') }),
      );
      const report = await examineAs('alice', { ...keys, 'hadoop.confDir': confDir });
      const row = rowOf(report, `namenode ${standby(before, 'namenode')}`);
      expect(row).to.include({ state: 'problem' });
      expect(row.found).to.match(/: standby, Hadoop .*; none is active/);
      expect(row.remedy).to.include('dfs.ha.namenodes').and.include('haadmin -getAllServiceState');
      expect(rowOf(report, 'HDFS').state).to.equal('skipped');
      expect(rowOf(report, 'queue').state).to.equal('ok');
    });
  });

  describe('of schedulers and nodes', () => {
    let cluster: HadoopCluster;
    let keys: Record<string, string>;
    let client: ResourceManagerClient;

    before(async function () {
      this.timeout(300_000);
      cluster = await sharedHadoopCluster('plain');
      keys = { ...keysOf(cluster, '/user/trainyard'), ...HOMES };
      client = clientFor(cluster);
      await untilNodesRun(cluster);
      await withHands(keys, {}, (hands) => untilRoomIsKnown(hands.cluster));
    });

    const admin = async (...args: readonly string[]): Promise<void> => {
      const tool = 'org.apache.hadoop.yarn.client.cli.RMAdminCLI';
      const { code, stderr } = await cluster.java(tool, args, { asUser: 'yarn' });
      expect(code, stderr).to.equal(0);
    };
    const doctor = (changed: Record<string, string>, user = 'alice', withProbe = false): Promise<DoctorReport> =>
      examineAs(user, { ...keys, ...changed }, withProbe);

    it('looks at several nodes, and says at how many of how many', async () => {
      const report = await doctor({}, 'alice', true);
      expect(problemsOf(report)).to.deep.equal([]);
      for (const name of ['memory limits', 'virtual memory', 'log aggregation', 'glibc', 'java on nodes'])
        expect(rowOf(report, name).found, name).to.match(/; 2 of 2 nodes looked at$/);
      const told = rowOf(report, 'clocks of nodes').found;
      for (const host of ['127.0.0.2', '127.0.0.3']) expect(told).to.include(host);
    });

    it('names the nodes that are set in another way', async () => {
      const sites = { 'yarn-site': { 'yarn.nodemanager.pmem-check-enabled': 'false' } };
      await withSettings(cluster, 'nodemanager2', { sites }, async () => {
        const row = rowOf(await doctor({}), 'memory limits');
        expect(row).to.include({ state: 'warning' });
        expect(row.found).to.match(
          /pmem-check-enabled is false \(127\.0\.0\.3\); by the NodeManager.* \(127\.0\.0\.2\); 2 of 2/,
        );
      });
    });

    it('says that HDFS takes no access lists', async () => {
      const sites = { 'hdfs-site': { 'dfs.namenode.acls.enabled': 'false' } };
      await withSettings(cluster, 'namenode', { sites }, async () => {
        const transport = transportOf(cluster);
        await untilWritable(hdfsClient(cluster, { transport }));
        transport.close();
        const row = rowOf(await doctor({}), 'access lists');
        expect(row).to.include({ state: 'problem' });
        expect(row.remedy).to.include('dfs.namenode.acls.enabled=true');
      });
    });

    it('reads queues’ rights, states, labels and nodes taken out of a CapacityScheduler', () =>
      withSettings(cluster, 'resourcemanager', capacity(cluster.folder), async () => {
        expect(rowOf(await doctor({}), 'queue rights')).to.include({
          state: 'ok',
          found: 'alice may submit to root.ml',
        });
        const bob = await doctor({}, 'bob', true);
        expect(rowOf(bob, 'queue rights')).to.include({ state: 'problem', found: 'bob may not submit to root.ml' });
        expect(rowOf(bob, 'queue rights').remedy).to.include('yarn.scheduler.capacity.root.ml.acl_submit_applications');
        expect(rowOf(bob, 'probe container')).to.include({ state: 'problem' });
        expect(rowOf(bob, 'probe container').remedy, rowOf(bob, 'probe container').found).to.include('acl_submit');
        expect(rowOf(bob, 'queue administration').state).to.equal('ok');
        expect(rowOf(bob, 'application rights').state).to.equal('ok');
        const stopped = await doctor({ 'yarn.queue': 'default' });
        expect(rowOf(stopped, 'queue').found).to.match(/queue root\.default: .*STOPPED/);
        expect(rowOf(stopped, 'queue').remedy).to.include('RUNNING');
        expect(rowOf(await doctor({ 'yarn.nodeLabel': 'fast' }), 'nodes').state).to.equal('problem');
        await admin('-addToClusterNodeLabels', 'fast(exclusive=false)');
        await admin('-replaceLabelsOnNode', '127.0.0.2=fast');
        const labelled = rowOf(await doctor({ 'yarn.nodeLabel': 'fast' }), 'nodes');
        expect(labelled.found).to.match(/^2 running, Hadoop \S+, 1 with the label fast$/);
        await admin('-replaceLabelsOnNode', '127.0.0.2=');
        const exclude = path.join(cluster.folder, 'conf/nodes.exclude');
        const node = cluster.daemon('nodemanager2');
        writeFileSync(exclude, '127.0.0.3\n');
        try {
          await admin('-refreshNodes');
          expect(rowOf(await doctor({}), 'nodes').found).to.include('taken out of service: 127.0.0.3 (DECOMMISSIONED)');
          await until('the node that was taken out to leave', () => !node.isRunning);
        } finally {
          writeFileSync(exclude, '');
          await admin('-refreshNodes');
          if (!node.isRunning) await node.start();
        }
      }));

    it('reads queues and rights of a FairScheduler, and says why applications wait there', () =>
      withSettings(cluster, 'resourcemanager', FAIR, async () => {
        const report = await doctor({}, 'alice', true);
        expect(problemsOf(report)).to.deep.equal([]);
        expect(rowOf(report, 'queue').found).to.match(/^root\.ml: RUNNING, .*, 4096 MB and 4 vcores at most$/);
        expect(rowOf(report, 'container size').found).to.match(/^at most 4096 MB and 4 vcores/);
        expect(rowOf(report, 'queue rights').state).to.equal('skipped');
        const bob = await doctor({}, 'bob', true);
        const { state, found, remedy } = rowOf(bob, 'probe container');
        expect(state, found).to.equal('problem');
        expect(found).to.match(/bob.*ml/);
        expect(remedy, found).to.include('aclSubmitApps');
        const unknown = rowOf(await doctor({ 'yarn.queue': 'nope' }), 'queue').found;
        expect(unknown)
          .to.match(/^queue nope: expected one of /)
          .and.include('root.ml')
          .and.include('root.default');
        await expectWaits(client);
      }));
  });
});

/** A queue of 4 GB, of which masters may have half. */
async function expectWaits(client: ResourceManagerClient): Promise<void> {
  const { applicationId } = await client.newApplication();
  const waitOf = (memoryMb: number, isMaster: boolean) =>
    client.explainWait('ml', { size: { memoryMb, vcores: 1 }, user: 'alice', isMaster });
  await client.submit(sleeper(applicationId, { attemptsMax: 1, master: { memoryMb: 2048, vcores: 1 } }));
  try {
    await until('the master', async () => (await waitOf(1024, true)).kind === 'masters_limit');
    expect((await waitOf(1024, true)).sentence).to.equal(
      'queue `ml` has no room for one more application master: asked 1 GB, 2 GB of 2 GB used',
    );
    expect((await waitOf(3072, false)).sentence).to.equal('queue `ml` is full: asked 3 GB, 2 GB free');
    expect((await waitOf(8192, false)).kind).to.equal('larger_than_maximum');
    expect((await waitOf(1024, false)).kind).to.equal('not_yet');
  } finally {
    await client.kill(applicationId);
  }
}

/** As an administrator sets queues and nodes apart. */
const capacity = (folder: string): DaemonChange => ({
  sites: {
    'yarn-site': {
      'yarn.acl.enable': 'true',
      'yarn.admin.acl': 'yarn',
      'yarn.node-labels.enabled': 'true',
      'yarn.node-labels.fs-store.root-dir': `file://${folder}/data/labels`,
    },
    'capacity-scheduler': Object.fromEntries(
      [
        ['root.acl_submit_applications', ' '],
        ['root.acl_administer_queue', 'yarn'],
        ['root.ml.acl_submit_applications', 'alice'],
        ['root.default.state', 'STOPPED'],
        ...['default', 'ml', 'high'].map((queue) => [`root.${queue}.acl_administer_queue`, 'yarn']),
        ...['root', 'root.ml'].map((queue) => [`${queue}.accessible-node-labels`, '*']),
      ].map(([key = '', value = '']) => [`yarn.scheduler.capacity.${key}`, value]),
    ),
  },
});

const FAIR = {
  sites: {
    'yarn-site': {
      'yarn.resourcemanager.scheduler.class':
        'org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.FairScheduler',
      'yarn.acl.enable': 'true',
      'yarn.admin.acl': 'yarn',
    },
  },
  files: {
    'fair-scheduler.xml': `<?xml version="1.0"?>
<allocations>
  <queue name="root">
    <aclSubmitApps> </aclSubmitApps>
    <aclAdministerApps>yarn</aclAdministerApps>
    <queue name="ml">
      <maxResources>4096 mb,4 vcores</maxResources>
      <maxAMShare>0.5</maxAMShare>
      <aclSubmitApps>alice</aclSubmitApps>
    </queue>
    <queue name="default"><aclSubmitApps>*</aclSubmitApps></queue>
  </queue>
</allocations>
`,
  },
};
