import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { readInstallation, type DoctorReport } from '#hadoop-setup';
import type { WebHdfsClient } from '#webhdfs';
import { hdfsClient, transportOf } from '../support/hadoop/clients.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { wrongClock } from '../support/hadoop/wrong-clock.ts';
import { until } from '../support/processes.ts';
import { changedSite, examineAs, rowOf } from '../support/hadoop-setup/doctor.ts';
import {
  installNow,
  keysOf,
  runSetup,
  smallPrograms,
  uninstallNow,
  untilRoomIsKnown,
  untilWritable,
  withHands,
} from '../support/hadoop-setup/setup.ts';

/** In the encryption zone, where every byte goes through the key server. */
const HOME = '/secure/trainyard';

describe('trainyard hadoop doctor, install, uninstall in a secured cluster', function () {
  this.timeout(120_000);
  this.slow(15_000);

  let cluster: HadoopCluster;
  let work: string;
  let keys: Record<string, string>;
  let hdfs: WebHdfsClient;
  let letGo: () => Promise<void> = () => Promise.resolve();

  before(async function () {
    this.timeout(300_000);
    cluster = await startHadoopCluster({ shape: 'secured' });
    work = mkdtempSync(path.join(os.tmpdir(), 'trainyard-setup-'));
    keys = keysOf(cluster, HOME);
    const transport = transportOf(cluster);
    hdfs = hdfsClient(cluster, { user: 'hdfs', transport });
    letGo = async () => {
      await hdfs.close();
      transport.close();
    };
    await untilWritable(hdfs);
    await withHands(keys, {}, (hands) => untilRoomIsKnown(hands.cluster));
  });
  after(async () => {
    await letGo();
    rmSync(work, { recursive: true, force: true });
    await cluster.close();
  });

  const keytab = (name: string): string => cluster.security?.keytab(name) ?? '';
  const doctor = (changed: Record<string, string> = {}, user = 'alice', withProbe = false): Promise<DoctorReport> =>
    examineAs(user, { ...keys, ...changed }, withProbe);
  const row = rowOf;
  const everything = async (folder = '/secure'): Promise<string[]> => {
    const found: string[] = [];
    for await (const entry of hdfs.list(folder)) {
      found.push(`${entry.path} ${entry.owner} ${entry.permission}`);
      if (entry.type === 'directory') found.push(...(await everything(entry.path)));
    }
    return found;
  };

  it('finds no problem in a good cluster, and what containers run as', async () => {
    const report = await doctor({}, 'alice', true);
    expect(report.checks.filter(({ state }) => state === 'problem')).to.deep.equal([]);
    expect(row(report, 'security').found).to.equal('Kerberos');
    expect(row(report, 'encryption').found).to.equal('HTTPS for all addresses');
    expect(row(report, 'kerberos login').found).to.match(/^trainyard@.*HTTP\/localhost/);
    expect(row(report, 'act for users (HDFS)').state).to.equal('ok');
    expect(row(report, 'act for users (YARN)').state).to.equal('ok');
    expect(row(report, 'queue administration').found).to.equal('only those named may administer root.ml');
    expect(row(report, 'glibc').state).to.equal('ok');
    expect(row(report, 'container account').state).to.equal('warning');
    expect(row(report, 'log aggregation').state).to.equal('warning');
  });

  it('names keytab and principal of a login that cannot work', async () => {
    const other = await doctor({ 'hadoop.principal': `nobody@${cluster.security?.realm ?? ''}` });
    expect(other.checks).to.have.length(1);
    expect(row(other, 'configuration').found).to.match(/expected a key of nobody@.*found trainyard@/);
    const missing = await doctor({ 'hadoop.keytab': path.join(work, 'none.keytab') });
    expect(row(missing, 'configuration').found).to.include('no such file');
  });

  it('says that a keytab may be read by others', async () => {
    const open = path.join(work, 'open.keytab');
    copyFileSync(keytab('trainyard'), open);
    chmodSync(open, 0o644);
    const report = await doctor({ 'hadoop.keytab': open });
    expect(row(report, 'keytab')).to.include({ state: 'problem', remedy: `chmod 600 ${open}` });
  });

  it('says that the certificates are not signed by the authority given', async () => {
    const report = await doctor({ 'hadoop.caFile': '' });
    expect(row(report, 'namenode').state).to.equal('problem');
    expect(row(report, 'namenode').remedy).to.include('hadoop.caFile');
    expect(row(report, 'resourcemanager').state).to.equal('problem');
    expect(row(report, 'HDFS').state).to.equal('skipped');
  });

  it('says that the service may not act for a user outside its groups', async () => {
    const report = await doctor({}, 'yarn');
    for (const name of ['act for users (HDFS)', 'act for users (YARN)']) {
      expect(row(report, name).state, name).to.equal('problem');
      expect(row(report, name).remedy, name).to.include('hadoop.proxyuser.trainyard.groups');
    }
  });

  it('says that a queue is closed to the user', async () => {
    const report = await doctor({ 'yarn.queue': 'high' });
    expect(row(report, 'queue rights')).to.include({ state: 'problem', found: 'alice may not submit to root.high' });
  });

  /** A program of its own: this one has its tickets and cookies. */
  const doctorProgram = async (changed: Record<string, string> = {}): Promise<DoctorReport> => {
    const { said } = await runSetup('doctor', { ...keys, noProbe: 'true', ...changed }, '');
    return (JSON.parse(said.trim().split('\n').at(-1) ?? '') as { result: DoctorReport }).result; // its last line
  };

  it('says that no KDC answers', async () => {
    const kdc = cluster.daemon('kdc');
    await kdc.kill();
    try {
      const report = await doctorProgram();
      expect(row(report, 'kerberos login').state).to.equal('problem');
      expect(row(report, 'kerberos login').remedy).to.include('krb5.conf');
    } finally {
      await kdc.start();
    }
  });

  it('says that the clock of the KDC is wrong', async () => {
    const kdc = cluster.daemon('kdc');
    await kdc.kill();
    await kdc.start((await wrongClock(work, 'kdc', 900)).env);
    try {
      const report = await doctorProgram();
      expect(row(report, 'namenode').state).to.equal('problem');
      expect(row(report, 'namenode').found).to.include('Clock skew too great');
      expect(row(report, 'clocks')).to.include({ state: 'problem' });
      expect(row(report, 'clocks').found).to.include('the KDC’s differs');
    } finally {
      await kdc.kill();
      await kdc.start();
    }
  });

  it('works through HttpFS where no NameNode can be reached, and says what containers cannot do then', async () => {
    const nameNode = cluster.nameNodeUrls[0]?.replace('https://', '') ?? '';
    const confDir = changedSite(cluster, work, 'hdfs-site.xml', (text) => text.replaceAll(nameNode, 'localhost:1'));
    const gateway = cluster.security?.httpFsUrl ?? '';
    const through = { ...keys, 'hadoop.confDir': confDir, 'hadoop.webHdfsUrls': gateway };
    const report = await doctor({ 'hadoop.confDir': confDir, 'hadoop.webHdfsUrls': gateway });
    expect(row(report, 'namenode')).to.include({ state: 'ok' });
    expect(row(report, 'namenode').found).to.include('hadoop.webHdfsUrls is used instead');
    expect(row(report, `webhdfs ${gateway}`).state).to.equal('ok');
    expect(row(report, 'tokens of users').state).to.equal('problem');
    expect(row(report, 'act for users (HDFS)').state).to.equal('ok');
    expect(row(report, 'space').state).to.equal('skipped');
    const programs = smallPrograms(work, '1.0.0');
    const before = await everything();
    await installNow(through, programs);
    expect(row(await doctor({ 'hadoop.confDir': confDir, 'hadoop.webHdfsUrls': gateway }), 'programs').state).to.equal(
      'ok',
    );
    await uninstallNow(through);
    expect(await everything()).to.deep.equal(before);
    const wrong = await doctor({ 'hadoop.webHdfsUrls': cluster.resourceManagerUrls[0] ?? '' });
    expect(row(wrong, `webhdfs ${cluster.resourceManagerUrls[0] ?? ''}`)).to.include({ state: 'problem' });
  });

  it('installs into an encryption zone, goes on after kill -9, and leaves nothing', async () => {
    const before = await everything();
    const { archive, jars } = smallPrograms(work, '1.0.0');
    const flags = { ...keys, archive, jars: jars.join(',') };
    expect(await runSetup('install', flags, 'install.uploading=kill')).to.include({ signal: 'SIGKILL' });
    await installNow(keys, { archive, jars });
    expect((await readInstallation(hdfs, `${HOME}/runtime`))?.state).to.equal('installed');
    const report = await doctor();
    expect(row(report, 'programs').state).to.equal('ok');
    expect(row(report, 'object store').found).to.include('in an encryption zone');
    await uninstallNow(keys);
    expect(await everything()).to.deep.equal(before);
  });

  it('makes folders as the superuser where the service may not', async () => {
    const elsewhere = keysOf(cluster, '/trainyard');
    const programs = smallPrograms(work, '1.0.0');
    await installNow(elsewhere, programs, { adminKeytab: keytab('hdfs') });
    expect((await hdfs.status('/trainyard/runtime')).owner).to.equal('trainyard');
    await uninstallNow(elsewhere, { adminKeytab: keytab('hdfs') });
    expect(await hdfs.find('/trainyard')).to.equal(null);
  });

  it('says by how much the clock of the NameNode is wrong', async function () {
    this.timeout(300_000);
    const nameNode = cluster.daemon('namenode');
    const clock = await wrongClock(work, 'namenode', 0);
    await nameNode.kill();
    await nameNode.start(clock.env);
    try {
      await untilWritable(hdfs);
      await clock.set(-900);
      const place = `${cluster.nameNodeUrls[0] ?? ''}/webhdfs/v1/?op=GETFILESTATUS&delegation=AAAA`;
      await withHands(keys, {}, (hands) =>
        until('the NameNode to be late', async () => ((await hands.cluster.clockDifferenceMs(place)) ?? 0) < -60_000),
      );
      const report = await doctorProgram();
      expect(row(report, 'namenode')).to.include({ state: 'problem' });
      expect(row(report, 'clocks')).to.include({ state: 'problem' });
      const seconds = /namenode most: (\d+) s behind this host’s/.exec(row(report, 'clocks').found)?.[1];
      expect(Number(seconds), row(report, 'clocks').found).to.be.within(890, 930);
      expect(row(report, 'clocks').remedy).to.include('by NTP');
      expect(row(report, 'kerberos login').state).to.equal('ok');
    } finally {
      await nameNode.kill();
      await nameNode.start();
      await untilWritable(hdfs);
    }
  });
});
