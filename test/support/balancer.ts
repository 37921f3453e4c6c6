import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A balancer that gives each request to the next server, and to the one after it where nobody listens. */
export interface Balancer {
  readonly url: string;
  /** How many requests each server has answered. */
  readonly answerCounts: readonly number[];
  close(): Promise<void>;
}

/**
 * Starts a balancer on a free loopback port. It remembers nothing of its clients, and answers 502 when a server leaves
 * in the middle of an answer: whether the request had an effect is then for the client to find out.
 */
export async function startBalancer(targets: readonly string[]): Promise<Balancer> {
  const answerCounts = targets.map(() => 0);
  const agent = new http.Agent({ keepAlive: false });
  let turn = 0;

  const forward = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const body = await buffer(request);
    for (let attempt = 0; attempt < targets.length; attempt += 1) {
      const index = turn % targets.length;
      turn += 1;
      const outgoing = http.request(new URL(request.url ?? '/', targets[index]), {
        method: request.method ?? 'GET',
        headers: { ...request.headers, connection: 'close' },
        agent,
      });
      response.once('close', () => outgoing.destroy());
      outgoing.end(body);
      try {
        const [answer] = (await once(outgoing, 'response')) as [http.IncomingMessage]; // as `response` is declared
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response).on('error', () => response.destroy());
        answer.once('error', () => response.destroy());
        answerCounts[index] = (answerCounts[index] ?? 0) + 1;
        return;
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'ECONNREFUSED') break; // `once` rejects with the request's error
      }
    }
    response.writeHead(502, { 'content-type': 'text/plain' }).end('no server answers');
  };

  const server = http.createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    answerCounts,
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}
