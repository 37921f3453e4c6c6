import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startAppServer, type AppServer } from '#appserver';
import { FileObjectStore } from '#object-store';
import { createLogger, loadConfig, type Config } from '#runtime';
import { createStartPage } from '../../appserver/server/routes/start-page.ts';
import { Api } from './api.ts';

/** An app server in this process with a database and an object store of its own; answers are held against their schemas. */
export interface TestAppServer {
  readonly server: AppServer;
  readonly config: Config;
  readonly store: FileObjectStore;
  /** Of the first administrator. */
  readonly admin: Api;
  /** Log lines so far. */
  readonly log: string[];
  /** A client with the key of a new user. */
  user(name: string): Promise<{ readonly api: Api; readonly id: string; readonly key: string }>;
  close(): Promise<void>;
}

export const TEST_ADMIN_KEY = 'admin-key-of-the-tests';

/** Starts one; `flags` are configuration keys. */
export async function startTestAppServer(flags: Readonly<Record<string, unknown>> = {}): Promise<TestAppServer> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-appserver-'));
  const { config } = loadConfig({
    env: {},
    flags: {
      dataDir,
      'server.port': 0,
      'server.adminApiKey': TEST_ADMIN_KEY,
      'server.healthNeeds': [],
      'server.closeTimeoutMs': 2_000,
      ...flags,
    },
  });
  const log: string[] = [];
  const logger = createLogger({ program: 'test', level: 'debug', write: (line) => log.push(line) });
  const server = await startAppServer(config, { logger, checkAnswers: true, pages: createStartPage() });
  const admin = new Api(server.url, TEST_ADMIN_KEY);
  return {
    server,
    config,
    store: new FileObjectStore(config.objectStore.root),
    admin,
    log,
    async user(name) {
      const made = await admin.request('POST', '/users', { json: { name } });
      const { id } = made.json as { id: string };
      const answer = await admin.request('POST', '/api-keys', { json: { name: `key of ${name}`, userId: id } });
      const { key } = answer.json as { key: string };
      return { api: new Api(server.url, key), id, key };
    },
    async close() {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
