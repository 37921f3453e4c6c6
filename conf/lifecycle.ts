import type { Logger } from './logger.ts';

/** What closes when a program ends. Steps run in reverse order of registration, each with the same time limit. */
export interface Lifecycle {
  /** Registers something to close; returns a function that takes it back. */
  onClose(name: string, close: () => Promise<void> | void): () => void;
  /** Aborted as soon as closing begins. */
  readonly signal: AbortSignal;
  /** Closes everything once; later calls wait for the first. */
  close(reason: string): Promise<void>;
}

export interface LifecycleOptions {
  readonly logger: Logger;
  /** Longest time of one closing step. @default 15_000 */
  readonly stepTimeoutMs?: number;
  /** What ends the process; tests pass their own. */
  readonly exit?: (code: number) => void;
}

/** A lifecycle without signals, for parts of a program and tests. */
export function createLifecycle({ logger, stepTimeoutMs = 15_000 }: LifecycleOptions): Lifecycle {
  const steps: { name: string; close: () => Promise<void> | void }[] = [];
  const controller = new AbortController();
  let closing: Promise<void> | null = null;
  const run = async (reason: string) => {
    logger.info('closing', `closing: ${reason}`);
    controller.abort();
    for (const step of steps.splice(0).reverse()) {
      const started = performance.now();
      try {
        await withTimeout(Promise.resolve(step.close()), stepTimeoutMs);
      } catch (err) {
        logger.error('close_failed', `closing ${step.name} failed`, {
          err,
          ms: Math.round(performance.now() - started),
        });
      }
    }
  };
  return {
    signal: controller.signal,
    onClose(name, close) {
      const step = { name, close };
      steps.push(step);
      return () => {
        const index = steps.indexOf(step);
        if (index >= 0) steps.splice(index, 1);
      };
    },
    close(reason) {
      closing ??= run(reason);
      return closing;
    },
  };
}

/**
 * A lifecycle bound to this process: SIGTERM and SIGINT close it and exit 0, a second signal exits at once, a thrown
 * error nobody caught is logged and exits 20. With TRAINYARD_PARENT_WATCH=1 standard input is a pipe that the parent
 * holds open: its end means that the parent is gone, however it died, and closes too, so that no orphan is left.
 */
export function createProcessLifecycle(options: LifecycleOptions): Lifecycle {
  const { logger, exit = (code: number) => process.exit(code) } = options;
  const lifecycle = createLifecycle(options);
  let asked = false;
  const end = (reason: string, code: number) => {
    if (asked) {
      exit(code === 0 ? 130 : code);
      return;
    }
    asked = true;
    void lifecycle.close(reason).then(() => exit(code));
  };
  process.on('SIGTERM', () => end('SIGTERM', 0));
  process.on('SIGINT', () => end('SIGINT', 0));
  process.on('uncaughtException', (err) => {
    logger.error('uncaught', 'an error that nobody caught ended the program', { err });
    end('uncaught error', 20);
  });
  if (process.env['TRAINYARD_PARENT_WATCH'] === '1') {
    process.stdin.resume();
    process.stdin.on('error', () => end('parent gone', 0));
    process.stdin.on('close', () => end('parent gone', 0));
  }
  return lifecycle;
}

async function withTimeout(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not closed within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
