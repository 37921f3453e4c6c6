import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web server of 127.0.0.1 that gives out what a test puts into it. */
export interface FileServer {
  /** `127.0.0.1:PORT`, as an allow-list names it. */
  readonly host: string;
  /** Puts a file; its URL. */
  put(name: string, content: string | Uint8Array): string;
  /** Paths that were asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

export async function startFileServer(): Promise<FileServer> {
  const files = new Map<string, string | Uint8Array>();
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const path = request.url ?? '/';
    asked.push(path);
    const content = files.get(path);
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' });
    response.end(content ?? 'nothing here');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // listens on TCP
  const host = `127.0.0.1:${port}`;
  return {
    host,
    asked,
    put: (name, content) => {
      files.set(`/${name}`, content);
      return `http://${host}/${name}`;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
