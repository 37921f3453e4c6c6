import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { toAppError, type AppError } from '#contracts';
import { fetchUrl, type FetchOptions } from '../../../../../../yarn-workers/worker/tasks/sources/fetch-url.ts';

describe('worker: fetching a URL', () => {
  let folder = '';
  let server: http.Server;
  let port = 0;
  let handler: http.RequestListener = () => undefined;
  const asked: string[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-fetch-'));
    asked.length = 0;
    server = http.createServer((request, response) => {
      asked.push(`${request.headers.host ?? ''}${request.url ?? ''}`);
      handler(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port; // listening on TCP
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });
  const target = () => path.join(folder, 'file');
  const get = (url: string, more: Partial<FetchOptions> = {}) =>
    fetchUrl({
      url,
      allowedHosts: [`127.0.0.1:${port}`],
      bytesMax: 1_000,
      timeoutMs: 5_000,
      target: target(),
      ...more,
    });
  const failure = async (promise: Promise<unknown>): Promise<AppError> =>
    promise.then(
      () => expect.fail('was fetched'),
      (err: unknown) => toAppError(err),
    );
  const at = (rest: string) => `http://127.0.0.1:${port}${rest}`;

  it('fetches a file, names it and follows redirects, relative ones too', async () => {
    handler = ({ url }, response) => {
      if (url === '/a') response.writeHead(302, { location: '/b/people%20list.csv?token=x' }).end();
      else response.end('a,b\n1,2\n');
    };
    expect(await get(at('/a'))).to.deep.equal({ fileName: 'people list.csv', sizeBytes: 8 });
    expect(readFileSync(target(), 'utf8')).to.equal('a,b\n1,2\n');
  });

  it('checks each redirect: one to a host that is not listed is not followed', async () => {
    handler = (_request, response) =>
      void response.writeHead(302, { location: `http://localhost:${port}/canary` }).end();
    expect((await failure(get(at('/a')))).code).to.equal('SOURCE_NOT_ALLOWED');
    handler = (_request, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    expect((await failure(get(at('/a')))).code).to.equal('SOURCE_NOT_ALLOWED');
    expect(asked.filter((one) => one.includes('canary'))).to.deep.equal([]);
  });

  it('a listed name that resolves to this machine is refused, whatever else it resolves to', async () => {
    const allowedHosts = [`data.example.com:${port}`];
    const resolve = async () => ['93.184.216.34', '127.0.0.1'];
    const error = await failure(get(`http://data.example.com:${port}/x`, { allowedHosts, resolve }));
    expect(error.code).to.equal('SOURCE_NOT_ALLOWED');
    expect(asked).to.deep.equal([]);
  });

  it('connects to the address that was checked and asks for the name once', async () => {
    let resolutions = 0;
    // One look-up only: a second one could give another address.
    const resolve = async () => {
      resolutions += 1;
      return ['127.0.0.1'];
    };
    handler = (_request, response) => void response.end('x');
    await get(`http://localhost:${port}/x`, { allowedHosts: [`localhost:${port}`], resolve });
    expect(resolutions).to.equal(1);
    expect(asked).to.deep.equal([`localhost:${port}/x`]);
  });

  for (const [status, code] of [
    [404, 'SOURCE_NOT_FOUND'],
    [403, 'SOURCE_NOT_FOUND'],
    [500, 'SOURCE_UNAVAILABLE'],
    [429, 'SOURCE_UNAVAILABLE'],
    [204, 'SOURCE_UNAVAILABLE'],
  ] as const) {
    it(`answer ${status} is ${code}`, async () => {
      handler = (_request, response) => void response.writeHead(status).end();
      expect((await failure(get(at('/x?secret=1')))).code).to.equal(code);
      expect((await failure(get(at('/x?secret=1')))).message).to.not.contain('secret');
    });
  }

  it('a redirect loop ends', async () => {
    handler = (_request, response) => void response.writeHead(302, { location: '/again' }).end();
    expect((await failure(get(at('/x')))).code).to.equal('SOURCE_UNAVAILABLE');
    expect(asked).to.have.length(6);
  });

  it('is too large by its length, and by its bytes when it states none', async () => {
    handler = (_request, response) => void response.writeHead(200, { 'content-length': '2000' }).end('x'.repeat(2_000));
    expect((await failure(get(at('/x')))).code).to.equal('BODY_TOO_LARGE');
    handler = (_request, response) => {
      response.write('x'.repeat(600));
      response.end('x'.repeat(600));
    };
    expect((await failure(get(at('/x')))).code).to.equal('BODY_TOO_LARGE');
  });

  it('a body that breaks off is no file', async () => {
    handler = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    };
    expect((await failure(get(at('/x')))).code).to.equal('SOURCE_UNAVAILABLE');
  });

  it('a server that does not answer in time, or is not there, is unavailable', async () => {
    handler = () => undefined;
    expect((await failure(get(at('/x'), { timeoutMs: 100 }))).code).to.equal('SOURCE_UNAVAILABLE');
    const closed = http.createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const free = (closed.address() as AddressInfo).port; // listening on TCP
    await new Promise((resolve) => closed.close(resolve));
    const allowedHosts = [`127.0.0.1:${free}`];
    expect((await failure(get(`http://127.0.0.1:${free}/x`, { allowedHosts }))).code).to.equal('SOURCE_UNAVAILABLE');
  });
});
