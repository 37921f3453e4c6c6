import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import { API_KEY, regression } from '../../support/serving/models.ts';
import { createServing, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';
import { until } from '../../support/serving/call.ts';

const BODY = JSON.stringify(ROW);
/** Rows that take several turns. */
const LARGE = JSON.stringify(Array.from({ length: 3_000 }, () => ROW));

const request = (body = BODY, ...headers: string[]): string =>
  [
    ...['POST /predict/dep_1 HTTP/1.1', 'Host: test', `Authorization: Bearer ${API_KEY}`],
    ...['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...headers, '', body],
  ].join('\r\n');

/** A connection with all that it was told. */
class Client {
  readonly socket: net.Socket;
  text = '';

  constructor(port: number, allowHalfOpen = false) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen, noDelay: true });
    this.socket.on('data', (piece: Buffer) => (this.text += piece.toString()));
    this.socket.on('error', () => undefined);
  }

  async answers(count: number): Promise<string[]> {
    const statuses = () => [...this.text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status ?? '');
    await until(`${count} answers`, () => statuses().length >= count && /[}\]]$/.test(this.text.trimEnd()));
    return statuses();
  }
}

describe('prediction server: connections', function () {
  this.timeout(30_000);
  let serving: Serving;
  let server: Server;
  const clients: Client[] = [];
  const connect = (allowHalfOpen = false): Client => {
    const client = new Client(server.port, allowHalfOpen);
    clients.push(client);
    return client;
  };

  before(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
    server = await serving.start({ 'server.requestTimeoutMs': '1000' });
    await untilReady(server);
  });
  afterEach(() => {
    for (const { socket } of clients.splice(0)) socket.destroy();
  });
  after(() => serving.close());

  it('answer plain requests one after the other, with the header fields of node:http', async () => {
    const plain = connect();
    plain.socket.write(request());
    await plain.answers(1);
    plain.socket.write(request());
    expect(await plain.answers(2)).to.deep.equal(['200', '200']);
    const other = connect();
    // In two pieces: read by node:http.
    other.socket.write(request().slice(0, 20));
    await new Promise((resolve) => setTimeout(resolve, 50));
    other.socket.write(request().slice(20));
    await other.answers(1);
    const namesOf = (text: string) =>
      (text.split('\r\n\r\n')[0] ?? '')
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(':')[0]);
    expect(namesOf(plain.text)).to.deep.equal(namesOf(other.text));
    const valuesOf = (text: string) => text.replace(/^(Date|Server-Timing|X-Request-Id):.*\r\n/gm, '');
    expect(valuesOf(plain.text.slice(0, plain.text.indexOf('HTTP/1.1', 1)))).to.equal(valuesOf(other.text));
  });

  it('answer requests that come before the answers, in their order', async () => {
    const client = connect();
    client.socket.write(request(LARGE));
    await new Promise((resolve) => setTimeout(resolve, 5));
    client.socket.write(request());
    client.socket.write(request('{'));
    expect(await client.answers(3)).to.deep.equal(['200', '200', '400']);
    const together = connect();
    together.socket.write(request() + request('{') + request());
    expect(await together.answers(3)).to.deep.equal(['200', '400', '200']);
  });

  it('take chunks, other methods and plain requests on one connection', async () => {
    const client = connect();
    client.socket.write(request());
    await client.answers(1);
    const head = request('').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    client.socket.write(`${head}${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`);
    await client.answers(2);
    client.socket.write('GET /health HTTP/1.1\r\nHost: test\r\n\r\n');
    await client.answers(3);
    client.socket.write(request());
    expect(await client.answers(4)).to.deep.equal(['200', '200', '200', '200']);
    client.socket.write('no request\r\n\r\n');
    expect((await client.answers(5)).at(-1)).to.equal('400');
    await until('the end', () => client.socket.destroyed);
  });

  it('refuse a request before its body is read, and go on', async () => {
    const client = connect();
    client.socket.write(request().replace(API_KEY, 'wrong'));
    await client.answers(1);
    client.socket.write(request(BODY, 'Expect: 100-continue'));
    await until('the wish for a body', () => client.text.includes('100 Continue'));
    client.socket.write(request());
    expect((await client.answers(3)).at(-1)).to.equal('200');
    expect(client.text).to.match(/^HTTP\/1\.1 401 /);
  });

  it('are closed after the answer that was asked to be the last, and when the client ends', async () => {
    const client = connect();
    client.socket.write(request(BODY, 'Connection: close'));
    await until('the end', () => client.socket.destroyed);
    expect(client.text).to.match(/^HTTP\/1\.1 200 [\s\S]*Connection: close/);
    const half = connect(true);
    half.socket.end(request());
    await once(half.socket, 'end');
    expect(half.text).to.match(/^HTTP\/1\.1 200 /);
    half.socket.destroy();
    const idle = connect(true);
    idle.socket.write(request());
    await idle.answers(1);
    idle.socket.end();
    await once(idle.socket, 'end');
  });

  it('are told and closed when nothing comes', async () => {
    const client = connect();
    await once(client.socket, 'end');
    expect(client.text).to.match(/^HTTP\/1\.1 408 [\s\S]*did not arrive in time/);
  });

  it('that break off in the middle of a prediction harm nobody', async () => {
    for (let index = 0; index < 20; index += 1) {
      const client = connect();
      client.socket.write(request(LARGE));
      await new Promise((resolve) => setTimeout(resolve, index % 5));
      client.socket.resetAndDestroy();
    }
    const client = connect();
    client.socket.write(request());
    expect(await client.answers(1)).to.deep.equal(['200']);
  });
});
