import http from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** What a server of this file was asked. */
export interface Asked {
  readonly method: string;
  readonly operation: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
}

type Handler = (asked: Asked, response: http.ServerResponse, request: http.IncomingMessage) => void;

export interface FakeWebHdfs {
  readonly url: string;
  readonly asked: Asked[];
  close(): Promise<void>;
}

/** A server that answers as a test says, for what a real daemon does too rarely. */
export async function startFakeWebHdfs(handler: Handler): Promise<FakeWebHdfs> {
  const asked: Asked[] = [];
  const handle = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const one: Asked = {
      method: request.method ?? '',
      operation: url.searchParams.get('op') ?? '',
      path: decodeURIComponent(url.pathname.replace(/^\/webhdfs\/v1/, '')),
      query: url.searchParams,
      headers: request.headers,
    };
    asked.push(one);
    handler(one, response, request);
  };
  const server = http.createServer(handle);
  // The test decides whether a body is wanted, as a DataNode does.
  server.on('checkContinue', handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://localhost:${port}`,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Answers a refusal as WebHDFS does. */
export function refuse(response: http.ServerResponse, status: number, exception: string, message: string): void {
  const javaClassName = `org.apache.hadoop.${exception}`;
  answerJson(response, { RemoteException: { exception, javaClassName, message } }, status);
}

export function answerJson(response: http.ServerResponse, document: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
}

export function answerStatus(response: http.ServerResponse, changes: Readonly<Record<string, unknown>> = {}): void {
  answerJson(response, {
    FileStatus: {
      pathSuffix: '',
      type: 'FILE',
      length: 10,
      modificationTime: 1,
      accessTime: 1,
      owner: 'alice',
      group: 'users',
      permission: '644',
      replication: 1,
      blockSize: 1,
      fileId: 7,
      ...changes,
    },
  });
}
