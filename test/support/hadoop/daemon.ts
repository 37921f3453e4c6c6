import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { until } from '../processes.ts';
import { tailOf } from './command.ts';

/** How a daemon is run, and how its log tells that it is ready. */
export interface DaemonSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where it logs, itself; it may begin the file anew. */
  readonly logFile: string;
  /** Where its standard output and error go: what a JVM says that does not come to logging. */
  readonly outputFile: string;
  /** Each must appear in the log after the start. */
  readonly ready: readonly RegExp[];
}

/** One process of a cluster, which can be ended and started again alone, on the same ports and data. */
export interface Daemon {
  readonly name: string;
  /** Process id. @throws Error when it does not run */
  readonly pid: number;
  readonly isRunning: boolean;
  readonly logFile: string;
  /**
   * Starts it and waits until its log says that it is ready.
   * @param env beside its own environment, for this time
   * @throws Error with the end of its log
   */
  start(env?: Readonly<Record<string, string>>): Promise<void>;
  /** Sends the signal and waits for its end. Containers of a NodeManager live on. @default SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Stops it as a host stands still: its connections stay open and nobody answers. */
  freeze(): void;
  thaw(): void;
}

const READY_LIMIT_MS = 90_000;

/** A daemon that does not run yet. */
export function createDaemon(spec: DaemonSpec): Daemon {
  const { name, logFile } = spec;
  let running: ChildProcess | null = null;
  const current = (): ChildProcess & { readonly pid: number } => {
    if (running?.pid === undefined) throw new Error(`the daemon ${name} does not run`);
    return running as ChildProcess & { readonly pid: number }; // the line above
  };
  return {
    name,
    logFile,
    get pid() {
      return current().pid;
    },
    get isRunning() {
      return running !== null;
    },
    async start(env = {}) {
      if (running !== null) throw new Error(`the daemon ${name} runs already`);
      const logStart = await sizeOf(logFile);
      const child = launch({ ...spec, env: { ...spec.env, ...env } });
      running = child;
      const end = new Promise<string>((resolve) => {
        child.once('error', (err) => resolve(err.message));
        child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? `code ${String(code)}`}`));
      });
      let ending: string | null = null;
      void end.then((reason) => {
        ending = reason;
        if (running === child) running = null;
      });
      await waitUntilReady(spec, logStart, () => ending);
    },
    async kill(signal = 'SIGKILL') {
      const child = current();
      process.kill(child.pid, signal);
      await until(`the end of ${name} after ${signal}`, () => running !== child);
    },
    freeze() {
      process.kill(current().pid, 'SIGSTOP');
    },
    thaw() {
      process.kill(current().pid, 'SIGCONT');
    },
  };
}

function launch(spec: DaemonSpec): ChildProcess {
  const output = openSync(spec.outputFile, 'a');
  try {
    const { command, args, cwd, env } = spec;
    // A group of its own: Ctrl-C on the terminal ends the tests, and the keeper then ends the daemons.
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', output, output], detached: true });
    child.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

async function waitUntilReady(spec: DaemonSpec, logStart: number, ending: () => string | null): Promise<void> {
  const { name, logFile, outputFile, ready } = spec;
  const fail = async (reason: string): Promise<never> => {
    const ends = await Promise.all(
      [logFile, outputFile].map(async (file) => `${file}:\n${tailOf(await textOf(file))}`),
    );
    throw new Error(`the daemon ${name} did not start: ${reason}\n${ends.join('\n')}`);
  };
  const end = performance.now() + READY_LIMIT_MS;
  await until(
    `the log of ${name}`,
    async () => {
      const log = await textOf(logFile, logStart);
      const missing = ready.filter((sign) => !sign.test(log));
      if (missing.length === 0) return true;
      const reason = ending();
      if (reason !== null) return fail(reason);
      if (performance.now() > end) return fail(`${READY_LIMIT_MS} ms without ${missing.join(' and ')} in its log`);
      return false;
    },
    2 * READY_LIMIT_MS,
  );
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (entry) => entry.size,
    () => 0,
  );
}

/** From a byte on; from the beginning when the file has become shorter than that, and nothing when it is not there. */
async function textOf(file: string, start = 0): Promise<string> {
  const size = await sizeOf(file);
  if (size === 0) return '';
  const handle = await open(file);
  try {
    const from = size < start ? 0 : start;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await handle.close();
  }
}
