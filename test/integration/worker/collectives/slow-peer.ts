import { once } from 'node:events';
import { connect } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import type { RankCertificate } from '#runtime';
import { Link } from '../../../../yarn-workers/worker/collectives/link.ts';

/**
 * A thread that is rank 1 of 2, by hand: it gives its blocks of the first two operations before it has read anything, and reads
 * when it is told to. Then it tells the blocks that it was sent.
 */
export interface SlowPeerData {
  readonly port: number;
  readonly groupId: string;
  readonly certificates: RankCertificate;
  /** Bytes of its blocks. */
  readonly lengths: readonly number[];
}

const { port, groupId, certificates, lengths } = workerData as SlowPeerData; // of its test
const { authority, certificate, key } = certificates;
const blocks: Uint8Array[] = [];

const socket = connect({
  ...{ port, host: '127.0.0.1', ca: authority, cert: certificate, key },
  checkServerIdentity: () => undefined,
});
const welcome = Promise.withResolvers<undefined>();
const link = new Link(
  socket,
  { rank: 1, epoch: 1 },
  {
    place: ({ length }) => new Uint8Array(length),
    take({ kind }, payload) {
      if (kind === 'welcome') welcome.resolve(undefined);
      if (kind === 'allgather') blocks.push(payload);
      if (blocks.length === lengths.length) parentPort?.postMessage(blocks);
    },
    lost: () => process.exit(),
  },
);
await once(socket, 'secureConnect');
link.send('hello', 0, Buffer.from(JSON.stringify({ groupId, size: 2 })));
await welcome.promise;
socket.pause();
for (const [index, length] of lengths.entries()) link.send('allgather', index + 1, new Uint8Array(length));
parentPort?.on('message', () => socket.resume());
