import childProcess, { type ForkOptions } from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

/** Loaded before a program, this shifts its wall clock, and those of the processes it forks, by CLOCK_SHIFT_MS. */
const SHIFT_MS = Number(process.env['CLOCK_SHIFT_MS']);
if (!Number.isFinite(SHIFT_MS) || SHIFT_MS === 0)
  throw new Error('CLOCK_SHIFT_MS: expected milliseconds that are not 0');

const RealDate = Date;

class ShiftedDate extends RealDate {
  constructor(...values: unknown[]) {
    if (values.length === 0) super(RealDate.now() + SHIFT_MS);
    else super(...(values as [number])); // whatever the caller gave to Date
  }

  static override now(): number {
    return RealDate.now() + SHIFT_MS;
  }
}

globalThis.Date = ShiftedDate as DateConstructor; // but for calls without `new`, which nobody makes

const { fork } = childProcess;
childProcess.fork = (module: string | URL, words?: readonly string[] | ForkOptions, options?: ForkOptions) => {
  const given = Array.isArray(words) ? (options ?? {}) : ((words as ForkOptions | undefined) ?? {}); // as fork is declared
  return fork(module, Array.isArray(words) ? words : [], {
    ...given,
    execArgv: [...(given.execArgv ?? []), '--import', import.meta.url],
    env: { ...given.env, CLOCK_SHIFT_MS: String(SHIFT_MS) },
  });
};
syncBuiltinESMExports();
