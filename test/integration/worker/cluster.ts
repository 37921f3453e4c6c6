import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startAppServer, type AppServer } from '#appserver';
import { createLogger, loadConfig, programFile } from '#runtime';
import { Api } from '../../support/api.ts';
import { descendantsOf } from '../../support/processes.ts';

const MIB = 1024 ** 2;

/** How a worker program is started. */
export interface Launch {
  /** The program and its first words. */
  readonly command: readonly [program: string, ...words: string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const FROM_SOURCE: Launch = {
  command: [
    process.execPath,
    programFile('worker'),
    `--worker.lightgbmLibrary=${process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? ''}`,
    `--worker.xgboostLibrary=${process.env['TRAINYARD_XGBOOST_LIBRARY'] ?? ''}`,
  ],
  env: { PATH: process.env['PATH'] },
};

/** One line of a worker's log. */
export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A worker program of its own, found by its process, never by waiting some time. */
export interface WorkerProcess {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly lines: LogLine[];
  /** How it ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** The first line that fits, also one that has come already. */
  until(what: string, fits: (line: LogLine) => boolean): Promise<LogLine>;
}

/**
 * A real app server on SQLite inside the test, with short leases, and real worker processes against it.
 */
export async function openCluster(more: Readonly<Record<string, unknown>> = {}) {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-cluster-'));
  const flags = {
    dataDir,
    'server.port': 0,
    'queue.leaseMs': 2_000,
    'queue.beatMs': 500,
    'queue.claimWaitMs': 1_000,
    'queue.pollMs': 50,
    'queue.reaperIntervalMs': 200,
    'queue.backoffMs': 100,
    'worker.memoryBytes': 1024 * MIB,
    'worker.drainMs': 1_000,
    ...more,
  };
  const { config } = loadConfig({ env: {}, cwd: dataDir, flags });
  const serverLog: string[] = [];
  const logger = createLogger({ program: 'server', level: 'info', write: (line) => void serverLog.push(line) });
  let server: AppServer = await startAppServer(config, { logger, checkAnswers: true });
  const port = Number(new URL(server.url).port);
  const workers = new Set<WorkerProcess>();
  const api = new Api(server.url, server.admin.newKey);

  const startWorker = (
    failpoints = '',
    own: Record<string, string> = {},
    { command: [program, ...first], env, ...more }: Launch = FROM_SOURCE,
  ): WorkerProcess => {
    const words = { ...flags, ...own, 'worker.serverUrl': server.url, 'log.level': 'debug' };
    const flagWords = Object.entries(words).flatMap(([key, value]) => [`--${key}`, String(value)]);
    const child = spawn(program, [...first, ...flagWords], {
      ...more,
      env: { ...env, TRAINYARD_FAILPOINTS: failpoints, TRAINYARD_PARENT_WATCH: '1' },
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    const worker = followed(child);
    workers.add(worker);
    void worker.ended.then(() => workers.delete(worker));
    return worker;
  };

  return {
    api,
    get server(): AppServer {
      return server;
    },
    config,
    serverLog,
    startWorker,
    /** Task children of a worker as they are now. */
    childrenOf: (pid: number) => descendantsOf(pid),
    /** Content hashes of all models of a project, sorted. */
    async contentHashesOf(projectId: string): Promise<string[]> {
      const rows = (await server.database.knex('models').where({ project_id: projectId }).pluck('content_hash')) as (
        string | null
      )[]; // the column asked for
      return rows.filter((hash) => hash !== null).sort();
    },
    /** The app server goes away, and comes back at the same address. */
    stopServer: () => server.close(),
    async restartServer(): Promise<void> {
      server = await startAppServer({ ...config, server: { ...config.server, port } }, { logger, checkAnswers: true });
    },
    /** Log lines of the tasks of a kind of a project, oldest first. */
    async taskLog(kind: string, projectId: string): Promise<string[]> {
      return (await server.database
        .knex('task_log')
        .join('task', 'task.id', 'task_log.task_id')
        .where({ 'task.kind': kind, 'task.share_key': projectId })
        .orderBy(['task.created_at', 'task.id', 'task_log.sequence'])
        .pluck('task_log.line')) as string[]; // the column asked for
    },
    /** Ends a worker as an operator would. */
    async stop(worker: WorkerProcess) {
      worker.process.kill('SIGTERM');
      return worker.ended;
    },
    async close(): Promise<void> {
      for (const worker of [...workers]) {
        worker.process.kill('SIGTERM');
        await worker.ended;
      }
      await server.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

export type Cluster = Awaited<ReturnType<typeof openCluster>>;

function followed(child: ChildProcess): WorkerProcess {
  const lines: LogLine[] = [];
  const watchers = new Set<() => void>();
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) lines.push(parsed(part));
    for (const watcher of [...watchers]) watcher();
  });
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => {
    for (const watcher of [...watchers]) watcher();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }; // as `close` is declared
  });
  let isOver = false;
  void ended.then(() => (isOver = true));
  return {
    process: child,
    pid: child.pid ?? 0,
    lines,
    ended,
    async until(what, fits) {
      for (;;) {
        const found = lines.find(fits);
        if (found !== undefined) return found;
        if (isOver) throw new Error(`the worker ended before: ${what}\n${JSON.stringify(lines.slice(-5))}`);
        await new Promise<void>((resolve) => {
          const watcher = () => {
            watchers.delete(watcher);
            resolve();
          };
          watchers.add(watcher);
          void ended.then(watcher);
        });
      }
    },
  };
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine; // the logger writes nothing else
  } catch {
    return { event: 'stderr', msg: line };
  }
}
