import { expect } from 'chai';
import { wholeRequest } from '../../../../../../prediction/server/http/connections/whole-request.ts';

const BODY = '{"age":1}';

/** A plain request, with some lines of its head changed. */
function piece({
  line = 'POST /predict/dep_1?explanations=3 HTTP/1.1',
  headers = [
    'Host: localhost:1',
    'Authorization: Bearer abc',
    'Content-Type: application/json',
    'Connection: Keep-Alive',
  ],
  length = `Content-Length: ${BODY.length}`,
  body = BODY,
}: {
  readonly line?: string;
  readonly headers?: readonly string[];
  readonly length?: string;
  readonly body?: string;
} = {}): Buffer {
  return Buffer.from([line, ...headers, ...(length === '' ? [] : [length]), '', body].join('\r\n'), 'latin1');
}

describe('wholeRequest', () => {
  it('reads a request that lies in one piece', () => {
    const found = wholeRequest(piece()) ?? expect.fail('not read');
    expect([found.method, found.target]).to.deep.equal(['POST', '/predict/dep_1?explanations=3']);
    expect({ ...found.headers }).to.deep.equal({
      host: 'localhost:1',
      authorization: 'Bearer abc',
      'content-type': 'application/json',
      connection: 'Keep-Alive',
      'content-length': '9',
    });
    expect(found.body.toString()).to.equal(BODY);
    expect(wholeRequest(piece({ body: '', length: 'Content-Length: 0' }))?.body.length).to.equal(0);
    expect(wholeRequest(piece({ headers: ['Host:a', 'X-Empty:', 'X-Spaced:   b  '] }))?.headers).to.include({
      ...{ host: 'a', 'x-empty': '', 'x-spaced': 'b' },
    });
  });

  const others: readonly (readonly [what: string, piece: Buffer])[] = [
    ['a body that has not arrived', piece({ body: BODY.slice(1) })],
    ['another request behind it', piece({ body: `${BODY}POST / HTTP/1.1` })],
    ['a head without its end', Buffer.from('POST /predict/a HTTP/1.1\r\nHost: a\r\n')],
    ['nothing', Buffer.alloc(0)],
    ['another method', piece({ line: 'GET /predict/a HTTP/1.1' })],
    ['a method in lower case', piece({ line: 'post /predict/a HTTP/1.1' })],
    ['HTTP/1.0', piece({ line: 'POST /predict/a HTTP/1.0' })],
    ['no version', piece({ line: 'POST /predict/a' })],
    ['a URL as target', piece({ line: 'POST http://a/predict/a HTTP/1.1' })],
    ['a space in the target', piece({ line: 'POST /predict/a b HTTP/1.1' })],
    ['two spaces', piece({ line: 'POST  /predict/a HTTP/1.1' })],
    ['a character beyond ASCII in the target', piece({ line: 'POST /predict/\u00e4 HTTP/1.1' })],
    ['no host', piece({ headers: ['Accept: a/b'] })],
    ['two hosts', piece({ headers: ['Host: a', 'Host: b'] })],
    ['two lengths', piece({ headers: ['Host: a', 'content-length: 9'] })],
    ['no length', piece({ length: '' })],
    ['a length with a sign', piece({ length: 'Content-Length: +9' })],
    ['a length with zeros before it', piece({ length: 'Content-Length: 09' })],
    ['a list of lengths', piece({ length: 'Content-Length: 9, 9' })],
    ['chunks', piece({ headers: ['Host: a', 'Transfer-Encoding: chunked'] })],
    ['chunks, hidden by a tab', piece({ headers: ['Host: a', 'Transfer-Encoding:\tchunked'] })],
    ['a wish to be asked for the body', piece({ headers: ['Host: a', 'Expect: 100-continue'] })],
    ['another protocol', piece({ headers: ['Host: a', 'Upgrade: websocket'] })],
    ['the last request', piece({ headers: ['Host: a', 'Connection: close'] })],
    ['headers of the connection alone', piece({ headers: ['Host: a', 'Connection: keep-alive, X-A'] })],
    ['a space before the colon', piece({ headers: ['Host : a'] })],
    ['a folded line', piece({ headers: ['Host: a', 'X-Long: a', ' b'] })],
    ['a line without a colon', piece({ headers: ['Host: a', 'nothing'] })],
    ['a line without a name', piece({ headers: ['Host: a', ': b'] })],
    ['a control character in a value', piece({ headers: ['Host: a', 'X-A: a\u0000b'] })],
    ['a bare line feed in a value', piece({ headers: ['Host: a', 'X-A: a\nTransfer-Encoding: chunked'] })],
    ['a bare carriage return in a value', piece({ headers: ['Host: a', 'X-A: a\rb'] })],
    ['a character beyond ASCII in a value', piece({ headers: ['Host: a', 'X-A: \u00e4'] })],
    ['lines that end with a line feed alone', Buffer.from('POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n')],
    ['an empty line before it', Buffer.concat([Buffer.from('\r\n'), piece()])],
    ['many lines', piece({ headers: ['Host: a', ...Array.from({ length: 63 }, (_, index) => `X-${index}: a`)] })],
    ['a long head', piece({ headers: ['Host: a', `X-A: ${'a'.repeat(8_192)}`] })],
    ['a handshake of TLS', Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0])],
  ];
  for (const [what, bytes] of others)
    it(`leaves to others: ${what}`, () => {
      expect(wholeRequest(bytes)).to.equal(null);
    });

  it('inherits no header', () => {
    const found = wholeRequest(piece({ headers: ['Host: a', '__proto__: b'] }));
    expect(found?.headers['constructor']).to.equal(undefined);
    expect(Object.keys(found?.headers ?? {})).to.include('__proto__');
  });
});
