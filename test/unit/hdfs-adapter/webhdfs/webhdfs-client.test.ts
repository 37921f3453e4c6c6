import { expect } from 'chai';
import { isAppError } from '#contracts';
import { HttpTransport } from '#hadoop-auth';
import { WebHdfsClient, type HdfsAccess, type RetryBudget } from '#webhdfs';
import { appErrorOf } from '../../../support/expect-error.ts';
import {
  answerJson,
  answerStatus,
  refuse,
  startFakeWebHdfs,
  type FakeWebHdfs,
} from '../../../support/hadoop/fake-webhdfs.ts';

const CONTENT = Buffer.from('0123456789');

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

describe('WebHdfsClient against answers that daemons give rarely', () => {
  const servers: FakeWebHdfs[] = [];
  const transport = new HttpTransport({ timeoutMs: 2_000 });

  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  after(() => transport.close());

  const serve = async (...args: Parameters<typeof startFakeWebHdfs>): Promise<FakeWebHdfs> => {
    const server = await startFakeWebHdfs(...args);
    servers.push(server);
    return server;
  };
  const client = (urls: string | readonly string[], access?: HdfsAccess, retries?: RetryBudget): WebHdfsClient =>
    new WebHdfsClient({
      urls: typeof urls === 'string' ? [urls] : urls,
      transport,
      identity: { kind: 'simple', user: 'trainyard' },
      ...(access === undefined ? {} : { access }),
      retries: retries ?? { attemptsMax: 4, elapsedMsMax: 5_000 },
    });

  it('goes on at the byte where a read broke off, at first with another DataNode', async () => {
    let opens = 0;
    const server = await serve(({ operation, query }, response) => {
      if (operation === 'GETFILESTATUS') return answerStatus(response);
      opens += 1;
      const offset = Number(query.get('offset'));
      if (opens > 3) return void response.end(CONTENT.subarray(offset));
      response.writeHead(200, { 'content-length': String(10 - offset) });
      response.write(CONTENT.subarray(offset, offset + 2), () => response.destroy());
    });
    expect(await textOf(client(server.url).open('/f'))).to.equal('0123456789');
    const offsets = server.asked
      .filter(({ operation }) => operation === 'OPEN')
      .map(({ query }) => query.get('offset'));
    expect(offsets).to.deep.equal(['0', '2', '4', '6']);
  });

  it('excludes the DataNode that failed from the next attempt', async () => {
    const dataNode = await serve((_asked, response) => response.destroy());
    const server = await serve(({ operation, query }, response) => {
      if (operation === 'GETFILESTATUS') return answerStatus(response);
      if (query.has('excludedatanodes')) return void response.end(CONTENT);
      response.writeHead(307, { location: `${dataNode.url}/webhdfs/v1/f?op=OPEN&delegation=x` }).end();
    });
    expect(await textOf(client(server.url).open('/f'))).to.equal('0123456789');
    expect(server.asked.map(({ query }) => query.get('excludedatanodes')).filter(Boolean)).to.deep.equal(['localhost']);
  });

  it('never hands out less than the whole: a short answer is resumed, then an error', async () => {
    const server = await serve(({ operation, query }, response) => {
      if (operation === 'GETFILESTATUS') return answerStatus(response);
      // A server that ends properly, too early, at byte 6.
      response.end(CONTENT.subarray(Number(query.get('offset')), 6));
    });
    const err = await appErrorOf('HDFS_READ_TRUNCATED', () => textOf(client(server.url).open('/f')));
    expect(err.message).to.contain('expected 10 bytes from 0, found 6');
  });

  it('does not continue in a file that was replaced meanwhile', async () => {
    let isChanged = false;
    const server = await serve(({ operation }, response) => {
      if (operation === 'GETFILESTATUS') return answerStatus(response, { modificationTime: isChanged ? 2 : 1 });
      isChanged = true;
      response.writeHead(200, { 'content-length': '10' });
      response.write(CONTENT.subarray(0, 3), () => response.destroy());
    });
    await appErrorOf('HDFS_FILE_CHANGED', () => textOf(client(server.url).open('/f')));
  });

  it('asks the other NameNode when one is on standby, and stays with it', async () => {
    const standby = await serve((_asked, response) =>
      refuse(response, 403, 'StandbyException', 'Operation category READ is not supported in state standby'),
    );
    const active = await serve((_asked, response) => answerStatus(response));
    const both = client([standby.url, active.url]);
    await both.status('/a');
    await both.status('/b');
    expect([standby.asked.length, active.asked.length]).to.deep.equal([1, 2]);
  });

  it('tries again what passes, within its budget, and says how often', async () => {
    let calls = 0;
    const server = await serve((_asked, response) => {
      calls += 1;
      if (calls < 3) return refuse(response, 403, 'SafeModeException', 'Name node is in safe mode');
      answerStatus(response);
    });
    await client(server.url).status('/f');
    expect(calls).to.equal(3);
    const never = await serve((_asked, response) => refuse(response, 403, 'SafeModeException', 'in safe mode'));
    const err = await appErrorOf('HDFS_SAFE_MODE', () => client(never.url).status('/f'));
    expect(err.message).to.match(/given up after 4 attempts in \d/);
    expect(never.asked.length).to.equal(4);
    const slow = { attemptsMax: 100, elapsedMsMax: 0 };
    await appErrorOf('HDFS_SAFE_MODE', () => client(never.url, undefined, slow).status('/f'));
    expect(never.asked.length).to.equal(5);
  });

  it('does not try again what will not pass', async () => {
    const server = await serve((_asked, response) =>
      refuse(response, 403, 'AccessControlException', 'Permission denied'),
    );
    await appErrorOf('HDFS_PERMISSION_DENIED', () => client(server.url).status('/f'));
    expect(server.asked.length).to.equal(1);
  });

  it('stops waiting for the next attempt when it is aborted', async () => {
    const abort = new AbortController();
    const server = await serve((_asked, response) => {
      refuse(response, 403, 'SafeModeException', 'in safe mode');
      setImmediate(() => abort.abort(new Error('no longer wanted')));
    });
    const waiting = client(server.url, undefined, { attemptsMax: 100, elapsedMsMax: 60_000 });
    const err = await waiting.status('/f', { signal: abort.signal }).catch((reason: unknown) => reason);
    expect(String(err)).to.contain('no longer wanted');
  });

  it('gives up on a server that is silent', async () => {
    const server = await serve(() => undefined);
    const hasty = new HttpTransport({ timeoutMs: 50 });
    const options = { urls: [server.url], identity: { kind: 'simple', user: 'x' } } as const;
    const silent = new WebHdfsClient({ ...options, transport: hasty, retries: { attemptsMax: 1, elapsedMsMax: 1 } });
    const err = await appErrorOf('HADOOP_UNAVAILABLE', () => silent.status('/f'));
    expect(err.message).to.contain('silent for 50 ms');
    hasty.close();
  });

  it('asks for a fresh token when one is refused, once', async () => {
    const server = await serve(({ query }, response) => {
      if (query.get('delegation') === 'fresh') return answerStatus(response);
      refuse(response, 403, 'SecurityException', "InvalidToken: Token for real user: , can't be found in cache");
    });
    let token = 'old';
    const refused: string[] = [];
    const access: HdfsAccess = {
      kind: 'token',
      token: () => token,
      refused: (old) => {
        refused.push(old);
        token = 'fresh';
      },
    };
    await client(server.url, access).status('/f');
    expect(refused).to.deep.equal(['old']);
    await appErrorOf('HDFS_TOKEN_INVALID', () =>
      client(server.url, { kind: 'token', token: () => 'old' }).status('/f'),
    );
    expect(server.asked.every(({ query }) => !query.has('user.name') && !query.has('doas'))).to.be.true;
  });

  it('takes nothing of a body that is refused, and says so of one that broke off', async () => {
    let mode: 'refuse' | 'break' | 'late' = 'refuse';
    const dataNode = await serve((_asked, response, request) => {
      if (mode === 'refuse') return refuse(response, 403, 'FileAlreadyExistsException', 'already exists');
      response.writeContinue();
      request.once('data', () => {
        if (mode === 'break') response.destroy();
        else refuse(response, 403, 'DSQuotaExceededException', 'The DiskSpace quota of /f is exceeded');
      });
    });
    const server = await serve((_asked, response) => {
      response.writeHead(307, { location: `${dataNode.url}/webhdfs/v1/f?op=CREATE` }).end();
    });
    let taken = 0;
    const body = async function* (): AsyncGenerator<Uint8Array> {
      for (; taken < 1_000; taken += 1) yield Buffer.alloc(64 * 1024);
    };
    await appErrorOf('HDFS_FILE_EXISTS', () => client(server.url).create('/f', body()));
    expect(taken).to.equal(0);
    mode = 'break';
    const err = await appErrorOf('HDFS_WRITE_FAILED', () => client(server.url).create('/f', body()));
    expect(err.message).to.match(/broke off after \d+ bytes/);
    mode = 'late';
    await appErrorOf('HDFS_QUOTA_EXCEEDED', () => client(server.url).create('/f', body()));
    expect(taken).to.be.lessThan(1_000);
  });

  it('understands the boolean of a rename at HttpFS', async () => {
    let answer = true;
    const server = await serve((_asked, response) => answerJson(response, { boolean: answer }));
    await client(server.url).rename('/a', '/b');
    answer = false;
    await appErrorOf('HDFS_REQUEST_INVALID', () => client(server.url).rename('/a', '/b'));
  });

  it('refuses what is no WebHDFS, and addresses that are none', async () => {
    const server = await serve((_asked, response) => response.end('<html>welcome</html>'));
    const once: RetryBudget = { attemptsMax: 1, elapsedMsMax: 1 };
    const err = await appErrorOf('HDFS_UNAVAILABLE', () => client(server.url, undefined, once).status('/f'));
    expect(err.message).to.contain('is this a WebHDFS server?');
    for (const url of ['nn:9870', 'ftp://nn', 'http://nn/other'])
      await appErrorOf('HADOOP_CONFIG_INVALID', () => client(url));
    await appErrorOf('HADOOP_CONFIG_INVALID', () => client([]));
  });

  it('never shows a token, whatever fails', async () => {
    const canary = 'CANARY0delegation0token';
    let location = '';
    const server = await serve(({ operation, query }, response) => {
      if (operation === 'GETFILESTATUS') return answerStatus(response);
      if (location !== '') return void response.writeHead(307, { location }).end();
      refuse(
        response,
        403,
        'IOException',
        `bad ${query.toString()} Authorization: Negotiate ${canary}== and hadoop.auth="u=${canary}"`,
      );
    });
    const broken = await serve((_asked, response) => response.destroy());
    const shown: string[] = [];
    const show = (err: unknown): void => {
      for (let current = err; current instanceof Error; current = current.cause)
        shown.push(current.message, current.stack ?? '', JSON.stringify(isAppError(current) ? current.details : {}));
    };
    const secret = client(server.url, { kind: 'token', token: () => canary }, { attemptsMax: 2, elapsedMsMax: 2_000 });
    for (const target of [
      '',
      `${broken.url}/webhdfs/v1/f?op=OPEN&delegation=${canary}`,
      `http://localhost:1/webhdfs/v1/f?op=OPEN&delegation=${canary}`,
      `ftp://host/f?delegation=${canary}`,
      `http://[bad/?delegation=${canary}`,
    ]) {
      location = target;
      await textOf(secret.open('/f')).then(() => expect.fail('it must fail'), show);
      await secret.create('/f', CONTENT).then(() => expect.fail('it must fail'), show);
      await secret.renewDelegationToken(canary).then(() => expect.fail('it must fail'), show);
    }
    expect(shown.length).to.be.greaterThan(20);
    expect(shown.filter((text) => text.includes(canary))).to.deep.equal([]);
  });
});
