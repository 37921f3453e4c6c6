import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import type { ErrorCode } from '#contracts';
import { AppError, PROBLEM_MEDIA_TYPE, toProblem } from '#contracts';
import { ApiClient } from '../../../../appserver/cli/api-client.ts';
import { downloadProven } from '../../../../appserver/cli/download.ts';
import { appErrorOf } from '../../../support/expect-error.ts';

const FILE = Buffer.from(Array.from({ length: 200_000 }, (_, index) => index % 253));
const DIGEST = createHash('sha256').update(FILE).digest();

/** How the server answers one request after the other; `cut` ends it after so many bytes. */
interface Turn {
  readonly etag?: string;
  readonly digest?: Buffer;
  readonly cut?: number;
  readonly refuse?: ErrorCode;
}

describe('command line: download', () => {
  let asked: IncomingMessage['headers'][];
  let turns: Turn[];
  let api: ApiClient;
  const server = createServer((request, response) => answer(request, response));
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(() => {
    asked = [];
    const { port } = server.address() as AddressInfo; // it listens on a port
    api = new ApiClient({ url: `http://127.0.0.1:${port}`, apiKey: 'k', signal: new AbortController().signal });
  });
  afterEach(() => api.close());
  after(() => server.close());

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const { etag = '"one"', digest = DIGEST, cut, refuse } = turns[asked.length] ?? {};
    asked.push(request.headers);
    if (refuse !== undefined) {
      const problem = toProblem(new AppError(refuse, 'no'), null);
      response.writeHead(problem.status, { 'content-type': PROBLEM_MEDIA_TYPE }).end(JSON.stringify(problem));
      return;
    }
    const start = request.headers['if-range'] === etag ? Number(/\d+/.exec(request.headers.range ?? '')?.[0]) : 0;
    const headers = { etag, 'repr-digest': `sha-256=:${digest.toString('base64')}:` };
    response.writeHead(start > 0 ? 206 : 200, { ...headers, 'content-length': FILE.length - start });
    if (cut === undefined) response.end(FILE.subarray(start));
    else response.write(FILE.subarray(start, start + cut), () => response.destroy());
  }

  async function download(...answers: Turn[]) {
    turns = answers;
    const parts: Buffer[] = [];
    const sink = new Writable({
      highWaterMark: 1_000,
      write: (chunk: Buffer, _encoding, done) => {
        parts.push(chunk);
        setImmediate(done);
      },
    });
    const made = await downloadProven(api, '/file', 'application/gzip', sink, 1);
    await new Promise<void>((resolve) => sink.end(resolve));
    return { made, bytes: Buffer.concat(parts) };
  }

  it('writes all of it, and says what it is', async () => {
    const { made, bytes } = await download();
    expect(made).to.deep.equal({ sizeBytes: FILE.length, sha256: DIGEST.toString('hex') });
    expect(bytes.equals(FILE)).to.equal(true);
    expect(asked[0]).to.include({ accept: 'application/gzip', authorization: 'Bearer k' });
  });

  it('goes on where it broke off, whenever the server cannot be reached for a while', async () => {
    const { bytes } = await download({ cut: 70_000 }, { refuse: 'SERVER_UNAVAILABLE' }, { cut: 10_000 }, {});
    expect(bytes.equals(FILE)).to.equal(true);
    expect(asked.map(({ range }) => range)[0]).to.equal(undefined);
    expect(asked.slice(1).every((headers) => headers['if-range'] === '"one"')).to.equal(true);
    expect(asked).to.have.length(4);
  });

  it('does not mix two files', async () => {
    await appErrorOf('STALE', () => download({ cut: 70_000 }, { etag: '"two"' }));
  });

  it('gives up what breaks off again and again, and at once what is refused', async () => {
    await appErrorOf('SERVER_UNAVAILABLE', () => download(...Array.from({ length: 20 }, () => ({ cut: 100 }))));
    expect(asked).to.have.length(6);
    asked = [];
    await appErrorOf('NOT_FOUND', () => download({ cut: 100 }, { refuse: 'NOT_FOUND' }));
    asked = [];
    await appErrorOf('SERVER_UNAVAILABLE', () => download({ refuse: 'SERVER_UNAVAILABLE' }));
    expect(asked).to.have.length(1);
  });

  it('refuses bytes of another hash than the server said', async () => {
    const { message } = await appErrorOf('SERVER_UNAVAILABLE', () => download({ digest: Buffer.alloc(32) }));
    expect(message).to.include(DIGEST.toString('hex'));
  });
});
