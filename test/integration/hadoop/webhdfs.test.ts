import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { connectHadoop, loadClusterSettings, type HttpTransport } from '#hadoop-auth';
import { loadConfig } from '#runtime';
import { openWebHdfs, type WebHdfsClient } from '#webhdfs';
import { appErrorOf } from '../../support/expect-error.ts';
import { hdfsClient, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';

const MIB = 1024 * 1024;

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

describe('WebHDFS, plain', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;
  let transport: HttpTransport;
  let alice: WebHdfsClient;
  let admin: WebHdfsClient;
  const root = '/user/alice/webhdfs';

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    transport = transportOf(cluster);
    alice = hdfsClient(cluster, { transport, user: 'alice' });
    admin = hdfsClient(cluster, { transport, user: 'hdfs' });
    await alice.mkdirs(root);
  });
  after(() => transport.close());

  it('is found by the cluster’s own configuration, and takes paths of its nameservice', async () => {
    const { config } = loadConfig({ env: {}, flags: { 'hadoop.confDir': cluster.confDir, 'hadoop.user': 'alice' } });
    const connection = connectHadoop(config.hadoop, {});
    const client = openWebHdfs(connection, config.hadoop);
    try {
      const { authority } = loadClusterSettings(cluster.confDir).defaultNameservice;
      expect((await client.status(`hdfs://${authority}${root}`)).path).to.equal(root);
      expect(await client.homeDirectory()).to.equal('/user/alice');
      await appErrorOf('HDFS_PATH_INVALID', () => client.status(`hdfs://elsewhere${root}`));
    } finally {
      await client.close();
      connection.close();
    }
  });

  it('streams files of any size there and back, with odd names', async () => {
    const path = `${root}/ä +%&=#?;,'"~ name`;
    const part = randomBytes(MIB);
    const sent = createHash('sha256');
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 40; i += 1) {
        sent.update(part);
        yield part;
      }
    };
    expect(await alice.create(path, body())).to.equal(40 * MIB);
    const found = await alice.status(path);
    expect([found.type, found.sizeBytes, found.owner, found.path]).to.deep.equal(['file', 40 * MIB, 'alice', path]);
    const received = createHash('sha256');
    for await (const chunk of alice.open(path)) received.update(chunk);
    expect(received.digest('hex')).to.equal(sent.digest('hex'));
    expect(await cluster.fsAs('alice', '-count', '-q', root)).to.match(/41943040/);
  });

  it('takes no more of a body than the DataNode has taken', async () => {
    let produced = 0;
    const firstTaken: number[] = [];
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        produced += 1;
        if (produced === 400) throw new Error('enough');
        firstTaken.push(produced);
        yield Buffer.alloc(64 * 1024);
      }
    };
    let message = '';
    await alice.create(`${root}/broken`, endless()).catch((err: unknown) => (message = String(err)));
    expect(message).to.contain('enough');
    // What broke off is a closed, short file: never a whole one.
    expect((await alice.find(`${root}/broken`))?.sizeBytes ?? 0).to.be.lessThan(400 * 64 * 1024);
  });

  it('reads ranges exactly, and nothing past the end', async () => {
    const content = randomBytes(3 * MIB);
    await alice.create(`${root}/range`, content);
    const ranges: readonly [number, number | undefined][] = [
      [0, 1],
      [MIB - 1, 2],
      [5, 0],
      [2 * MIB, undefined],
      [3 * MIB - 1, 100],
      [3 * MIB, 10],
      [9 * MIB, 10],
    ];
    for (const [offset, length] of ranges) {
      const read = await bytesOf(alice.open(`${root}/range`, { offset, ...(length === undefined ? {} : { length }) }));
      expect(read.equals(content.subarray(offset, length === undefined ? undefined : offset + length)), String(offset))
        .to.be.true;
    }
  });

  it('a reader that stops early leaves its connection usable', async () => {
    for (let i = 0; i < 40; i += 1) {
      for await (const chunk of alice.open(`${root}/range`)) {
        expect(chunk.byteLength).to.be.greaterThan(0);
        break;
      }
    }
  });

  it('appends, and never overwrites unless told to', async () => {
    const path = `${root}/append`;
    await alice.create(path, Buffer.from('one'));
    await alice.append(path, Readable.from([Buffer.from(' two'), Buffer.from(' three')]));
    expect((await bytesOf(alice.open(path))).toString()).to.equal('one two three');
    const err = await appErrorOf('HDFS_FILE_EXISTS', () => alice.create(path, Buffer.from('x')));
    expect(err.message).to.contain(path).and.contain('alice');
    await alice.create(path, Buffer.from('new'), { overwrite: true, permission: '600' });
    expect((await alice.status(path)).permission).to.equal('600');
    expect((await bytesOf(alice.open(path))).toString()).to.equal('new');
  });

  it('lists a large folder in batches, in order, from any name on', async () => {
    const folder = `${root}/many`;
    // The NameNode answers 1,000 entries at a time by default; folders are cheaper to make than files.
    const names = Array.from({ length: 1_105 }, (_, index) => `d${String(index).padStart(5, '0')}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => alice.mkdirs(`${folder}/${name}`)));
    const listed: string[] = [];
    for await (const entry of alice.list(folder)) listed.push(entry.path);
    expect(listed).to.deep.equal(names.map((name) => `${folder}/${name}`));
    const rest: string[] = [];
    for await (const entry of alice.list(folder, { after: 'd01102' })) rest.push(entry.path);
    expect(rest).to.deep.equal([`${folder}/d01103`, `${folder}/d01104`]);
    expect(await alice.delete(folder, { recursive: true })).to.be.true;
    expect(await alice.find(folder)).to.be.null;
  });

  it('renames without replacing, deletes, makes folders with permissions of their own', async () => {
    await alice.create(`${root}/from`, Buffer.from('from'));
    await alice.create(`${root}/there`, Buffer.from('there'));
    await appErrorOf('HDFS_FILE_EXISTS', () => alice.rename(`${root}/from`, `${root}/there`));
    await appErrorOf('HDFS_FILE_MISSING', () => alice.rename(`${root}/none`, `${root}/other`));
    const { fileId } = await alice.status(`${root}/from`);
    await alice.rename(`${root}/from`, `${root}/to`);
    expect((await alice.status(`${root}/to`)).fileId).to.equal(fileId);
    expect(await alice.delete(`${root}/to`)).to.be.true;
    expect(await alice.delete(`${root}/to`)).to.be.false;

    await alice.mkdirs(`${root}/p/q/private`, { permission: '700' });
    expect((await alice.status(`${root}/p/q/private`)).permission).to.equal('700');
    expect((await alice.status(`${root}/p/q`)).permission).to.equal('755');
    await appErrorOf('HDFS_REQUEST_INVALID', () => alice.delete(`${root}/p`));
    await appErrorOf('HDFS_REQUEST_INVALID', () => bytesOf(alice.open(`${root}/p`)));
  });

  it('sets permission, owner and times', async () => {
    const path = `${root}/attributes`;
    await alice.create(path, Buffer.from('x'));
    await alice.setPermission(path, '640');
    await admin.setOwner(path, { owner: 'bob', group: 'users' });
    const time = new Date('2026-01-02T03:04:05Z');
    await admin.setModifiedAt(path, time);
    const { owner, group, permission, modifiedAt } = await admin.status(path);
    expect({ owner, group, permission, modifiedAt }).to.deep.equal({
      owner: 'bob',
      group: 'users',
      permission: '640',
      modifiedAt: time,
    });
    await appErrorOf('HDFS_PERMISSION_DENIED', () => alice.setOwner(path, { owner: 'alice' }));
  });

  it('opens a folder to another user by ACL, and closes it again', async () => {
    // Home folders are closed to others, and a folder is reached through all above it.
    await admin.mkdirs('/webhdfs-acl', { permission: '777' });
    const folder = '/webhdfs-acl/of-alice';
    const bob = hdfsClient(cluster, { transport, user: 'bob' });
    await alice.mkdirs(folder, { permission: '700' });
    await alice.create(`${folder}/file`, Buffer.from('secret'));
    expect(await bob.mayAccess(folder, 'r-x')).to.be.false;
    await appErrorOf('HDFS_PERMISSION_DENIED', () => bytesOf(bob.open(`${folder}/file`)));
    await alice.modifyAcl(folder, ['user:bob:r-x', 'default:user:bob:rwx']);
    expect(await alice.getAcl(folder)).to.include('user:bob:r-x');
    expect((await alice.status(folder)).hasAcl).to.be.true;
    expect(await bob.mayAccess(folder, 'r-x')).to.be.true;
    expect((await bytesOf(bob.open(`${folder}/file`))).toString()).to.equal('secret');
    await alice.removeAcl(folder, ['user:bob']);
    await alice.removeAcl(folder);
    expect(await alice.getAcl(folder)).to.deep.equal([]);
    expect(await bob.mayAccess(folder, 'r-x')).to.be.false;
  });

  it('reports sizes and quotas, and names a quota that is used up', async () => {
    const folder = `${root}/quota`;
    await alice.mkdirs(folder);
    const dfsAdmin = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await cluster.java('org.apache.hadoop.hdfs.tools.DFSAdmin', args);
      expect(code, stderr).to.equal(0);
    };
    await dfsAdmin('-setQuota', '3', folder);
    await alice.create(`${folder}/1`, Buffer.alloc(10));
    expect(await alice.contentSummary(folder)).to.deep.include({ fileCount: 1, sizeBytes: 10, nameQuota: 3 });
    expect((await alice.contentSummary(root)).nameQuota).to.be.null;
    await alice.create(`${folder}/2`, Buffer.alloc(10));
    const names = await appErrorOf('HDFS_QUOTA_EXCEEDED', () => alice.create(`${folder}/3`, Buffer.alloc(10)));
    expect(names.message).to.contain(folder);
    await dfsAdmin('-setSpaceQuota', '1024', `${root}/quota`);
    await alice.delete(`${folder}/1`);
    await appErrorOf('HDFS_QUOTA_EXCEEDED', () => alice.create(`${folder}/large`, Buffer.alloc(5_000)));
  });

  it('acts for an end user where it may, and says so where it may not', async () => {
    const asAlice = hdfsClient(cluster, { transport, access: { kind: 'doAs', user: 'alice' } });
    await asAlice.create(`${root}/by-service`, Buffer.from('x'));
    expect((await asAlice.status(`${root}/by-service`)).owner).to.equal('alice');
    const asHdfs = hdfsClient(cluster, { transport, access: { kind: 'doAs', user: 'hdfs' } });
    const err = await appErrorOf('HDFS_IMPERSONATION_DENIED', () => asHdfs.status('/'));
    expect(err.message).to.contain('not allowed to impersonate hdfs');
    const asItself = hdfsClient(cluster, { transport, access: { kind: 'doAs', user: 'trainyard' } });
    expect(await asItself.homeDirectory()).to.equal('/user/trainyard');
  });

  it('gives a checksum that says whether two files are the same', async () => {
    for (const [name, text] of [
      ['a', 'same'],
      ['b', 'same'],
      ['c', 'other'],
    ] as const)
      await alice.create(`${root}/sum-${name}`, Buffer.from(text));
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => alice.checksum(`${root}/sum-${name}`)));
    expect(a).to.equal(b).and.not.equal(c);
    expect(a).to.match(/^MD5-of-.*:[0-9a-f]+$/);
  });

  it('says what is missing, where, and as whom', async () => {
    const err = await appErrorOf('HDFS_FILE_MISSING', () => bytesOf(alice.open(`${root}/none/at/all`)));
    expect(err.message).to.contain(`${root}/none/at/all`).and.contain('alice').and.contain(cluster.nameNodeUrls[0]);
    const away = hdfsClient(cluster, {
      transport,
      urls: ['http://localhost:1'],
      retries: { attemptsMax: 2, elapsedMsMax: 1_000 },
    });
    const refused = await appErrorOf('HADOOP_UNAVAILABLE', () => away.status('/'));
    expect(refused.message).to.contain('localhost:1').and.contain('given up after 2 attempts');
    const twoServers = hdfsClient(cluster, { transport, urls: ['http://localhost:1', ...cluster.nameNodeUrls] });
    expect((await twoServers.status('/')).type).to.equal('directory');
  });
});
