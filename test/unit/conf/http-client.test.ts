import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { AppError, PROBLEM_MEDIA_TYPE, toAppError, toProblem } from '#contracts';
import { HttpClient } from '#runtime';

/** The code of the error that a request meets when it is answered like this. */
async function codeOf(status: number, mediaType: string, body: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { 'content-type': mediaType }).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server has one
  const client = new HttpClient({ baseUrl: `http://127.0.0.1:${port}` });
  try {
    await client.request({ method: 'POST', path: '/internal/v1/claims', json: {} });
    return 'none';
  } catch (err) {
    return toAppError(err).code;
  } finally {
    client.close();
    server.close();
  }
}

describe('HttpClient', () => {
  it('takes an error for the server’s word only when it is a problem document', async () => {
    const problem = JSON.stringify(toProblem(new AppError('TASK_FENCED', 'another holds it'), null));
    expect(await codeOf(409, PROBLEM_MEDIA_TYPE, problem)).to.equal('TASK_FENCED');
  });

  for (const status of [403, 404, 408, 429, 502]) {
    it(`takes a balancer’s own ${status} for an unreachable server`, async () => {
      expect(await codeOf(status, 'text/html', '<h1>no backend</h1>')).to.equal('SERVER_UNAVAILABLE');
    });
  }
});
