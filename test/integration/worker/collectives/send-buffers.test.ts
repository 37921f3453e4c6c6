import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Exchange } from '../../../../yarn-workers/worker/collectives/exchange.ts';
import { GROUP_LIMITS } from '../../../../yarn-workers/worker/collectives/limits.ts';
import { MeshClient } from '../../../../yarn-workers/worker/collectives/mesh-client.ts';
import { certificatesOf, GROUP_ID } from './ranks.ts';
import type { SlowPeerData } from './slow-peer.ts';

/** More than sockets take, so that what follows has to wait behind it. */
const LONG = 32 * 1024 ** 2;
const SHORT = 1_000;

describe('worker: blocks that wait in a socket’s queue', function () {
  this.timeout(30_000);

  it('are sent as they were when their operation was begun, whatever the next one is filled with', async () => {
    const [own, peer] = certificatesOf(2);
    if (own === undefined || peer === undefined) expect.fail('no certificates');
    const mesh = new MeshClient({
      member: { groupId: GROUP_ID, rank: 0, size: 2, epoch: 1, certificates: own },
      limits: GROUP_LIMITS,
      listenHost: '127.0.0.1',
      onStray: () => undefined,
    });
    let thread: Worker | undefined;
    await mesh.meet(async (port) => {
      const workerData: SlowPeerData = { port, groupId: GROUP_ID, certificates: peer, lengths: [LONG, SHORT] };
      thread = new Worker(path.join(import.meta.dirname, 'slow-peer.ts'), { workerData });
      return [
        { host: '127.0.0.1', port },
        { host: '127.0.0.1', port: 0 },
      ];
    });
    if (thread === undefined) expect.fail('no peer');
    const exchange = new Exchange({
      ...{ rank: 0, size: 2, operationMs: 10_000, toldMs: 5_000, control: mesh.control },
      post: (message) => mesh.post(message),
    });
    exchange.allgather(new Uint8Array(LONG).fill(1));
    exchange.allgather(new Uint8Array(SHORT).fill(2));
    // Both are finished here, and neither has been read there.
    exchange.reserve(SHORT).fill(3);
    thread.postMessage('read');
    const [blocks] = (await once(thread, 'message')) as [readonly Uint8Array[]]; // what it tells
    expect(blocks.map(({ length }) => length)).to.deep.equal([LONG, SHORT]);
    expect(blocks.map((block) => [...new Set(block)])).to.deep.equal([[1], [2]]);
    await Promise.all([mesh.close(), once(thread, 'exit')]);
  });
});
