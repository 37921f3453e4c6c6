import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { expect } from 'chai';
import { API_KEY, constant, regression } from '../../support/serving/models.ts';
import { call, callRaw, until } from '../../support/serving/call.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

const AUTHORIZATION = `Authorization: Bearer ${API_KEY}`;
const head = (line: string, ...headers: string[]) => `${[line, 'Host: test', ...headers].join('\r\n')}\r\n\r\n`;

describe('prediction server: HTTP', () => {
  let serving: Serving;
  let server: Server;

  before(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
    server = await serving.start({ 'server.requestTimeoutMs': '400', 'predictionServer.bodyBytesMax': '1000000' });
    await untilReady(server);
  });
  after(() => serving.close());

  for (const [method, path, status, allow] of [
    ['GET', '/predict/dep_1', 405, 'POST'],
    ['HEAD', '/predict/dep_1', 405, 'POST'],
    ['DELETE', '/predict/dep_1', 405, 'POST'],
    ['POST', '/health', 405, 'GET, HEAD'],
    ['PUT', '/metrics', 405, 'GET, HEAD'],
    ['GET', '/', 404, undefined],
    ['GET', '/predict', 404, undefined],
    ['GET', '/%', 404, undefined],
    ['POST', '/predict/%', 400, undefined],
    ['POST', '/predict/%ff', 400, undefined],
    ['POST', '/predict/%00', 404, undefined],
    ['POST', '/predict/', 404, undefined],
    ['POST', '/predict/dep_1/', 404, undefined],
    ['POST', '/predict/..%2fdep_1', 404, undefined],
    ['POST', '//predict/dep_1', 404, undefined],
    ['POST', '/predict/__proto__', 404, undefined],
  ] as const) {
    it(`answers ${method} ${path} with ${status}`, async () => {
      const headers = { authorization: `Bearer ${API_KEY}` };
      const body = method === 'POST' || method === 'PUT' ? '{}' : undefined;
      const answer = await call(`${server.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
      expect(answer.status, answer.text).to.equal(status);
      expect(answer.headers['content-type']).to.equal('application/problem+json');
      expect(answer.headers.allow).to.equal(allow);
    });
  }

  it('takes percent-encoded ids and the absolute form of a target', async () => {
    expect((await predict(server, ROW, { id: '%64ep_1' })).status).to.equal(200);
    const text = await callRaw(
      server.port,
      `${head('POST http://elsewhere/predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 2', 'Connection: close')}{}`,
    );
    expect(text).to.match(/^HTTP\/1\.1 200 /);
    expect(await callRaw(server.port, head('OPTIONS * HTTP/1.1', 'Connection: close'))).to.match(/^HTTP\/1\.1 404 /);
  });

  it('answers HEAD as GET without the body', async () => {
    const get = await call(`${server.url}/health`);
    const answer = await call(`${server.url}/health`, { method: 'HEAD' });
    expect([answer.status, answer.text]).to.deep.equal([200, '']);
    expect(answer.headers['content-length']).to.equal(get.headers['content-length']);
  });

  it('echoes a harmless request id and replaces any other', async () => {
    const given = { headers: { 'x-request-id': 'abc-1.2_3' } };
    expect((await predict(server, ROW, given)).headers['x-request-id']).to.equal('abc-1.2_3');
    for (const id of ['a b', 'x'.repeat(101), 'é', 'a"b', '<script>']) {
      const raw = await callRaw(
        server.port,
        Buffer.from(head('GET /nothing HTTP/1.1', `X-Request-Id: ${id}`, 'Connection: close'), 'latin1'),
      );
      expect(raw).to.match(/^X-Request-Id: [0-9a-f-]{36}\r$/im);
      expect(raw).to.match(/"requestId":"[0-9a-f-]{36}"/);
    }
    const split = await callRaw(
      server.port,
      head('GET /health HTTP/1.1', 'X-Request-Id: a\nX-Injected: 1', 'Connection: close'),
    );
    expect(split).to.not.match(/^X-Injected/m);
  });

  it('keeps the connection after an error whose body was not read', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const sockets = new Set<unknown>();
      agent.on('free', (socket: unknown) => sockets.add(socket));
      const body = JSON.stringify(Array.from({ length: 500 }, () => ROW));
      expect(body.length).to.be.within(20_000, 64_000);
      for (const headers of [{ authorization: 'Bearer no' }, { accept: 'image/png' }, { 'content-type': 'a/b' }, {}]) {
        const answer = await predict(server, body, { headers, agent });
        expect(answer.headers.connection).to.equal('keep-alive');
      }
      expect(sockets.size).to.equal(1);
    } finally {
      agent.destroy();
    }
  });

  it('answers before a large body has arrived, and closes without cutting the answer off', async () => {
    for (const [headers, status] of [
      [{ authorization: 'Bearer no' }, 401],
      [{}, 413],
    ] as const) {
      const answer = await predict(server, ' '.repeat(6_000_000), { headers });
      expect([answer.status, answer.headers.connection]).to.deep.equal([status, 'close']);
    }
  });

  it('answers a body without a length that grows too large', async () => {
    const part = `${(100_000).toString(16)}\r\n${' '.repeat(100_000)}\r\n`;
    const text = await callRaw(
      server.port,
      `${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Transfer-Encoding: chunked', 'Connection: close')}${part.repeat(11)}0\r\n\r\n`,
    );
    expect(text).to.match(/^HTTP\/1\.1 413 /);
    expect(text).to.include('BODY_TOO_LARGE');
  });

  it('answers pipelined requests in their order', async () => {
    const text = await callRaw(
      server.port,
      head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 10') +
        '{"age":30}' +
        head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 10', 'Connection: close') +
        '{"age":50}',
    );
    const values = [...text.matchAll(/"prediction":(\d+)/g)].map(([, value]) => value);
    expect(values).to.deep.equal(['1', '0']);
  });

  for (const [what, bytes, status] of [
    ['what is no HTTP', 'hello\r\n\r\n', 400],
    ['a wrong length', head('POST /predict/dep_1 HTTP/1.1', 'Content-Length: x'), 400],
    ['a request without a host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    [
      'a length beside chunks',
      head('POST /predict/dep_1 HTTP/1.1', 'Content-Length: 3', 'Transfer-Encoding: chunked'),
      400,
    ],
    ['a header that is too large', head('GET /health HTTP/1.1', `X-Large: ${'x'.repeat(20_000)}`), 431],
    ['a header that does not end in time', 'GET /health HTTP/1.1\r\nHost: a\r\n', 408],
    [
      'a body that does not arrive in time',
      `${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 100')}{"age":`,
      408,
    ],
  ] as const) {
    it(`answers ${what} with ${status} and closes`, async () => {
      const text = await callRaw(server.port, bytes);
      expect(text).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(text).to.match(/^Connection: close\r$/im);
      expect(text.match(/^HTTP\/1\.1/gm)).to.have.length(1);
    });
  }

  it('survives clients that leave in the middle of a body', async () => {
    for (let i = 0; i < 20; i += 1) {
      const socket = net.connect(server.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 100')}{"age"`);
      socket.resetAndDestroy();
    }
    expect((await predict(server)).status).to.equal(200);
    expect(serving.log.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('finishes running requests when it closes, and takes no new ones', async () => {
    const own = await createServing();
    try {
      own.deploy(own.model('mdl_c', constant(7)));
      const closing = await own.start();
      await untilReady(closing);
      const agent = new http.Agent({ keepAlive: true });
      const socket = net.connect(closing.port, '127.0.0.1');
      await once(socket, 'connect');
      let text = '';
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.write(`${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 10')}{"age"`);
      await predict(closing, ROW, { agent });
      const closed = closing.close();
      await until('no new connections', () =>
        call(closing.url, {}).then(
          () => false,
          (err: unknown) => err instanceof Error && 'code' in err && err.code === 'ECONNREFUSED',
        ),
      );
      socket.write(':30}');
      await Promise.all([once(socket, 'close'), closed]);
      expect(text).to.match(/^HTTP\/1\.1 200 /);
      expect(text).to.match(/^Connection: close\r$/m);
      expect(text).to.include('"prediction":7');
      agent.destroy();
    } finally {
      await own.close();
    }
  });

  it('answers 429 with Retry-After when more bodies arrive than it holds, and recovers', async () => {
    const small = await serving.start({ 'predictionServer.bodyBytesMax': '1000' });
    await untilReady(small);
    const sockets = Array.from({ length: 4 }, () => net.connect(small.port, '127.0.0.1'));
    // Four times the largest body is held; each of these has sent all but its last byte.
    for (const socket of sockets)
      socket.write(`${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 1000')}${' '.repeat(999)}`);
    const answer = await until('overload', async () => {
      const found = await predict(small, JSON.stringify(ROW).padEnd(900));
      return found.status !== 200 && found;
    });
    expect([answer.status, answer.headers['retry-after']]).to.deep.equal([429, '1']);
    expect(answer.text).to.include('"OVERLOADED"');
    for (const socket of sockets) socket.destroy();
    await until('room again', async () => (await predict(small, JSON.stringify(ROW).padEnd(900))).status === 200);
  });

  it('answers 429 to requests that have waited too long, and takes others as soon as they are answered', async () => {
    const strict = await serving.start({ 'predictionServer.waitMsMax': '1' });
    await untilReady(strict);
    const body = JSON.stringify(Array.from({ length: 200 }, () => ROW));
    const request = `${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, `Content-Length: ${body.length}`, 'Connection: close')}${body}`;
    const sockets = Array.from({ length: 200 }, () => net.connect(strict.port, '127.0.0.1').setEncoding('utf8'));
    // A server accepts one connection a turn, so each is made before.
    for (const socket of sockets) socket.write(head('HEAD /health HTTP/1.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'data')));
    // Written in one turn of this process, which is the server's too: all of them arrive in the next one.
    const answers = await Promise.all(
      sockets.map(async (socket) => {
        socket.write(request);
        let text = '';
        for await (const part of socket) text += String(part);
        return text;
      }),
    );
    const taken = answers.filter((text) => text.startsWith('HTTP/1.1 200 '));
    const refused = answers.filter((text) => text.startsWith('HTTP/1.1 429 '));
    expect(taken.length + refused.length).to.equal(200);
    expect(taken.length).to.be.within(32, 199);
    for (const text of refused) {
      expect(text).to.match(/^Retry-After: 1\r$/m);
      expect(text).to.include('requests wait longer than 1 ms');
      // Kept back, so that those who ask again at once are not answered all the time.
      expect(Number(/total;dur=([\d.]+)/.exec(text)?.[1])).to.be.at.least(249);
    }
    expect((await predict(strict)).status).to.equal(200);
    const { text } = await call(`${strict.url}/metrics`);
    expect(text).to.include(`trainyard_prediction_requests_total{deployment="",status="429"} ${refused.length}\n`);
  });

  it('answers 429 when too many requests are under way', async () => {
    const small = await serving.start({ 'predictionServer.requestsMax': '1' });
    await untilReady(small);
    const socket = net.connect(small.port, '127.0.0.1');
    socket.write(`${head('POST /predict/dep_1 HTTP/1.1', AUTHORIZATION, 'Content-Length: 100')}{"age"`);
    await until('a refusal', async () => (await predict(small)).status === 429);
    socket.destroy();
    await until('room again', async () => (await predict(small)).status === 200);
  });

  it('refuses to serve plain HTTP on other addresses than loopback', async () => {
    let code = '';
    await serving
      .start({ 'predictionServer.host': '0.0.0.0' })
      .catch((err: unknown) => (code = (err as { code: string }).code));
    expect(code).to.equal('CONFIG_INVALID');
  });
});
