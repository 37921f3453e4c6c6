import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import {
  HDFS_TOKEN_KIND,
  loadClusterSettings,
  parseToken,
  parseTokenIdentifier,
  tokenServiceOf,
  tokenToUrlString,
  withService,
  type HttpTransport,
  type Identity,
} from '#hadoop-auth';
import { HdfsObjectStore, HdfsSharing, binsFolder, openObjectStore } from '#object-store';
import { loadConfig } from '#runtime';
import { WebHdfsClient, type HdfsAccess } from '#webhdfs';
import { binObjects } from '../../../yarn-workers/worker/child/bin-objects.ts';
import { fails, objectStoreSuite, textOf } from '../../contract/object-store/suite.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { hdfsClient, identityOf, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type ClusterSecurity, type HadoopCluster } from '../../support/hadoop/index.ts';

async function paths(store: HdfsObjectStore, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { path: one } of store.list(prefix)) found.push(one);
  return found;
}

const RETRIES = { attemptsMax: 3, elapsedMsMax: 5_000 };

describe('HDFS, secured', function () {
  this.timeout(240_000);

  let cluster: HadoopCluster;
  let security: ClusterSecurity;
  let transport: HttpTransport;
  let service: WebHdfsClient;
  let folder = '';
  const clients: WebHdfsClient[] = [];

  const client = (options: { user?: string; access?: HdfsAccess; urls?: readonly string[] } = {}): WebHdfsClient => {
    const made = hdfsClient(cluster, { transport, retries: RETRIES, ...options });
    clients.push(made);
    return made;
  };
  /** In a container: nothing but a token. */
  const byToken = (token: () => string, urls = cluster.nameNodeUrls): WebHdfsClient =>
    new WebHdfsClient({
      urls,
      transport,
      identity: { kind: 'none' },
      access: { kind: 'token', token },
      retries: RETRIES,
    });

  before(async () => {
    cluster = await sharedHadoopCluster('secured');
    if (cluster.security === undefined) throw new Error('expected a secured cluster');
    ({ security } = cluster);
    transport = transportOf(cluster);
    service = client();
    folder = await mkdtemp(path.join(tmpdir(), 'trainyard-secured-'));
  });
  after(async () => {
    for (const one of clients) await one.close();
    transport.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('logs in by keytab once an origin, and then goes by the cookie', async () => {
    const real = identityOf(cluster, 'trainyard');
    if (real.kind !== 'kerberos') throw new Error('expected a Kerberos identity');
    let count = 0;
    const { negotiator } = real;
    const identity: Identity = {
      kind: 'kerberos',
      negotiator: {
        principal: negotiator.principal,
        negotiate: (host) => {
          count += 1;
          return negotiator.negotiate(host);
        },
      },
    };
    const counted = new WebHdfsClient({ urls: cluster.nameNodeUrls, transport, identity, retries: RETRIES });
    expect(await counted.homeDirectory()).to.equal('/user/trainyard');
    for (let i = 0; i < 10; i += 1) await counted.status('/user');
    expect(count).to.equal(1);
  });

  it('moves data by one token of its own, not one for every file', async () => {
    const sequence = async (): Promise<number> => {
      const token = await service.getDelegationToken('trainyard');
      await service.cancelDelegationToken(token);
      return parseTokenIdentifier(parseToken(token)).sequenceNumber;
    };
    const before = await sequence();
    const fresh = client();
    for (let i = 0; i < 4; i += 1) await fresh.create(`/user/trainyard/data-${i}`, Buffer.from('x'));
    expect(await textOf(fresh.open('/user/trainyard/data-3'))).to.equal('x');
    // One for the client, one for asking.
    expect((await sequence()) - before).to.equal(2);
  });

  it('acts for end users by doAs, and says who may not be acted for', async () => {
    const alice = client({ access: { kind: 'doAs', user: 'alice' } });
    await alice.create('/user/alice/by-service', Buffer.from('hello'), { overwrite: true });
    expect((await alice.status('/user/alice/by-service')).owner).to.equal('alice');
    expect(await textOf(alice.open('/user/alice/by-service'))).to.equal('hello');
    await appErrorOf('HDFS_PERMISSION_DENIED', () => alice.create('/user/bob/not-mine', Buffer.from('x')));
    const err = await appErrorOf('HDFS_IMPERSONATION_DENIED', () =>
      client({ access: { kind: 'doAs', user: 'hdfs' } }).status('/'),
    );
    expect(err.message).to.contain('not allowed to impersonate hdfs');
  });

  it('hands out tokens of an end user that work without Kerberos until they are cancelled', async () => {
    const alice = client({ access: { kind: 'doAs', user: 'alice' } });
    const renewer = loadClusterSettings(cluster.confDir).tokenRenewer ?? '';
    const first = await alice.getDelegationToken(renewer);
    const identifier = parseTokenIdentifier(parseToken(first));
    // The NameNode makes a short name of the ResourceManager’s principal by its own rules.
    expect([identifier.owner, identifier.renewer]).to.deep.equal(['alice', 'yarn']);
    expect(identifier.expiresAt.getTime()).to.be.greaterThan(Date.now());
    await appErrorOf('HDFS_PERMISSION_DENIED', () => service.renewDelegationToken(first));

    const mine = await alice.getDelegationToken('trainyard');
    expect((await service.renewDelegationToken(mine)).getTime()).to.be.greaterThan(Date.now());

    let current = first;
    const container = byToken(() => current);
    await container.create('/user/alice/from-container', Buffer.from('data'), { overwrite: true });
    expect((await container.status('/user/alice/from-container')).owner).to.equal('alice');
    await alice.cancelDelegationToken(first);
    const err = await appErrorOf('HDFS_TOKEN_INVALID', () => container.status('/user/alice'));
    expect(err.message).to.contain('alice').and.not.contain(first);
    // A fresh one is put in while the client lives.
    current = mine;
    expect(await textOf(container.open('/user/alice/from-container'))).to.equal('data');

    const forYarn = withService(
      parseToken(mine),
      await tokenServiceOf(loadClusterSettings(cluster.confDir)),
      HDFS_TOKEN_KIND,
    );
    expect(forYarn.service).to.match(/^127\.0\.0\.1:\d+$/);
    expect((await byToken(() => tokenToUrlString(forYarn)).status('/user/alice')).owner).to.equal('alice');
    await alice.cancelDelegationToken(mine);
  });

  it('reads and writes in an encryption zone without knowing of it', async () => {
    const alice = client({ access: { kind: 'doAs', user: 'alice' } });
    const file = `${security.encryptionZone}/secret`;
    await alice.create(file, Buffer.from('plain text'), { overwrite: true });
    expect((await alice.status(file)).encrypted).to.be.true;
    expect(await textOf(alice.open(file, { offset: 6 }))).to.equal('text');
  });

  it('does the same through HttpFS, with tokens of its own', async () => {
    const alice = client({ access: { kind: 'doAs', user: 'alice' }, urls: [security.httpFsUrl] });
    await alice.mkdirs('/user/alice/httpfs', { permission: '750' });
    await alice.create('/user/alice/httpfs/file', Buffer.from('0123456789'), { overwrite: true });
    expect(await textOf(alice.open('/user/alice/httpfs/file', { offset: 2, length: 3 }))).to.equal('234');
    await alice.append('/user/alice/httpfs/file', Buffer.from('!'));
    expect((await alice.status('/user/alice/httpfs/file')).sizeBytes).to.equal(11);
    const names: string[] = [];
    for await (const entry of alice.list('/user/alice/httpfs')) names.push(entry.path);
    expect(names).to.deep.equal(['/user/alice/httpfs/file']);
    expect(await alice.mayAccess('/user/alice/httpfs', 'rwx')).to.be.true;
    await appErrorOf('HDFS_FILE_MISSING', () => textOf(alice.open('/user/alice/httpfs/none')));
    const token = await alice.getDelegationToken('trainyard');
    expect((await byToken(() => token, [security.httpFsUrl]).status('/user/alice')).owner).to.equal('alice');
    await appErrorOf('HDFS_TOKEN_INVALID', () => byToken(() => token).status('/user/alice'));
    await alice.delete('/user/alice/httpfs', { recursive: true });
  });

  it('opens the object store with a keytab, and in a container with the token file alone', async () => {
    const flags = {
      'objectStore.driver': 'hdfs',
      'hadoop.confDir': cluster.confDir,
      'hadoop.caFile': security.caFile,
    };
    const asService = loadConfig({
      env: {},
      flags: { ...flags, 'objectStore.root': '/user/trainyard/objects', 'hadoop.keytab': security.keytab('trainyard') },
    });
    const opened = openObjectStore(asService.config);
    await opened.store.write('models/m1', Buffer.from('artefact'));
    expect(await textOf(opened.store.read('models/m1'))).to.equal('artefact');
    await opened.store.deleteTree('models');
    await opened.close();

    const file = path.join(folder, 'container_tokens');
    const fetched = await cluster.java('org.apache.hadoop.hdfs.tools.DelegationTokenFetcher', [file], {
      asUser: 'alice',
    });
    expect(fetched.code, fetched.stderr).to.equal(0);
    process.env['HADOOP_TOKEN_FILE_LOCATION'] = file;
    try {
      const { config } = loadConfig({ env: {}, flags: { ...flags, 'objectStore.root': '/user/alice/objects' } });
      const inContainer = openObjectStore(config);
      await inContainer.store.write('attempt/1', Buffer.from('by alice'));
      expect((await client({ user: 'alice' }).status('/user/alice/objects/attempt/1')).owner).to.equal('alice');
      await inContainer.close();
    } finally {
      delete process.env['HADOOP_TOKEN_FILE_LOCATION'];
    }
    const noKeytab = loadConfig({ env: {}, flags });
    expect((await appErrorOf('CONFIG_INVALID', () => openObjectStore(noKeytab.config))).message).to.contain(
      'hadoop.keytab',
    );
  });

  it('opens a folder of the store to the end user alone, and closes it with what he wrote in it', async () => {
    const root = '/user/trainyard/shared';
    await client({ user: 'hdfs' }).setPermission('/user/trainyard', '711');
    const store = new HdfsObjectStore(service, root);
    const sharing = new HdfsSharing(service, root, 'trainyard', (user) => client({ access: { kind: 'doAs', user } }));
    const storeOf = (user: string): HdfsObjectStore =>
      new HdfsObjectStore(client({ access: { kind: 'doAs', user } }), root);
    const [alice, bob] = [storeOf('alice'), storeOf('bob')];
    await store.write('datasets/d1/rows', Buffer.from('rows'));
    await store.write('models/m1/blob', Buffer.from('of another'));
    await sharing.openForReading('datasets/d1', 'alice');
    await sharing.openForWriting('models/t1/1-x', 'alice');
    expect(await textOf(alice.read('datasets/d1/rows'))).to.equal('rows');
    await alice.write('models/t1/1-x/manifest', Buffer.from('by alice'));
    expect((await service.status(`${root}/models/t1/1-x/manifest`)).owner).to.equal('alice');
    // Nobody else, and she nowhere else.
    await fails('HDFS_PERMISSION_DENIED', textOf(bob.read('datasets/d1/rows')));
    await fails('HDFS_PERMISSION_DENIED', textOf(bob.read('models/t1/1-x/manifest')));
    await fails('HDFS_PERMISSION_DENIED', bob.write('models/t1/1-x/other', Buffer.from('x')));
    await fails('HDFS_PERMISSION_DENIED', textOf(alice.read('models/m1/blob')));
    await fails('HDFS_PERMISSION_DENIED', alice.write('datasets/d1/more', Buffer.from('x')));
    await fails('HDFS_PERMISSION_DENIED', paths(alice, 'models'));

    // What another user wrote is opened by its owner's right.
    await sharing.openForReading('models/t1/1-x', 'bob');
    expect(await textOf(bob.read('models/t1/1-x/manifest'))).to.equal('by alice');

    await sharing.close('models/t1/1-x');
    for (const user of [alice, bob]) await fails('HDFS_PERMISSION_DENIED', textOf(user.read('models/t1/1-x/manifest')));
    await fails('HDFS_PERMISSION_DENIED', alice.write('models/t1/1-x/late', Buffer.from('x')));
    expect(await textOf(store.read('models/t1/1-x/manifest'))).to.equal('by alice');
    expect(await paths(store, 'models')).to.deep.equal(['models/m1/blob', 'models/t1/1-x/manifest']);
    await store.deleteTree('models');
  });

  it('keeps tables in bins for the user who has read them, and for nobody else; the service takes them away', async () => {
    const root = '/user/trainyard/bins-once';
    await client({ user: 'hdfs' }).setPermission('/user/trainyard', '711');
    const store = new HdfsObjectStore(service, root);
    const sharing = new HdfsSharing(service, root, 'trainyard', (user) => client({ access: { kind: 'doAs', user } }));
    const binsOf = (user: string, owner: string) =>
      binObjects(
        new HdfsObjectStore(client({ access: { kind: 'doAs', user } }), root),
        binsFolder('p1', owner),
        '1.0.0',
      );
    const key = 'a'.repeat(64);
    await fails(
      'HDFS_PERMISSION_DENIED',
      binsOf('alice', 'alice').create(key).write('training-000000', Buffer.from('x')),
    );
    for (const user of ['alice', 'bob']) await sharing.openForWriting(binsFolder('p1', user), user);
    const alice = binsOf('alice', 'alice');
    const writer = alice.create(key);
    await writer.write('training-000000', Buffer.from('0123456789'));
    expect(await alice.find(key), 'not sealed').to.deep.equal([]);
    await writer.seal(Buffer.from('index'));
    const begun = alice.create(key);
    await begun.write('training-000000', Buffer.from('of another writer'));
    const [found, ...others] = await alice.find(key);
    expect(others).to.deep.equal([]);
    expect(Buffer.from(found?.index ?? []).toString()).to.equal('index');
    expect(Buffer.from((await found?.read('training-000000', 2, 5)) ?? []).toString()).to.equal('23456');
    await begun.abandon();
    expect(await paths(store, 'bins')).to.have.length(2);
    // Bob finds none in his own folder, and may not look into hers.
    expect(await binsOf('bob', 'bob').find(key)).to.deep.equal([]);
    await fails('HDFS_PERMISSION_DENIED', binsOf('bob', 'alice').find(key));
    const [index = ''] = await paths(store, 'bins');
    const bob = new HdfsObjectStore(client({ access: { kind: 'doAs', user: 'bob' } }), root);
    await fails('HDFS_PERMISSION_DENIED', textOf(bob.read(index)));
    // As the sweeper does.
    for (const path of await paths(store, 'bins')) await store.delete(path);
    expect(await alice.find(key)).to.deep.equal([]);
    await store.deleteTree('bins');
  });

  let count = 0;
  objectStoreSuite('hdfs through HttpFS', {
    open: async () => {
      count += 1;
      return new HdfsObjectStore(client({ urls: [security.httpFsUrl] }), `/user/trainyard/store-${count}`);
    },
    close: () => Promise.resolve(),
  });
});
