import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import { parseToken, parseTokenIdentifier, type HttpTransport } from '#hadoop-auth';
import { HdfsObjectStore } from '#object-store';
import { WebHdfsClient } from '#webhdfs';
import { appErrorOf } from '../support/expect-error.ts';
import { hdfsClient, transportOf } from '../support/hadoop/clients.ts';
import { startHadoopCluster, type HadoopCluster } from '../support/hadoop/index.ts';
import { until } from '../support/processes.ts';

const MIB = 1024 * 1024;
const DFS_ADMIN = 'org.apache.hadoop.hdfs.tools.DFSAdmin';

async function* repeat(
  part: Uint8Array,
  count: number,
  at: (index: number) => Promise<void>,
): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index += 1) {
    await at(index);
    yield part;
  }
}

async function sha256Of(chunks: AsyncIterable<Uint8Array>, each: (bytes: number) => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.byteLength;
    await each(bytes);
  }
  return hash.digest('hex');
}

describe('HDFS with daemons that die', function () {
  this.timeout(300_000);

  let cluster: HadoopCluster;
  let transport: HttpTransport;
  let alice: WebHdfsClient;
  const part = randomBytes(MIB);

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'plain', nodeManagers: 1 });
    transport = transportOf(cluster);
    alice = hdfsClient(cluster, { transport, user: 'alice' });
  });
  after(async () => {
    transport.close();
    await cluster.close();
  });

  const admin = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await cluster.java(DFS_ADMIN, args);
    expect(code, stderr).to.equal(0);
  };
  const write = async (path: string, count: number): Promise<string> => {
    await alice.create(
      path,
      repeat(part, count, async () => undefined),
    );
    const hash = createHash('sha256');
    for (let i = 0; i < count; i += 1) hash.update(part);
    return hash.digest('hex');
  };

  it('a read goes on after its DataNode was killed, byte for byte', async () => {
    const sha256 = await write('/user/alice/read', 64);
    const dataNode = cluster.daemon('datanode');
    let restarted: Promise<void> | undefined;
    const found = await sha256Of(alice.open('/user/alice/read'), async (bytes) => {
      if (bytes < 8 * MIB || restarted !== undefined) return;
      await dataNode.kill();
      restarted = dataNode.start();
    });
    await restarted;
    expect(found).to.equal(sha256);
  });

  it('a read whose DataNode stays away is an outage, not a lack of data: nobody’s task is charged for it', async () => {
    const hasty = hdfsClient(cluster, { transport, user: 'alice', retries: { attemptsMax: 2, elapsedMsMax: 2_000 } });
    const store = new HdfsObjectStore(hasty, '/user/alice/away');
    await store.write('object', Buffer.from('twelve bytes'));
    const dataNode = cluster.daemon('datanode');
    await dataNode.kill();
    try {
      const err = await appErrorOf('STORE_UNAVAILABLE', () => sha256Of(store.read('object'), async () => undefined));
      expect(isAppError(err.cause, 'HDFS_READ_TRUNCATED'), String(err.cause)).to.be.true;
    } finally {
      await dataNode.start();
    }
  });

  it('a write whose DataNode is killed is an error that may be tried again, and leaves no object', async () => {
    const store = new HdfsObjectStore(alice, '/user/alice/killed');
    const dataNode = cluster.daemon('datanode');
    const body = repeat(part, 200, async (index) => {
      if (index === 20) await dataNode.kill();
    });
    const err = await appErrorOf('STORE_UNAVAILABLE', () => store.write('a/object', body));
    expect(err.retryable).to.be.true;
    await dataNode.start();
    expect(await store.stat('a/object')).to.be.null;
    await until('the second write', () =>
      store.write('a/second', Buffer.from('whole')).then(
        () => true,
        (reason: unknown) => {
          if (isAppError(reason, 'STORE_UNAVAILABLE')) return false;
          throw reason;
        },
      ),
    );
    const listed: string[] = [];
    for await (const { path } of store.list('')) listed.push(path);
    expect(listed).to.deep.equal(['a/second']);
    await store.sweepTemporary(0, { now: Date.now() });
    const left: string[] = [];
    for await (const { path } of alice.list('/user/alice/killed/a')) left.push(path);
    expect(left).to.deep.equal(['/user/alice/killed/a/second']);
  });

  it('calls wait for a NameNode that is down for 30 s, and then through its safe mode', async () => {
    await alice.create('/user/alice/kept', Buffer.from('kept'));
    const nameNode = cluster.daemon('namenode');
    await nameNode.kill();
    const started = performance.now();
    const restart = delay(30_000).then(() => nameNode.start());
    const created = alice.create('/user/alice/patient', Buffer.from('written after'));
    const read = sha256Of(alice.open('/user/alice/kept'), async () => undefined);
    expect(await created).to.equal(13);
    await read;
    await restart;
    expect(performance.now() - started).to.be.greaterThan(29_000);
    expect((await alice.status('/user/alice/patient')).sizeBytes).to.equal(13);
  });

  it('a NameNode that stays in safe mode is named when the budget is used up; reads go on', async () => {
    await admin('-safemode', 'enter');
    const hasty = hdfsClient(cluster, { transport, user: 'alice', retries: { attemptsMax: 3, elapsedMsMax: 5_000 } });
    const err = await appErrorOf('HDFS_SAFE_MODE', () => hasty.mkdirs('/user/alice/no'));
    expect(err.message).to.contain('/user/alice/no').and.contain('given up after 3 attempts');
    expect((await hasty.status('/user/alice/kept')).sizeBytes).to.equal(4);
    const waiting = alice.mkdirs('/user/alice/yes');
    await admin('-safemode', 'leave');
    await waiting;
  });

  it('a space quota that is used up in the middle of a write is a full disk, and no object', async () => {
    await alice.mkdirs('/user/alice/quota');
    await admin('-setSpaceQuota', String(160 * MIB), '/user/alice/quota');
    const store = new HdfsObjectStore(alice, '/user/alice/quota');
    const err = await appErrorOf('DISK_FULL', () =>
      store.write(
        'large',
        repeat(part, 400, async () => undefined),
      ),
    );
    expect(isAppError(err.cause, 'HDFS_QUOTA_EXCEEDED')).to.be.true;
    expect(err.message).to.match(/the space quota of \/user\/alice\/quota in HDFS is used up; .* -setSpaceQuota$/);
    const left: string[] = [];
    for await (const { path } of alice.list('/user/alice/quota')) left.push(path);
    expect(left).to.deep.equal([]);
  });
});

