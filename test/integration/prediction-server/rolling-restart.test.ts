import http from 'node:http';
import path from 'node:path';
import { expect } from 'chai';
import { call, until } from '../../support/serving/call.ts';
import { regression } from '../../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

/** How often the balancer looks whether a server is ready, milliseconds; servers say that they are not for much longer. */
const LOOK_MS = 20;
const DRAIN_MS = 400;

/** A balancer as a group has one: it sends requests in turn to the servers that were ready when it looked last. */
function balance(servers: readonly Server[]) {
  const ready = new Set<Server>();
  const look = async (server: Server) => {
    const status = await call(`${server.url}/v2/health/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) ready.add(server);
    else ready.delete(server);
  };
  const timer = setInterval(() => void servers.map(look), LOOK_MS);
  let turn = 0;
  return {
    ready,
    next: (): Server | undefined => [...ready][turn++ % Math.max(1, ready.size)],
    stop: () => clearInterval(timer),
  };
}

describe('prediction server: rolling restart of a group', () => {
  let serving: Serving;
  afterEach(() => serving.close());

  it('fails no request of clients that keep their connections', async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
    const start = (name: string, port = '0') =>
      serving.start({
        'predictionServer.port': port,
        'predictionServer.cacheDir': path.join(serving.dataDir, name),
        'predictionServer.drainMs': String(DRAIN_MS),
      });
    const servers = [await start('a'), await start('b')];
    for (const server of servers) await untilReady(server);
    const balancer = balance(servers);
    const agent = new http.Agent({ keepAlive: true });
    const statuses: number[] = [];
    let isOver = false;
    const client = async () => {
      while (!isOver) {
        const server = balancer.next();
        const answer = server === undefined ? null : await predict(server, ROW, { agent }).catch(() => null);
        statuses.push(answer?.status ?? 0);
      }
    };
    await until('both are ready', () => balancer.ready.size === 2);
    const clients = [client(), client(), client()];
    try {
      for (const [index, server] of servers.entries()) {
        const closed = server.close();
        await until('the balancer knows', () => !balancer.ready.has(server));
        expect((await predict(server)).headers.connection, 'still answered, for the last time').to.equal('close');
        await closed;
        // On the same port, so the balancer finds it again by the same address.
        await start(['a', 'b'][index] ?? '', String(server.port));
        await until('it is back', () => balancer.ready.has(server));
      }
    } finally {
      isOver = true;
      await Promise.all(clients);
      balancer.stop();
      agent.destroy();
    }
    expect(statuses.length).to.be.greaterThan(100);
    expect(statuses.filter((status) => status !== 200)).to.deep.equal([]);
  });
});
