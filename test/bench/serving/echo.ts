/** What HTTP and JSON cost without us: bare `node:http` that parses a row and answers a constant. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

const server = http.createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const row: unknown = JSON.parse(Buffer.concat(parts).toString());
    const body = JSON.stringify({ data: [{ rowIndex: 0, prediction: typeof row }] });
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo; // a listening TCP server has one
console.log(`listening at ${port}`);
process.on('SIGTERM', () => process.exit(0));
