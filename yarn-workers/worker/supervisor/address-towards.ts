import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { AppError } from '#contracts';

/**
 * The address of this host by which it reaches a server: the kernel chooses it when a datagram socket is connected, for which nothing is sent.
 *
 * @throws SERVER_UNAVAILABLE where the server's name is not known, or no way leads there
 */
export async function addressTowards(serverUrl: string): Promise<string> {
  const { hostname } = new URL(serverUrl);
  try {
    const { address, family } = await lookup(hostname.replaceAll(/^\[|\]$/g, ''));
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    try {
      socket.connect(ANY_PORT, address);
      await once(socket, 'connect');
      return socket.address().address;
    } finally {
      socket.close();
    }
  } catch (err) {
    throw new AppError('SERVER_UNAVAILABLE', `no address of this host leads to ${hostname}`, { cause: err });
  }
}

/** Which one makes no difference. @see RFC 863, the port of those who want no answer */
const ANY_PORT = 9;
