import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError, type ErrorCode } from '#contracts';
import { readInstallation, readRuntime, type DoctorReport } from '#hadoop-setup';
import { HttpTransport } from '#hadoop-auth';
import type { WebHdfsClient } from '#webhdfs';
import { hdfsClient } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { changedSite, examineAs, rowOf } from '../../support/hadoop-setup/doctor.ts';
import {
  installNow,
  keysOf,
  runSetup,
  smallPrograms,
  uninstallNow,
  untilRoomIsKnown,
  untilWritable,
  withHands,
} from '../../support/hadoop-setup/setup.ts';
import { clientFor } from '../../support/yarn/pool.ts';

const HOME = '/apps-of-setup/trainyard';
const ADMIN = { adminUser: 'hdfs' };

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await work;
    return null;
  } catch (err) {
    if (isAppError(err)) return err.code;
    throw err;
  }
}

describe('trainyard hadoop doctor, install, uninstall', function () {
  this.timeout(120_000);
  this.slow(10_000);

  let cluster: HadoopCluster;
  let work: string;
  let keys: Record<string, string>;
  let hdfs: WebHdfsClient;
  const transport = new HttpTransport();

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('plain');
    work = mkdtempSync(path.join(os.tmpdir(), 'trainyard-setup-'));
    keys = keysOf(cluster, HOME);
    hdfs = hdfsClient(cluster, { user: 'hdfs', transport });
    await untilWritable(hdfs);
    await withHands(keys, {}, (hands) => untilRoomIsKnown(hands.cluster));
  });
  after(() => {
    transport.close();
    rmSync(work, { recursive: true, force: true });
  });

  const doctor = (changed: Record<string, string> = {}, user: string | null = 'alice'): Promise<DoctorReport> =>
    examineAs(user, { ...keys, ...changed });
  const row = rowOf;
  const sites = (change: (text: string) => string): string => changedSite(cluster, work, 'yarn-site.xml', change);

  /** Every entry of HDFS but the homes of tests that run beside this one. */
  const everything = async (folder = '/'): Promise<string[]> => {
    const found: string[] = [];
    for await (const entry of hdfs.list(folder)) {
      if (entry.path === folder || ['/tmp', '/user', '/app-logs', '/apps'].includes(entry.path)) continue;
      found.push(`${entry.path} ${entry.owner} ${entry.permission}`);
      if (entry.type === 'directory') found.push(...(await everything(entry.path)));
    }
    return found;
  };

  describe('doctor', () => {
    it('finds no problem in a good cluster, and says what a node has', async () => {
      const folders = { 'yarn.runtimeDir': '/user/trainyard/r', 'objectStore.root': '/user/trainyard/o' };
      const report = await examineAs('alice', { ...keys, ...folders }, true);
      expect(report.checks.filter(({ state }) => state === 'problem')).to.deep.equal([]);
      expect(row(report, 'security').found).to.match(/^UNSECURED/);
      expect(row(report, 'glibc').found).to.match(/glibc 2\.\d+ on x86_64/);
      expect(row(report, 'java on nodes').state).to.equal('ok');
      expect(row(report, 'container account').state).to.equal('ok');
      expect(row(report, 'clocks').found).to.match(/^within a second/);
      expect(row(report, 'access lists').state).to.equal('ok');
      expect(row(report, 'act for users (HDFS)').state).to.equal('ok');
      expect(row(report, 'queue administration').found).to.match(/everybody may administer/);
      expect(row(report, 'memory limits').found).to.match(/^by the NodeManager/);
      expect(row(report, 'log aggregation').found).to.match(/^on;/);
    });

    it('says which file of a configuration folder cannot be read', async () => {
      const broken = await doctor({ 'hadoop.confDir': sites(() => '<configuration><property>') });
      expect(broken.checks).to.have.length(1);
      expect(row(broken, 'configuration').found).to.match(/yarn-site\.xml, line \d/);
      const missing = await doctor({ 'hadoop.confDir': path.join(work, 'nowhere') });
      expect(row(missing, 'configuration').found).to.include('expected a folder with core-site.xml');
    });

    it('names an address at which something else answers, and goes on with the rest', async () => {
      const web = cluster.resourceManagerUrls[0]?.replace('http://', '') ?? '';
      const nameNode = cluster.nameNodeUrls[0]?.replace('http://', '') ?? '';
      const report = await doctor({ 'hadoop.confDir': sites((text) => text.replace(web, nameNode)) });
      expect(row(report, 'resourcemanager').state).to.equal('problem');
      expect(row(report, 'resourcemanager').found).to.include('expected a ResourceManager');
      expect(row(report, 'YARN').state).to.equal('skipped');
      expect(row(report, 'space').state).to.equal('ok');
    });

    it('says that the service may not act for a user outside the group', async () => {
      const report = await doctor({}, 'yarn');
      expect(row(report, 'act for users (HDFS)').state).to.equal('problem');
      expect(row(report, 'act for users (HDFS)').remedy).to.include('hadoop.proxyuser.trainyard.groups');
    });

    it('names the queues when the one asked for is not among them, and refuses too large a container', async () => {
      const report = await doctor({ 'yarn.queue': 'nope', 'yarn.containerMemoryMb': '8192' });
      expect(row(report, 'queue').found).to.match(/nope.*root\.ml/);
      expect(row(report, 'container size').found).to.match(/8192 MB.*granted at most 4096 MB/);
      expect(report.counts.problem).to.equal(2);
    });

    it('says how much of a small container can be used under the check of virtual memory, and what is too small', async () => {
      const small = row(await doctor({ 'yarn.containerMemoryMb': '1024' }), 'virtual memory');
      expect(small).to.include({ state: 'warning' });
      expect(small.found).to.match(/tasks that use more than \d+ MB of it are killed/);
      expect(small.remedy).to.include('yarn.containerMemoryMb');
      expect(row(await doctor({ 'yarn.containerMemoryMb': '640' }), 'virtual memory').state).to.equal('problem');
    });

    it('says that the NameNode is down', async () => {
      const nameNode = cluster.daemon('namenode');
      await nameNode.kill();
      try {
        const report = await doctor();
        expect(row(report, 'namenode')).to.include({ state: 'problem' });
        expect(row(report, 'namenode').found).to.include('ECONNREFUSED');
        expect(row(report, 'HDFS').state).to.equal('skipped');
      } finally {
        await nameNode.start();
        await untilWritable(hdfs);
      }
    });
  });

  describe('install and uninstall', () => {
    let before: string[];
    beforeEach(async () => {
      before = await everything();
    });

    it('refuses without the right to make the folders, before anything is changed', async () => {
      expect(await codeOf(installNow(keys, smallPrograms(work, '1.0.0')))).to.equal('HDFS_PERMISSION_DENIED');
      expect(await everything()).to.deep.equal(before);
    });

    it('shows in a dry run what it then does, does nothing the second time, and leaves nothing', async () => {
      const programs = smallPrograms(work, '1.0.0');
      const dry = await installNow(keys, programs, { ...ADMIN, dryRun: true });
      expect(await everything()).to.deep.equal(before);
      const done = await installNow(keys, programs, ADMIN);
      expect(done.steps).to.deep.equal(dry.steps);
      const made = await everything();
      expect(made).to.include(`${HOME}/objects trainyard 711`).and.include(`${HOME}/runtime trainyard 755`);
      expect(made.filter((line) => line.includes('.partial') || line.includes('.installing'))).to.deep.equal([]);
      const again = await installNow(keys, programs);
      expect(new Set(again.steps.map(({ action }) => action))).to.deep.equal(new Set(['keep']));
      expect(await everything()).to.deep.equal(made);
      expect(row(await doctor(), 'programs')).to.include({ state: 'ok' });
      expect(done.settings.coreSite).to.have.property('hadoop.proxyuser.trainyard.groups', 'GROUP');
      expect(await codeOf(uninstallNow(keys, { yes: false }))).to.equal('BAD_REQUEST');
      expect(await codeOf(uninstallNow(keys))).to.equal('HDFS_PERMISSION_DENIED');
      expect((await uninstallNow(keys, { ...ADMIN, dryRun: true })).steps.length).to.be.greaterThan(3);
      expect(await everything()).to.deep.equal(made);
      await uninstallNow(keys, ADMIN);
      expect(await everything()).to.deep.equal(before);
      expect((await uninstallNow(keys, ADMIN)).steps).to.deep.equal([]);
    });

    it('keeps the files of the former version until it is pruned', async () => {
      await installNow(keys, smallPrograms(work, '1.0.0'), ADMIN);
      await installNow(keys, smallPrograms(work, '1.1.0'));
      const runtime = `${HOME}/runtime`;
      expect((await readRuntime(hdfs, runtime))?.programVersion).to.equal('1.1.0');
      expect((await readInstallation(hdfs, runtime))?.versions.map((one) => one.programVersion)).to.deep.equal([
        '1.0.0',
        '1.1.0',
      ]);
      const files = async (): Promise<number> =>
        (await everything(runtime)).filter((line) => /\.(jar|gz) /.test(line)).length;
      expect(await files()).to.equal(5);
      await installNow(keys, smallPrograms(work, '1.1.0'), { prune: true });
      expect(await files()).to.equal(3);
      expect((await readInstallation(hdfs, runtime))?.versions).to.have.length(1);
      await uninstallNow(keys, ADMIN);
      expect(await everything()).to.deep.equal(before);
    });

    it('keeps objects unless told otherwise, and what others put there', async () => {
      await installNow(keys, smallPrograms(work, '1.0.0'), ADMIN);
      await hdfs.create(`${HOME}/objects/models/m1`, Buffer.from('a model'));
      await uninstallNow(keys, ADMIN);
      const kept = await everything();
      expect(kept.filter((line) => /\.(jar|gz) /.test(line))).to.deep.equal([]);
      expect(kept.some((line) => line.startsWith(`${HOME}/objects/models/m1 `))).to.equal(true);
      await hdfs.create(`${HOME}/runtime/of-another`, Buffer.from('not ours'));
      await uninstallNow(keys, { ...ADMIN, withData: true });
      const left = (await everything()).map((line) => line.split(' ')[0]);
      expect(left.filter((place) => place?.startsWith(HOME))).to.deep.equal([
        HOME,
        `${HOME}/runtime`,
        `${HOME}/runtime/of-another`,
      ]);
      await hdfs.delete('/apps-of-setup', { recursive: true });
      expect(await everything()).to.deep.equal(before);
    });

    it('refuses while applications of the platform run, and ends them when told', async () => {
      await installNow(keys, smallPrograms(work, '1.0.0'), ADMIN);
      const alice = clientFor(cluster);
      const { applicationId } = await alice.newApplication();
      const size = { memoryMb: 128, vcores: 1 };
      await alice.submit({
        ...{ applicationId, name: 'trainyard', type: 'TRAINYARD', queue: 'ml', tags: ['trainyard-i1'], attemptsMax: 1 },
        ...{ attemptFailuresValidityMs: -1, master: size, command: 'sleep 300', environment: {}, resources: [] },
        ...{ tokens: {}, secrets: {}, viewers: 'trainyard', modifiers: 'trainyard' },
      });
      expect(await codeOf(uninstallNow(keys, ADMIN))).to.equal('CONFLICT');
      await uninstallNow(keys, { ...ADMIN, kill: true });
      expect(await alice.sight(applicationId)).to.have.nested.property('application.state', 'KILLED');
      expect(await everything()).to.deep.equal(before);
    });

    for (const point of [
      ...['install.staging', 'install.staged', 'install.placed', 'install.folder', 'install.uploading@2'],
      ...['install.uploaded', 'install.switching', 'install.switched', 'install.recording'],
    ])
      it(`goes on after kill -9 at ${point}`, async () => {
        const { archive, jars } = smallPrograms(work, '1.0.0');
        const [name = '', pass = ''] = point.split('@');
        const flags = { ...keys, archive, jars: jars.join(','), adminUser: 'hdfs' };
        const failpoint = `${name}=kill${pass === '' ? '' : `@${pass}`}`;
        expect(await runSetup('install', flags, failpoint)).to.include({ signal: 'SIGKILL' });
        await installNow(keys, { archive, jars }, ADMIN);
        expect((await readInstallation(hdfs, `${HOME}/runtime`))?.state).to.equal('installed');
        expect((await everything()).some((line) => line.includes('.installing'))).to.equal(false);
        await uninstallNow(keys, ADMIN);
        expect(await everything()).to.deep.equal(before);
      });

    it('leaves nothing of an installation that was killed and never repeated', async () => {
      const { archive, jars } = smallPrograms(work, '1.0.0');
      const flags = { ...keys, archive, jars: jars.join(','), adminUser: 'hdfs' };
      for (const point of ['install.staged', 'install.uploading']) {
        await runSetup('install', flags, `${point}=kill`);
        await uninstallNow(keys, ADMIN);
        expect(await everything(), point).to.deep.equal(before);
      }
    });

    for (const point of ['uninstall.stopped', 'install.removed', 'uninstall.objects', 'uninstall.folders'])
      it(`uninstalls after kill -9 at ${point}`, async () => {
        await installNow(keys, smallPrograms(work, '1.0.0'), ADMIN);
        const flags = { ...keys, adminUser: 'hdfs', yes: 'true', withData: 'true' };
        expect(await runSetup('uninstall', flags, `${point}=kill`)).to.include({ signal: 'SIGKILL' });
        await uninstallNow(keys, { ...ADMIN, withData: true });
        expect(await everything()).to.deep.equal(before);
      });
  });
});
