import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { exitCodeOf } from '#contracts';
import { MALLOC_ENVIRONMENT, type Logger, type ProgramName } from '#runtime';
import { programArguments } from './programs.ts';

/** First and longest pause before a program that ended is started again, milliseconds. */
const RESTART_MS = 250;
const RESTART_MS_MAX = 10_000;
/** A program that ran this long is taken for healthy: its next restart is quick again. */
const HEALTHY_MS = 30_000;
/** A log file above this size is set aside (`.1`) when its program starts. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;
/** Exit code of a program whose user or operator has to act first. */
const NEVER_RETRY_EXIT = exitCodeOf('invalid');
/** How much of a log's end is looked at for a program's last words. */
const LAST_WORDS_BYTES = 64 * 1024;

export interface SupervisedProgram {
  readonly name: string;
  readonly program: ProgramName;
  readonly flags: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface Supervisor {
  readonly name: string;
  /** What it is; several may be the same. */
  readonly program: ProgramName;
  /** Pid of the running process, null between two lives. */
  pid(): number | null;
  /** How often it was started again. */
  restartCount(): number;
  /** What it said when it ended last, if that will not change by starting it again; null otherwise. */
  refusal(): string | null;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when it is gone. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Keeps a program running: started again after it ends, with a back-off while it keeps ending soon. Its standard input
 * is a pipe that ends with this process however that dies, and the program then ends itself (`TRAINYARD_PARENT_WATCH`),
 * so that no orphan is left. Its log goes straight into its file.
 */
export function supervise(spec: SupervisedProgram, logger: Logger): Supervisor {
  let child: ChildProcess | null = null;
  let stopping = false;
  let failures = 0;
  let restarts = 0;
  let refusal: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  let gone: () => void = () => undefined;

  const start = () => {
    timer = null;
    const startedAt = performance.now();
    const running = spawnProgram(spec);
    child = running;
    logger.info('program_started', `${spec.name} started`, { name: spec.name, childPid: running.pid ?? null });
    running.once('exit', (code, signal) => {
      child = null;
      if (stopping) {
        gone();
        return;
      }
      failures = performance.now() - startedAt > HEALTHY_MS ? 0 : failures + 1;
      restarts += 1;
      refusal = code === NEVER_RETRY_EXIT ? lastWordsIn(spec.logFile) : null;
      const pauseMs = Math.min(RESTART_MS * 2 ** Math.max(0, failures - 1), RESTART_MS_MAX);
      logger.warn('program_ended', `${spec.name} ended and is started again`, {
        name: spec.name,
        code,
        signal,
        pauseMs,
        restartCount: restarts,
        logFile: spec.logFile,
      });
      timer = setTimeout(start, pauseMs);
    });
    running.once('error', (err) => logger.error('program_failed', `${spec.name} cannot be started`, { err }));
  };
  start();

  return {
    name: spec.name,
    program: spec.program,
    pid: () => child?.pid ?? null,
    restartCount: () => restarts,
    refusal: () => refusal,
    stop: async (graceMs) => {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      const running = child;
      if (running === null) return;
      const ended = new Promise<void>((resolve) => (gone = resolve));
      running.kill('SIGTERM');
      const killer = setTimeout(() => running.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(killer);
    },
  };
}

function spawnProgram(spec: SupervisedProgram): ChildProcess {
  setAside(spec.logFile);
  const log = openSync(spec.logFile, 'a', 0o600);
  try {
    return spawn(process.execPath, programArguments(spec.program, spec.flags), {
      stdio: ['pipe', 'inherit', log],
      env: { ...MALLOC_ENVIRONMENT, ...process.env, ...spec.env, TRAINYARD_PARENT_WATCH: '1' },
    });
  } finally {
    closeSync(log);
  }
}

function setAside(file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat !== undefined && stat.size > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
}

/** The sentence with which a program refused to start, from the end of its log. */
function lastWordsIn(logFile: string): string {
  const tail = readFileSync(logFile).subarray(-LAST_WORDS_BYTES).toString('utf8').trim().split('\n');
  for (const line of tail.reverse()) {
    const said = /"event":"start_failed".*?"msg":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
    if (said !== undefined) return String(JSON.parse(said));
  }
  return 'it does not say why';
}
