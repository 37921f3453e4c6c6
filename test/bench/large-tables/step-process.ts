import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MALLOC_ENVIRONMENT } from '#runtime';
import { CHILD_FLAGS } from '../../../yarn-workers/worker/supervisor/task-process.ts';

const STEP = fileURLToPath(new URL('./step.ts', import.meta.url));
/** Largest heap of a task's process in a worker of 6 GiB. */
const HEAP_MIB = 3_072;

/** What a step prints of a fit; of a profile the first four. */
export interface StepReport {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
  readonly diskMib: number;
  readonly rows: number;
  readonly predictedMib: number;
  readonly iterations: number;
  readonly validation: number;
  readonly holdout: number;
  /** Rows x columns of each pass over the table. */
  readonly read: readonly string[];
}

/**
 * `step.ts` in a process of its own, started as a worker starts its task process.
 *
 * @param stateFolder holds the profile that `train` needs
 * @throws Error unless it exits with 0
 */
export async function runStep(
  step: 'profile' | 'train',
  folder: string,
  stateFolder: string,
  options: object,
): Promise<StepReport> {
  const words = [STEP, step, folder, stateFolder, JSON.stringify(options)];
  const child = spawn(process.execPath, [...CHILD_FLAGS, `--max-old-space-size=${HEAP_MIB}`, ...words], {
    env: { ...process.env, ...MALLOC_ENVIRONMENT, OMP_WAIT_POLICY: 'passive' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null]; // as `close` is declared
  if (code !== 0) throw new Error(`step.ts ended by ${code ?? 'a signal'}: ${out}`);
  return JSON.parse(out) as StepReport; // as step.ts prints it
}
