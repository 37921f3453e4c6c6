import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { ERROR_TABLE, isAppError, type AppError, type ErrorCode } from '#contracts';
import { connectHadoop } from '#hadoop-auth';
import { openWebHdfs, type WebHdfsClient } from '#webhdfs';
import { refusalIn, type ResourceManagerClient, type Submission } from '#yarn';
import { sharedHadoopCluster, type ClusterSecurity, type HadoopCluster } from '../../support/hadoop/index.ts';
import { wrongClock } from '../../support/hadoop/wrong-clock.ts';
import { changedSite, withProperties } from '../../support/hadoop-setup/doctor.ts';
import { configOf, installNow, keysOf, smallPrograms } from '../../support/hadoop-setup/setup.ts';
import { clientFor, untilEnded } from '../../support/yarn/pool.ts';

type Keys = Readonly<Record<string, string>>;

/** One thing that a user or administrator gets wrong, and what he is told by a cluster of real daemons. */
interface BadInput {
  readonly what: string;
  readonly act: () => Promise<unknown>;
  readonly code: ErrorCode;
  /** The message names the thing (first) and what was found. */
  readonly says: readonly RegExp[];
  /** How to mend it, in the message or the code's remedy. */
  readonly mend: RegExp;
}

/** Nothing of what is wrong here comes right by trying again for long. */
const IMPATIENT = { 'hadoop.retryMsMax': '2000', 'hadoop.retryAttemptsMax': '2', 'hadoop.timeoutMs': '10000' };

async function errorOf(act: () => Promise<unknown>): Promise<AppError> {
  try {
    await act();
  } catch (err) {
    if (isAppError(err)) return err;
    throw err;
  }
  throw new Error('expected an error, but nothing was thrown');
}

/** Works with HDFS by a configuration, as the app server does. */
async function withHdfs<T>(keys: Keys, work: (client: WebHdfsClient) => Promise<T>): Promise<T> {
  const config = configOf({ ...keys, ...IMPATIENT });
  const connection = connectHadoop(config.hadoop, {});
  const client = openWebHdfs(connection, config.hadoop);
  try {
    return await work(client);
  } finally {
    await client.close().catch(() => undefined);
    connection.close();
  }
}

const submissionOf = (applicationId: string, change: Partial<Submission> = {}): Submission => ({
  ...{ applicationId, name: 'bad input', type: 'TRAINYARD', queue: 'ml', tags: ['bad-input'], attemptsMax: 1 },
  ...{ attemptFailuresValidityMs: -1, master: { memoryMb: 128, vcores: 1 }, command: 'true', environment: {} },
  ...{ resources: [], tokens: {}, secrets: {}, viewers: 'trainyard', modifiers: 'trainyard', ...change },
});

/** Submits, and has the refusal thrown, whether it comes at once or ends the application. */
async function submit(client: ResourceManagerClient, change: Partial<Submission>): Promise<void> {
  const { applicationId } = await client.newApplication();
  await client.submit(submissionOf(applicationId, change));
  const refusal = refusalIn(await untilEnded(client, applicationId));
  if (refusal !== null) throw refusal;
}

async function expectTold({ what, act, code, says, mend }: BadInput): Promise<void> {
  const err = await errorOf(act);
  expect(err.code, `${what}: ${err.message}`).to.equal(code);
  for (const part of says) expect(err.message, what).to.match(part);
  expect(`${err.message} ${ERROR_TABLE[err.code].remedy}`, what).to.match(mend);
}

function tell(input: BadInput): void {
  it(input.what, () => expectTold(input));
}

