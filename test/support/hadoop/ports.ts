import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Ports of one cluster. They stay its own while its daemons are down, so that each starts again on its ports. */
export interface PortBlock {
  /** Another port of the block that nobody listens on. */
  next(): Promise<number>;
  /** Gives the block back. */
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
/** Below the ports that Linux gives to outgoing connections, one of which could sit on a dead daemon's port. */
const FIRST_PORT = 12_000;
const LAST_PORT = 31_999;
const BLOCK_SIZE = 100;

/**
 * Reserves a block of loopback ports. Who holds its first port holds the block, so two clusters that start at the same
 * moment never meet.
 */
export async function reservePorts(): Promise<PortBlock> {
  const count = Math.floor((LAST_PORT + 1 - FIRST_PORT) / BLOCK_SIZE);
  const offset = Math.floor(Math.random() * count);
  for (let index = 0; index < count; index += 1) {
    const first = FIRST_PORT + ((offset + index) % count) * BLOCK_SIZE;
    const holder = await listen(first);
    if (holder !== null) return blockFrom(first, holder);
  }
  throw new Error(`no free block of ports from ${FIRST_PORT} to ${LAST_PORT}: are that many test clusters running?`);
}

function blockFrom(first: number, holder: Server): PortBlock {
  holder.unref();
  let used = first;
  return {
    async next() {
      for (used += 1; used < first + BLOCK_SIZE; used += 1) {
        const probe = await listen(used);
        if (probe === null) continue;
        await close(probe);
        return used;
      }
      throw new Error(`the ports ${first} to ${first + BLOCK_SIZE - 1} are all taken`);
    },
    close: () => close(holder),
  };
}

/** Null when the port is taken. */
async function listen(port: number): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy());
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
