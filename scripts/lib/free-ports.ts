import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/** Free ports of 127.0.0.1, all different. Another process may take one before it is used. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port); // listens on TCP
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