describe('HDFS, highly available', function () {
  this.timeout(300_000);

  let cluster: HadoopCluster;
  let transport: HttpTransport;
  const part = randomBytes(MIB);

  before(async () => {
    cluster = await startHadoopCluster({ shape: 'ha', nodeManagers: 1 });
    transport = transportOf(cluster, 10_000);
  });
  after(async () => {
    transport.close();
    await cluster.close();
  });

  it('finds the active NameNode, whichever is named first', async () => {
    for (const urls of [cluster.nameNodeUrls, [...cluster.nameNodeUrls].reverse()]) {
      const alice = hdfsClient(cluster, { transport, user: 'alice', urls });
      await alice.create(`/user/alice/found-${urls.indexOf(cluster.nameNodeUrls[0] ?? '')}`, Buffer.from('x'));
    }
    // The standby alone is no way in, and says so.
    const standbys = await Promise.all(
      cluster.nameNodeUrls.map(async (url) => {
        const one = hdfsClient(cluster, { transport, urls: [url], retries: { attemptsMax: 1, elapsedMsMax: 1 } });
        return one.status('/').then(
          () => null,
          (err: unknown) => err,
        );
      }),
    );
    const refused = standbys.filter((err) => err !== null);
    expect(refused).to.have.length(1);
    expect(isAppError(refused[0], 'HDFS_UNAVAILABLE') && refused[0].details['exception']).to.equal('StandbyException');
  });

  it('reads, writes and lists on while the active NameNode is killed', async () => {
    const alice = hdfsClient(cluster, { transport, user: 'alice' });
    const store = new HdfsObjectStore(alice, '/user/alice/failover');
    const kill = async (index: number): Promise<void> => {
      if (index !== 10) return;
      const isFirstActive = await hdfsClient(cluster, {
        transport,
        urls: cluster.nameNodeUrls.slice(0, 1),
        retries: { attemptsMax: 1, elapsedMsMax: 1 },
      })
        .status('/')
        .then(
          () => true,
          () => false,
        );
      await cluster.daemon(isFirstActive ? 'namenode' : 'namenode2').kill();
    };
    // The upload itself, its rename, and all that follows meet the failover.
    const { sizeBytes, sha256 } = await store.write('object', repeat(part, 80, kill));
    expect(sizeBytes).to.equal(80 * MIB);
    expect(await sha256Of(store.read('object'), async () => undefined)).to.equal(sha256);
    const listed: string[] = [];
    for await (const { path } of store.list('')) listed.push(path);
    expect(listed).to.deep.equal(['object']);
  });
});

describe('HDFS, secured, past the life of a token', function () {
  this.timeout(300_000);

  let cluster: HadoopCluster;
  let transport: HttpTransport;

  before(async () => {
    cluster = await startHadoopCluster({
      shape: 'secured',
      nodeManagers: 1,
      properties: {
        'hdfs-site': {
          'dfs.namenode.delegation.token.renew-interval': '8000',
          'dfs.namenode.delegation.token.max-lifetime': '16000',
        },
      },
    });
    transport = transportOf(cluster);
  });
  after(async () => {
    transport.close();
    await cluster.close();
  });

  it('a client goes on with a fresh token, and a token’s end is told from a lack of rights', async () => {
    const service = hdfsClient(cluster, { transport });
    const alice = hdfsClient(cluster, { transport, access: { kind: 'doAs', user: 'alice' } });
    const granted = await alice.getDelegationToken('trainyard');
    const identifier = parseTokenIdentifier(parseToken(granted));
    expect(identifier.expiresAt.getTime() - identifier.issuedAt.getTime()).to.equal(16_000);
    let current = granted;
    const container = new WebHdfsClient({
      urls: cluster.nameNodeUrls,
      transport,
      identity: { kind: 'none' },
      access: { kind: 'token', token: () => current },
      retries: { attemptsMax: 2, elapsedMsMax: 2_000 },
    });
    let written = 0;
    let expired: unknown = null;
    await until(
      'the end of the token',
      async () => {
        // The service’s own session token ends meanwhile, too.
        await service.create(`/user/trainyard/life-${written}`, Buffer.from('x'));
        written += 1;
        return container.status('/user/alice').then(
          () => false,
          (err: unknown) => {
            expired = err;
            return true;
          },
        );
      },
      60_000,
    );
    expect(isAppError(expired, 'HDFS_TOKEN_INVALID'), String(expired)).to.be.true;
    expect(written).to.be.greaterThan(2);
    const renewed = await appErrorOf('HDFS_TOKEN_INVALID', () => service.renewDelegationToken(granted)).catch(
      (err: unknown) => err,
    );
    expect(renewed).to.be.instanceOf(Error);
    current = await alice.getDelegationToken('trainyard');
    expect((await container.status('/user/alice')).owner).to.equal('alice');
    await service.close();
    await alice.close();
  });
});
