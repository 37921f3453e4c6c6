import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { Job } from '#contracts';
import { HdfsSharing, openObjectStore } from '#object-store';
import { hdfsClient, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { backUpTo, Installation, Place, restoreFrom, type Contents } from '../backup/installation.ts';

/** Two installations of one cluster, each with a folder of its own: what is lost is the first one's. */
describe('backup and restore of objects in HDFS', function () {
  this.timeout(120_000);
  let cluster: HadoopCluster;
  let source: Place;
  let contents: Contents;
  let board: unknown[];
  let folder: string;
  const places: Place[] = [];

  const placeAt = async (root: string): Promise<Place> => {
    const place = await Place.make('sqlite', {
      'hadoop.confDir': cluster.confDir,
      'hadoop.user': 'alice',
      'objectStore.driver': 'hdfs',
      'objectStore.root': root,
    });
    places.push(place);
    return place;
  };
  const objectsOf = async ({ config }: Place): Promise<string[]> => {
    const opened = openObjectStore(config);
    const found: string[] = [];
    for await (const { path: object } of opened.store.list('')) found.push(object);
    await opened.close();
    return found;
  };

  before(async function () {
    this.timeout(300_000);
    cluster = await sharedHadoopCluster('plain');
    source = await placeAt('/user/alice/first/objects');
    const first = await Installation.start(source);
    try {
      contents = await first.fill();
      folder = source.beside('backup');
      await backUpTo(source, folder);
      board = await first.board(contents.projectId);
    } finally {
      await first.close();
    }
  });
  after(async () => {
    for (const place of places) await place.close();
    await cluster.fs('-rm', '-r', '-f', '-skipTrash', '/user/alice/first', '/user/alice/second', '/user/alice/third');
  });

  it('copies every object that the database names out of the cluster, byte by byte', () => {
    const lines = readFileSync(path.join(folder, 'members.ndjson'), 'utf8').trimEnd().split('\n');
    const members = lines.map((line) => JSON.parse(line) as { path: string; sha256: string });
    const objects = members.filter((member) => member.path.startsWith('objects/'));
    expect(objects).to.have.length.of.at.least(6);
    for (const member of objects) {
      const bytes = readFileSync(path.join(folder, member.path));
      expect(createHash('sha256').update(bytes).digest('hex')).to.equal(member.sha256);
    }
  });

  it('comes back in another folder after the first is lost, and goes on', async () => {
    await cluster.fs('-rm', '-r', '-skipTrash', '/user/alice/first');
    const place = await placeAt('/user/alice/second/objects');
    await restoreFrom(folder, place);
    const second = await Installation.start(place);
    try {
      expect(await second.board(contents.projectId)).to.deep.equal(board);
      await second.worker.workAll();
      for (const id of [contents.openJobId, contents.waitingJobId])
        expect((await second.api.get(`/jobs/${id}`, Job)).state).to.equal('succeeded');
    } finally {
      await second.close();
    }
  });

  it('gives users the restored models as it gave them the first', async () => {
    const transport = transportOf(cluster);
    const clientOf = (user: string) => hdfsClient(cluster, { transport, user });
    const [place] = places.slice(-1);
    if (place === undefined) throw new Error('a place was made above');
    const { root } = place.config.objectStore;
    const model = (await objectsOf(place)).find((object) => object.endsWith('/manifest.json')) ?? '';
    const file = `${root}/${model}`;
    const readAsBob = async (): Promise<number> => {
      let sizeBytes = 0;
      for await (const chunk of clientOf('bob').open(file)) sizeBytes += chunk.byteLength;
      return sizeBytes;
    };
    await cluster.fs('-chmod', '711', '/user/alice', '/user/alice/second');
    await appErrorOf('HDFS_PERMISSION_DENIED', readAsBob);
    await new HdfsSharing(clientOf('alice'), root, 'alice', clientOf).openForReading(path.posix.dirname(model), 'bob');
    expect(await readAsBob()).to.be.greaterThan(0);
    transport.close();
  });

  it('refuses a folder that holds objects, and empties one that it could not fill', async () => {
    const full = await placeAt('/user/alice/second/objects');
    const refused = await appErrorOf('CONFLICT', () => restoreFrom(folder, full));
    expect(refused.message).to.include('/user/alice/second/objects in HDFS holds');
    const narrow = await placeAt('/user/alice/third/objects');
    await cluster.fsAs('alice', '-mkdir', '-p', '/user/alice/third/objects');
    const quota = ['-setQuota', '6', '/user/alice/third'];
    const { code, stderr } = await cluster.java('org.apache.hadoop.hdfs.tools.DFSAdmin', quota);
    expect(code, stderr).to.equal(0);
    await appErrorOf('DISK_FULL', () => restoreFrom(folder, narrow));
    expect(await objectsOf(narrow)).to.deep.equal([]);
  });
});