describe('bad input to a Hadoop cluster is told with what was found and how to mend it', function () {
  this.timeout(120_000);
  this.slow(15_000);
  let work: string;

  before(() => {
    work = mkdtempSync(path.join(os.tmpdir(), 'trainyard-bad-input-'));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  describe('plain:', () => {
    let cluster: HadoopCluster;
    let keys: Keys;

    before(async function () {
      this.timeout(300_000);
      cluster = await sharedHadoopCluster('plain');
      keys = keysOf(cluster, '/apps-of-bad-input');
      await cluster.fsAs('alice', '-mkdir', '-p', '/user/alice/of-bad-input');
      await cluster.fsAs('alice', '-chmod', '700', '/user/alice/of-bad-input');
    });

    const cases: readonly BadInput[] = [
      {
        what: 'a file that is not there',
        act: () => withHdfs({ ...keys, 'hadoop.user': 'alice' }, (hdfs) => hdfs.status('/user/alice/none.parquet')),
        code: 'HDFS_FILE_MISSING',
        says: [/\/user\/alice\/none\.parquet/, /as alice/, /does not exist/],
        mend: /Check the path named/,
      },
      {
        what: 'a folder that the user may not read',
        act: () =>
          withHdfs({ ...keys, 'hadoop.user': 'bob' }, (hdfs) => hdfs.status('/user/alice/of-bad-input/rows.parquet')),
        code: 'HDFS_PERMISSION_DENIED',
        says: [/\/user\/alice\/of-bad-input/, /as bob/, /access=EXECUTE/, /drwx------/],
        mend: /hdfs dfs -chmod, -chown or -setfacl/,
      },
      {
        what: 'a path of another cluster',
        act: () => withHdfs(keys, (hdfs) => hdfs.status('hdfs://elsewhere:8020/rows.parquet')),
        code: 'HDFS_PATH_INVALID',
        says: [/hdfs:\/\/elsewhere:8020\/rows\.parquet/, /localhost:\d+/],
        mend: /Give \/path or hdfs:\/\/nameservice\/path/,
      },
      {
        what: 'a user for whom the service may not act',
        act: () =>
          withHdfs(keys, async () => {
            const config = configOf({ ...keys, ...IMPATIENT });
            const connection = connectHadoop(config.hadoop, {});
            await openWebHdfs(connection, config.hadoop, { kind: 'doAs', user: 'hdfs' }).homeDirectory();
          }),
        code: 'HDFS_IMPERSONATION_DENIED',
        says: [/as hdfs/, /trainyard.* is not allowed to impersonate hdfs/],
        mend: /hadoop\.proxyuser\./,
      },
      {
        what: 'an installation into a folder that the service may not make',
        act: () => installNow(keys, smallPrograms(work, '1.0.0')),
        code: 'HDFS_PERMISSION_DENIED',
        says: [/\/apps-of-bad-input/, /trainyard/],
        mend: /--admin-user|-chown/,
      },
      {
        what: 'a configuration folder that is not there',
        act: () => withHdfs({ ...keys, 'hadoop.confDir': '/nowhere/conf' }, (hdfs) => hdfs.homeDirectory()),
        code: 'HADOOP_CONFIG_INVALID',
        says: [/hadoop\.confDir \/nowhere\/conf/, /expected a folder with core-site\.xml, found nothing/],
        mend: /Point hadoop\.confDir at|correct the file and key named/,
      },
      {
        what: 'a configuration file that cannot be read',
        act: () => {
          const folder = path.join(work, 'unreadable');
          mkdirSync(path.join(folder, 'core-site.xml'), { recursive: true });
          return withHdfs({ ...keys, 'hadoop.confDir': folder }, (hdfs) => hdfs.homeDirectory());
        },
        code: 'HADOOP_CONFIG_INVALID',
        says: [/unreadable\/core-site\.xml/, /cannot be read|EISDIR/],
        mend: /Point hadoop\.confDir at|correct the file and key named/,
      },
      {
        what: 'a configuration file that is no XML',
        act: () => {
          const confDir = changedSite(cluster, work, 'hdfs-site.xml', (text) => text.slice(0, text.length / 2));
          return withHdfs({ ...keys, 'hadoop.confDir': confDir }, (hdfs) => hdfs.homeDirectory());
        },
        code: 'HADOOP_CONFIG_INVALID',
        says: [/hdfs-site\.xml, line \d+/],
        mend: /Point hadoop\.confDir at|correct the file and key named/,
      },
      {
        what: 'a key of the configuration that is wrong',
        act: () => {
          const change = withProperties({ 'fs.defaultFS': 'file:///' });
          return withHdfs({ ...keys, 'hadoop.confDir': changedSite(cluster, work, 'core-site.xml', change) }, (hdfs) =>
            hdfs.homeDirectory(),
          );
        },
        code: 'HADOOP_CONFIG_INVALID',
        says: [
          /core-site\.xml.*fs\.defaultFS/,
          /expected hdfs:\/\/nameservice or hdfs:\/\/host:port, found file:\/\/\//,
        ],
        mend: /Point hadoop\.confDir at|correct the file and key named/,
      },
      {
        what: 'an address at which no WebHDFS answers',
        act: () =>
          withHdfs({ ...keys, 'hadoop.webHdfsUrls': cluster.resourceManagerUrls[0] ?? '' }, (hdfs) =>
            hdfs.homeDirectory(),
          ),
        code: 'HDFS_UNAVAILABLE',
        says: [/http:\/\/localhost:\d+/, /HTTP 404 .*is this a NameNode or HttpFS/],
        mend: /hadoop\.webHdfsUrls/,
      },
      {
        what: 'a queue that is not there',
        act: () => clientFor(cluster).requireQueue('nope', { memoryMb: 128, vcores: 1 }),
        code: 'YARN_QUEUE_UNKNOWN',
        says: [/queue nope/, /expected one of root\.default, root\.ml, root\.high/],
        mend: /Choose a leaf queue/,
      },
      {
        what: 'a queue that is not there, at submission',
        act: () => submit(clientFor(cluster), { queue: 'nope' }),
        code: 'YARN_QUEUE_UNKNOWN',
        says: [/nope/],
        mend: /Choose a leaf queue/,
      },
      {
        what: 'a container larger than the maximum',
        act: () => clientFor(cluster).requireQueue('ml', { memoryMb: 8192, vcores: 1 }),
        code: 'YARN_CONTAINER_TOO_LARGE',
        says: [/queue root\.ml/, /at most 4096 MB and 4 vcores, found 8192 MB/],
        mend: /yarn\.scheduler\.maximum-allocation-mb/,
      },
      {
        what: 'a container larger than the maximum, at submission',
        act: () => submit(clientFor(cluster), { master: { memoryMb: 8192, vcores: 1 } }),
        code: 'YARN_CONTAINER_TOO_LARGE',
        says: [/8192/, /4096/],
        mend: /yarn\.scheduler\.maximum-allocation-mb/,
      },
    ];
    for (const one of cases) tell(one);
  });

  describe('highly available:', () => {
    let cluster: HadoopCluster;
    let keys: Keys;

    before(async function () {
      this.timeout(300_000);
      cluster = await sharedHadoopCluster('ha');
      keys = keysOf(cluster, '/user/trainyard');
    });

    const standbyOf = async (urls: readonly string[]): Promise<string> => {
      const states = await Promise.all(
        urls.map((url) => fetch(`${url}/isActive`).then(({ status }) => status === 200)),
      );
      return urls[states.indexOf(false)] ?? '';
    };

    const cases: readonly BadInput[] = [
      {
        what: 'only the NameNode that stands by',
        act: async () =>
          withHdfs({ ...keys, 'hadoop.webHdfsUrls': await standbyOf(cluster.nameNodeUrls) }, (hdfs) =>
            hdfs.status('/user/alice'),
          ),
        code: 'HDFS_UNAVAILABLE',
        says: [/http:\/\/localhost:\d+/, /StandbyException/],
        mend: /name all NameNodes/,
      },
    ];
    for (const one of cases) tell(one);
  });

  describe('secured:', () => {
    let cluster: HadoopCluster;
    let security: ClusterSecurity;
    let keys: Keys;

    before(async function () {
      this.timeout(300_000);
      cluster = await sharedHadoopCluster('secured');
      if (cluster.security === undefined) throw new Error('expected a secured cluster');
      ({ security } = cluster);
      process.env['KRB5_CONFIG'] = security.krb5Conf;
      keys = keysOf(cluster, '/user/trainyard');
    });

    /** A principal of its own, of which nothing is cached; its keytab. */
    const principal = async (name: string, ...after: readonly string[]): Promise<string> => {
      const keytab = path.join(work, `${name}.keytab`);
      await security.administer(`addprinc -randkey ${name}`, `ktadd -k ${keytab} -norandkey ${name}`, ...after);
      return keytab;
    };
    const home = (changed: Keys): Promise<string> => withHdfs({ ...keys, ...changed }, (hdfs) => hdfs.homeDirectory());
    /** While the KDC is away (null), or its clock is wrong. */
    const withKdc = async (offsetSeconds: number | null, act: () => Promise<unknown>): Promise<void> => {
      const kdc = cluster.daemon('kdc');
      await kdc.kill();
      try {
        if (offsetSeconds !== null) await kdc.start((await wrongClock(work, 'kdc', offsetSeconds)).env);
        await act();
      } finally {
        if (kdc.isRunning) await kdc.kill();
        await kdc.start();
      }
    };

    const cases: readonly BadInput[] = [
      {
        what: 'a keytab that is not there',
        act: () => home({ 'hadoop.keytab': '/nowhere/trainyard.keytab' }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/Keytab \/nowhere\/trainyard\.keytab: no such file/],
        mend: /klist -kt/,
      },
      {
        what: 'no keytab',
        act: () => home({ 'hadoop.keytab': '' }),
        code: 'CONFIG_INVALID',
        says: [
          /hadoop\.keytab: expected the service’s keytab, found nothing/,
          /hadoop\.security\.authentication=kerberos/,
        ],
        mend: /Correct the key named/,
      },
      {
        what: 'a file that is no keytab',
        act: () => home({ 'hadoop.keytab': security.caFile }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/Keytab .*: expected a keytab, found another format/],
        mend: /klist -kt/,
      },
      {
        what: 'another principal than that of the keytab',
        act: () => home({ 'hadoop.principal': `alice@${security.realm}` }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/expected a key of alice@/, /found trainyard@/],
        mend: /hadoop\.principal/,
      },
      {
        what: 'a principal that was taken out of Kerberos',
        act: async () => home({ 'hadoop.keytab': await principal('gone', 'delprinc -force gone') }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/^gone@/, /gone\.keytab/, /does not know this principal any more/],
        mend: /hadoop\.principal/,
      },
      {
        what: 'a keytab from before the password was changed',
        act: async () => home({ 'hadoop.keytab': await principal('changed', 'cpw -randkey changed') }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/^changed@/, /changed\.keytab/, /out of date/],
        mend: /ask for a new keytab/,
      },
      {
        what: 'a principal that has expired',
        act: async () => home({ 'hadoop.keytab': await principal('expired', 'modprinc -expire 2020-01-01 expired') }),
        code: 'KERBEROS_LOGIN_FAILED',
        says: [/^expired@/, /locked or has expired/],
        mend: /hadoop\.principal/,
      },
      {
        what: 'a service that is called by a name Kerberos does not know',
        act: () => home({ 'hadoop.webHdfsUrls': (cluster.nameNodeUrls[0] ?? '').replace('localhost', '127.0.0.1') }),
        code: 'KERBEROS_SERVICE_UNKNOWN',
        says: [/HTTP\/127\.0\.0\.1/, /Kerberos has no such service/],
        mend: /host name in its HTTP principal/,
      },
      {
        what: 'no Kerberos where the cluster has it',
        act: () => {
          const change = withProperties({ 'hadoop.security.authentication': 'simple' });
          return home({ 'hadoop.confDir': changedSite(cluster, work, 'core-site.xml', change), 'hadoop.user': 'hdfs' });
        },
        code: 'HADOOP_AUTH_FAILED',
        says: [/as hdfs/, /https:\/\/localhost:\d+: HTTP 401: it asks for a login/],
        mend: /hadoop\.security\.authentication=kerberos/,
      },
      {
        what: 'certificates of another authority',
        act: () => home({ 'hadoop.caFile': '' }),
        code: 'HADOOP_TLS_UNTRUSTED',
        says: [/https:\/\/localhost:\d+/, /its certificate is not accepted/],
        mend: /hadoop\.caFile/,
      },
      {
        what: 'an authority that is no PEM file',
        act: () => home({ 'hadoop.caFile': security.keytab('trainyard') }),
        code: 'CONFIG_INVALID',
        says: [/hadoop\.caFile/, /expected certificates in PEM, found none/],
        mend: /keytool -exportcert -rfc/,
      },
      {
        what: 'a queue that the user may not use',
        act: () => submit(clientFor(cluster), { queue: 'high' }),
        code: 'YARN_QUEUE_FORBIDDEN',
        says: [/alice/, /high/],
        mend: /acl_submit_applications/,
      },
    ];
    for (const one of cases) tell(one);

    it('a KDC that is away', async () => {
      const keytab = await principal('lonely');
      await withKdc(null, () =>
        expectTold({
          what: 'a KDC that is away',
          act: () => home({ 'hadoop.keytab': keytab }),
          code: 'KERBEROS_UNAVAILABLE',
          says: [/^lonely@/, /no KDC of its realm answers/],
          mend: /KDC addresses in krb5\.conf/,
        }),
      );
    });

    it('clocks that differ', async () => {
      const [early, late] = [await principal('early'), await principal('late')];
      const mend = /by NTP/;
      await withKdc(600, async () => {
        // MIT’s library goes by the KDC’s clock, so it is the NameNode that refuses.
        await expectTold({
          what: 'by the service',
          act: () => home({ 'hadoop.keytab': early }),
          code: 'KERBEROS_CLOCK_SKEW',
          says: [/early@/, /https:\/\/localhost:\d+/],
          mend,
        });
        const own = path.join(work, 'krb5.conf');
        const conf = readFileSync(security.krb5Conf, 'utf8');
        writeFileSync(own, conf.replace('[libdefaults]', '[libdefaults]\n  kdc_timesync = 0'));
        process.env['KRB5_CONFIG'] = own;
        try {
          await expectTold({
            what: 'by the library',
            act: () => home({ 'hadoop.keytab': late }),
            code: 'KERBEROS_CLOCK_SKEW',
            says: [/^late@/, /clocks of this host and of Kerberos differ/],
            mend,
          });
        } finally {
          process.env['KRB5_CONFIG'] = security.krb5Conf;
        }
      });
    });
  });
});
