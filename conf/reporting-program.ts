import { AppError, ERROR_TABLE, toAppError, toProblem } from '#contracts';

/** What a program tells while it works. */
export type TellProgress = (fraction: number, text: string) => void;

export interface ReportingProgram {
  /** Does the work of one call and gives its result. */
  readonly main: (args: readonly string[], signal: AbortSignal, onProgress: TellProgress) => Promise<unknown>;
  /** What is said when it was interrupted: in which state things are. */
  readonly interrupted: string;
}

/** Lines of progress at most this often, milliseconds. */
const PROGRESS_INTERVAL_MS = 200;

/**
 * Runs a program that another one shows to a person: it writes JSON lines to standard output, `{progress: {fraction,
 * text}}` while it works, then `{result}` or `{problem}`. SIGTERM, SIGINT and, if asked for by TRAINYARD_PARENT_WATCH, the
 * end of its parent abort the signal. Ends the process with 0 or by the error table.
 */
export async function runReportingProgram({ main, interrupted }: ReportingProgram): Promise<never> {
  const controller = new AbortController();
  const stop = (): void => controller.abort(new AppError('SHUTTING_DOWN', interrupted));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (process.env['TRAINYARD_PARENT_WATCH'] === '1') process.stdin.resume().once('close', stop);
  try {
    say({ result: await main(process.argv.slice(2), controller.signal, progressTeller()) });
  } catch (err) {
    const error = toAppError(controller.signal.aborted ? controller.signal.reason : err);
    say({ problem: toProblem(error, null, true) });
    process.exitCode = ERROR_TABLE[error.code].exitCode;
  }
  process.exit();
}

function progressTeller(): TellProgress {
  let shownAt = -Infinity;
  return (fraction, text) => {
    const at = performance.now();
    if (at - shownAt < PROGRESS_INTERVAL_MS) return;
    shownAt = at;
    say({ progress: { fraction, text } });
  };
}

const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
