import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { createRandom } from '#statistics';
import { wholeRequest } from '../../../prediction/server/http/connections/whole-request.ts';

const TRIES = 6_000;
const BODY = '{"age":1,"name":"\u00e4"}';
const HEADERS = [
  ...['Host: a.example:80', 'Authorization: Bearer abc', 'Content-Type: application/json', 'Accept: */*'],
  ...['Connection: keep-alive', 'X-Request-Id: 1', 'User-Agent: test', 'Accept-Encoding: gzip, br'],
];
/** What parsers have been known to see differently. */
const PIECES = [
  ...['\r', '\n', '\r\n', '\t', ' ', ':', ',', ';', '\0', '\x7f', '\x0b', '\u00e4', '"', '(', '=', '0', '9', '+', '-'],
  ...['Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: b\r\n', 'Expect: 100-continue\r\n', 'X: \r\n'],
  ...[
    'content-length',
    'HTTP/1.1',
    'POST /',
    '%00',
    '#',
    '//',
    '\\',
    'Cookie: a=b\r\n',
    'Set-Cookie: a\r\n',
    'Accept: b\r\n',
  ],
];

interface Read {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

describe('prediction server: plain requests', function () {
  this.timeout(60_000);
  let server: http.Server;
  let read: Read[] = [];
  before(async () => {
    server = http.createServer((request, response) => {
      void buffer(request).then((body) => {
        const { method, url, headers } = request;
        read.push({ method, target: url, headers, body: body.toString('latin1') });
        response.end();
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  after(() => server.close());

  /** What `node:http` reads of a piece. */
  async function readByNode(piece: Buffer): Promise<readonly Read[]> {
    read = [];
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(piece);
    let answer = '';
    socket.on('data', (part: Buffer) => (answer += part.toString('latin1')));
    for (let wait = 0; wait < 200 && answer === ''; wait += 1) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    return read;
  }

  it('are read as node:http reads them, whatever was done to them', async () => {
    const random = createRandom(4);
    let plain = 0;
    for (let at = 0; at < TRIES; at += 1) {
      const piece = Buffer.from(
        mutated((count) => random.below(count), at % 5),
        'latin1',
      );
      const found = wholeRequest(piece);
      if (found === null) continue;
      plain += 1;
      const [one, ...others] = await readByNode(piece);
      const what = JSON.stringify(piece.toString('latin1'));
      expect(others, what).to.deep.equal([]);
      expect(one, what).to.deep.equal({
        ...{ method: found.method, target: found.target, headers: { ...found.headers } },
        body: found.body.toString('latin1'),
      });
    }
    expect(plain, 'plain ones among them').to.be.within(TRIES / 10, (9 * TRIES) / 10);
  });

  /** A request with pieces put in, taken out and exchanged. */
  function mutated(below: (count: number) => number, changes: number): string {
    const headers = HEADERS.filter((line) => line.startsWith('Host') || below(3) > 0);
    const length = `Content-Length: ${Buffer.byteLength(BODY, 'latin1') + (below(12) === 0 ? below(5) - 2 : 0)}`;
    let text = ['POST /predict/dep_1?explanations=2 HTTP/1.1', ...headers, length, '', BODY].join('\r\n');
    for (let change = 0; change < changes; change += 1) {
      const place = below(text.length + 1);
      const taken = below(3);
      const put = below(3) === 0 ? '' : (PIECES[below(PIECES.length)] ?? '');
      text = text.slice(0, place) + put + text.slice(place + taken);
    }
    return text;
  }
});
