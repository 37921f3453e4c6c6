import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { descendantsOf, isAlive, until, type ProcessEntry } from '../processes.ts';
import { REPOSITORY_ROOT } from '../repository.ts';

const PROGRAMS = {
  server: 'appserver/server/main.ts',
  worker: 'yarn-workers/worker/main.ts',
} as const;

/** How long a program may take to leave after SIGTERM before it is killed, milliseconds. */
const LEAVE_MS = 20_000;

export interface ProgramSpec {
  readonly program: keyof typeof PROGRAMS;
  /** Configuration keys. */
  readonly flags: Readonly<Record<string, string | number>>;
  /** Beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Modules that Node loads before the program. */
  readonly preloads?: readonly string[];
}

/** One line of a program's log. */
export interface LogLine {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** How a program ended, and when. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A program of the platform as a process of its own, which ends with this one however that dies. */
export class Program {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  readonly command: readonly string[];
  readonly #process: ChildProcess;
  #ending: Ending | null = null;
  #output = '';

  constructor({ program, flags, env = {}, preloads = [] }: ProgramSpec) {
    const words = [
      ...preloads.flatMap((module) => ['--import', module]),
      path.join(REPOSITORY_ROOT, PROGRAMS[program]),
      ...Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
    ];
    this.#process = spawn(process.execPath, words, {
      cwd: REPOSITORY_ROOT,
      env: { PATH: process.env['PATH'], ...env, TRAINYARD_PARENT_WATCH: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.command = words;
    this.pid = this.#process.pid ?? 0;
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.ended = once(this.#process, 'close').then(([code, signal]: unknown[]) => {
      // `close` is declared with exactly these two.
      this.#ending = { code: code as number | null, signal: signal as NodeJS.Signals | null, atMs: Date.now() };
      return this.#ending;
    });
  }

  get isRunning(): boolean {
    return this.#ending === null;
  }

  /** Whether it was ended by SIGKILL. */
  get isKilled(): boolean {
    return this.#ending?.signal === 'SIGKILL';
  }

  /** Everything it has written so far. */
  get output(): string {
    return this.#output;
  }

  /** Whole lines of its log so far; what is no JSON has the event `text`. */
  get lines(): LogLine[] {
    return this.#output.split('\n').slice(0, -1).map(parsed);
  }

  /** Its descendants as they are now. */
  get children(): ProcessEntry[] {
    return descendantsOf(this.pid);
  }

  /** The first line that fits, also one that has come already. */
  async line(what: string, fits: (line: LogLine) => boolean, timeoutMs = 30_000): Promise<LogLine> {
    return until(
      what,
      () => {
        const found = this.lines.find(fits);
        if (found === undefined && this.#ending !== null)
          throw new Error(`the program ended before: ${what}\n${this.#output.slice(-2_000)}`);
        return found;
      },
      timeoutMs,
    );
  }

  /** Stops it and all below it, as a frozen host does. */
  freeze(): void {
    this.#signalTree('SIGSTOP');
  }

  /** Lets it and all below it go on. */
  thaw(): void {
    this.#signalTree('SIGCONT');
  }

  /** SIGKILL; resolves when it and all below it are gone. */
  async kill(): Promise<Ending> {
    const { children } = this;
    this.#process.kill('SIGKILL');
    const ending = await this.ended;
    await until('the end of all children', () => !children.some(isAlive));
    return ending;
  }

  /** SIGTERM, as an operator ends it. */
  async stop(): Promise<Ending> {
    if (this.isRunning) {
      this.thaw();
      this.#process.kill('SIGTERM');
      const timer = setTimeout(() => this.#process.kill('SIGKILL'), LEAVE_MS);
      await this.ended;
      clearTimeout(timer);
    }
    return this.ended;
  }

  #signalTree(signal: NodeJS.Signals): void {
    // The supervisor first: it must not see that its child stands still, nor start another.
    for (const pid of [this.pid, ...this.children.map((entry) => entry.pid)]) {
      try {
        process.kill(pid, signal);
      } catch (err) {
        if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // process.kill throws system errors only
      }
    }
  }
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine; // the logger's only form; other text does not parse
  } catch {
    return { event: 'text', msg: line };
  }
}
