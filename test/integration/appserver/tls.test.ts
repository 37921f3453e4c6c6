import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { ERROR_TABLE, Version, parse, type AppError, type ErrorCode } from '#contracts';
import { HttpClient } from '#runtime';
import { startTestAppServer, TEST_ADMIN_KEY, type TestAppServer } from '../../support/app-server.ts';
import { makeAuthority, type IssuedCertificate, type TestAuthority } from '../../support/certificates.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { cliArguments, spawnPlatform } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';
import { openCluster } from '../worker/cluster.ts';

const VERSION = { method: 'GET', path: '/api/v1/version' } as const;

describe('app server: TLS', function () {
  this.timeout(60_000);
  let folder = '';
  let authority: TestAuthority;
  let good: IssuedCertificate;
  /** Of an authority that nobody here knows. */
  let strangers: TestAuthority;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-tls-'));
    authority = await makeAuthority(folder);
    good = await authority.issue();
    strangers = await makeAuthority(folder, 'strangers');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const flagsOf = ({ certificateFile, keyFile }: IssuedCertificate) => ({
    'server.certificateFile': certificateFile,
    'server.keyFile': keyFile,
    'server.caFile': authority.caFile,
  });
  const withServer = async (
    flags: Readonly<Record<string, unknown>>,
    use: (started: TestAppServer) => Promise<void>,
  ): Promise<void> => {
    const started = await startTestAppServer(flags);
    try {
      await use(started);
    } finally {
      await started.close();
    }
  };
  const ask = async (baseUrl: string, caFile = authority.caFile) => {
    const client = new HttpClient({ baseUrl, caFile, token: TEST_ADMIN_KEY, timeoutMs: 5_000 });
    try {
      return await client.request(VERSION);
    } finally {
      client.close();
    }
  };
  const refusalOf = (code: ErrorCode, baseUrl: string, caFile?: string): Promise<AppError> =>
    appErrorOf(code, () => ask(baseUrl, caFile));

  it('serves HTTPS to who knows its authority, by name and by address, and says so to browsers', async () => {
    await withServer(flagsOf(good), async ({ server: { url } }) => {
      expect(url).to.match(/^https:\/\/127\.0\.0\.1:\d+$/);
      for (const base of [url, url.replace('127.0.0.1', 'localhost')]) {
        const { json, headers } = await ask(base);
        expect(parse(Version, json, 'version').program).to.equal('trainyard');
        expect(headers['strict-transport-security']).to.equal('max-age=31536000');
      }
    });
  });

  it('says nothing of TLS to browsers that come without it', async () => {
    await withServer({}, async ({ server: { url } }) => {
      expect((await ask(url)).headers['strict-transport-security']).to.equal(undefined);
    });
  });

  it('gives out session cookies for TLS alone', async () => {
    await withServer(flagsOf(good), async ({ server: { url } }) => {
      const client = new HttpClient({ baseUrl: url, caFile: authority.caFile, token: TEST_ADMIN_KEY });
      const user = { name: 'carol', password: 'correct horse battery' };
      await client.request({ method: 'POST', path: '/api/v1/users', json: user });
      const { headers } = await client.request({ method: 'POST', path: '/api/v1/auth/login', json: user, token: '' });
      expect(headers['set-cookie']?.[0]).to.match(/; HttpOnly; SameSite=Strict; .*; Secure$/);
      client.close();
    });
  });

  it('speaks TLS 1.2 at least', async () => {
    await withServer(flagsOf(good), async ({ server: { url } }) => {
      const port = Number(new URL(url).port);
      const versionOf = (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
        new Promise<string | null>((resolve, reject) => {
          // Level 0, or this side would not speak the old version at all.
          const options = { port, host: '127.0.0.1', minVersion: 'TLSv1' as const, ciphers: 'DEFAULT:@SECLEVEL=0' };
          const socket = connect({ ...options, maxVersion, rejectUnauthorized: false }, () => {
            resolve(socket.getProtocol());
            socket.destroy();
          });
          socket.on('error', reject);
        });
      expect(await versionOf('TLSv1.3')).to.equal('TLSv1.3');
      expect(await versionOf('TLSv1.2')).to.equal('TLSv1.2');
      const refused = await versionOf('TLSv1.1').catch((err: unknown) => (err as { code?: unknown }).code);
      expect(refused).to.equal('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    });
  });

  describe('tells apart what is wrong', () => {
    it('an authority that is not known', async () => {
      await withServer(flagsOf(good), async ({ server: { url } }) => {
        const wrong = await refusalOf('SERVER_CERTIFICATE_REFUSED', url, strangers.caFile);
        expect(wrong.message).to.include(url).and.include(`not signed by ${strangers.caFile}`);
        const systems = await refusalOf('SERVER_CERTIFICATE_REFUSED', url, '');
        expect(systems.message).to.include('not signed by an authority of Node or the system');
        expect([wrong.retryable, ERROR_TABLE[wrong.code].remedy]).to.deep.equal([
          true,
          ERROR_TABLE.SERVER_CERTIFICATE_REFUSED.remedy,
        ]);
      });
    });

    it('whatever the environment says', async () => {
      const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        await withServer(flagsOf(good), ({ server: { url } }) =>
          refusalOf('SERVER_CERTIFICATE_REFUSED', url, strangers.caFile).then(() => undefined),
        );
      } finally {
        if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
        else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
      }
    });

    it('a certificate that has expired, which the app server says too', async () => {
      const old = await authority.issue({ fileName: 'old', expired: true });
      await withServer(flagsOf(old), async ({ server: { url }, log }) => {
        expect((await refusalOf('SERVER_CERTIFICATE_REFUSED', url)).message).to.include('has expired');
        expect(log.join('')).to.include('"event":"certificate_expired"');
      });
    });

    it('a certificate for another name', async () => {
      const others = await authority.issue({ fileName: 'others', names: ['DNS:other.test'] });
      await withServer(flagsOf(others), async ({ server: { url } }) => {
        const { message } = await refusalOf('SERVER_CERTIFICATE_REFUSED', url);
        expect(message).to.include('is for another name').and.include('127.0.0.1');
      });
    });

    it('http:// where HTTPS is spoken, and https:// where it is not', async () => {
      await withServer(flagsOf(good), async ({ server: { url } }) => {
        const { message } = await refusalOf('BAD_REQUEST', url.replace('https:', 'http:'));
        expect(message).to.include('say https:// instead of http://');
      });
      await withServer({}, async ({ server: { url } }) => {
        const { message } = await refusalOf('SERVER_UNAVAILABLE', url.replace('http:', 'https:'));
        expect(message).to.include('say http:// instead of https://');
      });
    });

    it('a file of authorities that is none', async () => {
      expect((await refusalOf('CONFIG_INVALID', 'https://localhost:1', '/nowhere.pem')).message).to.include(
        'server.caFile /nowhere.pem: cannot be read',
      );
      expect((await refusalOf('CONFIG_INVALID', 'https://localhost:1', good.keyFile)).message).to.include('found none');
      const torn = path.join(folder, 'torn.pem');
      writeFileSync(torn, readFileSync(authority.caFile, 'utf8').replace(/[A-Za-z0-9+/]{40}\n/, '\n'));
      expect((await refusalOf('CONFIG_INVALID', 'https://localhost:1', torn)).message).to.include(
        'certificate 1 cannot',
      );
    });
  });

  it('takes up a renewed certificate, and keeps the former one while the new cannot be used', async () => {
    const served = { certificateFile: path.join(folder, 'served.crt'), keyFile: path.join(folder, 'served.key') };
    const put = ({ certificateFile, keyFile }: IssuedCertificate) => {
      copyFileSync(certificateFile, served.certificateFile);
      copyFileSync(keyFile, served.keyFile);
    };
    const renewed = await authority.issue({ fileName: 'renewed' });
    put(good);
    const flags = { ...flagsOf(served), 'server.certificateReloadMs': 20 };
    await withServer(flags, async ({ server: { url }, log }) => {
      const first = await serialOf(url);
      copyFileSync(renewed.certificateFile, served.certificateFile);
      await until('a complaint', () => log.some((line) => line.includes('"event":"certificate_not_taken"')));
      expect(await serialOf(url)).to.equal(first);
      put(renewed);
      await until('the renewed certificate', async () => (await serialOf(url)) !== first);
      await ask(url);
    });
  });

  it('warns of a key that others may read', async () => {
    const open = await authority.issue({ fileName: 'open' });
    await withServer(flagsOf(open), ({ log }) => {
      expect(log.join('')).not.to.include('key_readable');
      return Promise.resolve();
    });
    chmodSync(open.keyFile, 0o640);
    await withServer(flagsOf(open), ({ log }) => {
      expect(log.join('')).to.include('"event":"key_readable"').and.include(open.keyFile);
      return Promise.resolve();
    });
  });

  it('refuses to start with what cannot serve', async () => {
    const refused = async (flags: Readonly<Record<string, unknown>>): Promise<string> =>
      (await appErrorOf('CONFIG_INVALID', () => withServer(flags, () => Promise.resolve()))).message;
    const { certificateFile, keyFile } = good;
    const other = await authority.issue({ fileName: 'another' });
    const empty = path.join(folder, 'empty.pem');
    writeFileSync(empty, '');
    expect(await refused({ 'server.certificateFile': certificateFile })).to.include('server.keyFile: expected');
    expect(await refused({ 'server.keyFile': keyFile })).to.include('server.certificateFile: expected');
    expect(await refused(flagsOf({ certificateFile, keyFile: other.keyFile }))).to.include('is not the key of');
    expect(await refused(flagsOf({ certificateFile: '/nowhere.crt', keyFile }))).to.include('/nowhere.crt: cannot be');
    expect(await refused(flagsOf({ certificateFile: empty, keyFile }))).to.include('expected a certificate in PEM');
    const plain = { 'server.publicUrl': 'http://ml.example.com' };
    expect(await refused({ ...flagsOf(good), ...plain })).to.include('server.publicUrl: expected https://');
    expect(await refused({ 'server.host': '0.0.0.0' })).to.include('server.plainHttp');
  });

  it('listens beyond loopback with a certificate, and without one where that was asked for', async () => {
    await withServer({ ...flagsOf(good), 'server.host': '0.0.0.0' }, async ({ server: { url } }) => {
      await ask(url.replace('0.0.0.0', 'localhost'));
    });
    await withServer({ 'server.host': '0.0.0.0', 'server.plainHttp': 'anywhere' }, async ({ server: { url } }) => {
      await ask(url.replace('0.0.0.0', '127.0.0.1'));
    });
  });

  it('registers workers that know its authority, and tells the others why not', async () => {
    const cluster = await openCluster(flagsOf(good));
    try {
      const worker = cluster.startWorker();
      await worker.until('a registration', ({ event }) => event === 'worker_registered');
      const stranger = cluster.startWorker('', { 'server.caFile': strangers.caFile });
      const refused = await stranger.until('a refusal', ({ event }) => event === 'register_unanswered');
      expect(JSON.stringify(refused)).to.include('SERVER_CERTIFICATE_REFUSED').and.include(strangers.caFile);
    } finally {
      await cluster.close();
    }
  });

  it('is known to all programs of `up`, and to the command line', async () => {
    const flags = Object.entries(flagsOf(good)).map(([key, value]) => `--${key}=${value}`);
    const platform = await spawnPlatform({ flags });
    try {
      await until('app server, worker and prediction server', () => platform.output().includes('Trainyard is ready'));
      const url = platform.url.replace('http:', 'https:');
      expect(platform.output()).to.include(url);
      const words = ['workers', '--url', url, '--api-key', platform.adminKey];
      const cli = (...more: readonly string[]) =>
        spawnSync(process.execPath, cliArguments(...words, ...more), { encoding: 'utf8', timeout: 30_000 });
      expect(cli('--ca-file', authority.caFile)).to.include({ status: 0, stderr: '' });
      const refused = cli();
      expect(refused.status).to.equal(ERROR_TABLE.SERVER_CERTIFICATE_REFUSED.exitCode);
      expect(refused.stderr).to.include('SERVER_CERTIFICATE_REFUSED').and.include('--ca-file');
    } finally {
      await platform.close();
    }
  });

  /** Of the certificate that a new connection is shown. */
  function serialOf(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { agent: false as const, rejectUnauthorized: false };
      const request = https.get(`${url}/api/v1/version`, options, (answer) => {
        answer.resume();
        const { socket } = answer;
        if (socket instanceof TLSSocket) resolve(socket.getPeerCertificate().serialNumber);
        else reject(new Error('expected TLS'));
      });
      request.on('error', reject);
    });
  }
});
