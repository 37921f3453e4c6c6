import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { describeUrl, discard, HttpTransport, readText, redact, redirectTarget } from '#hadoop-auth';
import { appErrorOf } from '../../../support/expect-error.ts';
import { startFakeWebHdfs, type FakeWebHdfs } from '../../../support/hadoop/fake-webhdfs.ts';

describe('HttpTransport', () => {
  const transport = new HttpTransport({ timeoutMs: 2_000 });
  let server: FakeWebHdfs | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });
  after(() => transport.close());

  it('does not call silence what is its own reader’s pause', async () => {
    const parts = 40;
    server = await startFakeWebHdfs((_asked, response) => {
      for (let i = 0; i < parts; i += 1) response.write(Buffer.alloc(256 * 1024));
      response.end();
    });
    const hasty = new HttpTransport({ timeoutMs: 60 });
    const answer = await hasty.request({ method: 'GET', url: new URL(server.url) });
    let size = 0;
    for await (const chunk of answer.body) {
      // Longer than the limit, once: the server is not waited for meanwhile.
      if (size === 0) await new Promise((resolve) => setTimeout(resolve, 150));
      size += chunk.byteLength;
    }
    expect(size).to.equal(parts * 256 * 1024);
    hasty.close();
  });

  it('ends an answer that stops in the middle, by silence or by a cut', async () => {
    let isCut = false;
    server = await startFakeWebHdfs((_asked, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => isCut && response.destroy());
    });
    const hasty = new HttpTransport({ timeoutMs: 60 });
    const readBy = (by: HttpTransport) => async (): Promise<string> =>
      readText(await by.request({ method: 'GET', url: new URL(server?.url ?? '') }), 1_000);
    expect((await appErrorOf('HADOOP_UNAVAILABLE', readBy(hasty))).message).to.contain('silent for 60 ms');
    isCut = true;
    // The patient one: on a busy machine the cut may take longer than 60 ms to be seen.
    expect((await appErrorOf('HADOOP_UNAVAILABLE', readBy(transport))).message).to.contain('aborted');
    hasty.close();
  });

  it('gives the reason of an abort, before and in the middle of an answer', async () => {
    server = await startFakeWebHdfs((_asked, response) => void response.write('x'));
    const reason = new Error('no longer wanted');
    const request = { method: 'GET', url: new URL(server.url) } as const;
    const early = transport.request({ ...request, signal: AbortSignal.abort(reason) });
    expect(await early.catch((err: unknown) => err)).to.equal(reason);
    const later = new AbortController();
    const answer = await transport.request({ ...request, signal: later.signal });
    const reading = readText(answer, 1_000).catch((err: unknown) => err);
    later.abort(reason);
    expect(await reading).to.equal(reason);
  });

  it('bounds what it reads as text, and what it throws away', async () => {
    server = await startFakeWebHdfs((_asked, response) => response.end(Buffer.alloc(500_000)));
    const url = new URL(server.url);
    await appErrorOf('HADOOP_UNAVAILABLE', async () =>
      readText(await transport.request({ method: 'GET', url }), 1_000),
    );
    await discard(await transport.request({ method: 'GET', url }));
  });

  it('sends nobody from HTTPS to HTTP, nor to what is no address', async () => {
    const answer = (location: string) => ({ status: 307, headers: { location }, body: noBody() });
    const from = new URL('https://nn:9871/webhdfs/v1/a?op=OPEN&delegation=CANARY');
    expect(redirectTarget(answer('https://dn:9865/x?delegation=CANARY'), from)?.host).to.equal('dn:9865');
    expect(redirectTarget(answer('/y'), from)?.href).to.equal('https://nn:9871/y');
    expect(redirectTarget({ ...answer('/y'), status: 200 }, from)).to.be.null;
    for (const location of [
      'http://dn:9864/x?delegation=CANARY',
      'file:///etc/passwd',
      'http://[x?delegation=CANARY',
    ]) {
      const err = await appErrorOf('HADOOP_TLS_UNTRUSTED', () => redirectTarget(answer(location), from));
      expect(err.message).to.contain('https://nn:9871/webhdfs/v1/a?op=OPEN').and.not.contain('CANARY');
    }
  });

  it('knows secrets wherever they stand in a text', () => {
    const texts = [
      'GET /webhdfs/v1/?op=OPEN&delegation=CANARY&x=1',
      'token=CANARY',
      'Cookie: hadoop.auth="u=a&s=CANARY"',
      'hadoop.auth="u=a&s=CANARY"; Path=/',
      'Authorization: Negotiate CANARYCANARY==',
      '{"authorization":"Bearer CANARYCANARY"}',
      'X-Hadoop-Delegation-Token: CANARY',
      'Hadoop-YARN-RM-Delegation-Token: CANARY',
    ];
    for (const text of texts) expect(redact(text), text).to.contain('(hidden)').and.not.contain('CANARY');
    expect(redact('GET /a?op=OPEN&offset=5 by token of alice')).to.equal('GET /a?op=OPEN&offset=5 by token of alice');
    expect(describeUrl(new URL('https://h:1/p?op=LISTSTATUS&delegation=CANARY'))).to.equal(
      'https://h:1/p?op=LISTSTATUS',
    );
  });

  it('is imported without any native library', () => {
    const script = `
      import { readFileSync } from 'node:fs';
      await import('#hadoop-auth');
      const maps = readFileSync('/proc/self/maps', 'utf8');
      process.exit(/koffi|gssapi/.test(maps) ? 1 : 0);`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
  });
});

async function* noBody(): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(0);
}
