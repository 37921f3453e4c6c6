import { AppError, ERROR_TABLE, toAppError, toProblem } from '#contracts';
import { configFlags, createLogger, loadConfig } from '#runtime';
import { backUp } from './back-up.ts';
import { restore } from './restore.ts';

/**
 * `backup --to=DIR [--withoutKeys=true] [configuration keys]` and `restore --from=DIR [configuration keys]`. The command
 * line starts this program and shows what it says on standard output, one JSON object a line: `{progress}`, then
 * `{result}` or `{problem}`.
 */
async function main(argv: readonly string[], signal: AbortSignal): Promise<Record<string, unknown>> {
  const [verb, ...rest] = argv;
  const { flags, file } = configFlags(rest);
  const started = performance.now();
  const facts = await work(verb ?? '', flags, file, signal);
  return { ...facts, tookMs: Math.round(performance.now() - started) };
}

async function work(verb: string, flags: Record<string, string>, file: string | undefined, signal: AbortSignal) {
  switch (verb) {
    case 'backup': {
      const { to = '', withoutKeys, ...keys } = flags;
      const { folder, manifest } = await backUp({
        ...shared(keys, file, signal),
        to,
        withKeys: withoutKeys !== 'true',
      });
      return { folder, ...manifest };
    }
    case 'restore': {
      const { from = '', ...keys } = flags;
      const options = shared(keys, file, signal);
      const { manifest, ...report } = await restore({ ...options, from });
      return { dataDir: options.config.dataDir, backup: manifest, ...report };
    }
    default:
      throw new AppError('BAD_REQUEST', `expected backup or restore; found ${JSON.stringify(verb)}`);
  }
}

function shared(flags: Record<string, string>, file: string | undefined, signal: AbortSignal) {
  const { config } = loadConfig({ flags, ...(file === undefined ? {} : { file }) });
  const level = config.log.level === 'info' ? 'warn' : config.log.level;
  return { config, logger: createLogger({ program: 'backup', level }), onProgress, signal };
}

let shownAt = -Infinity;
/** Lines at most this often, milliseconds. */
const PROGRESS_INTERVAL_MS = 200;

function onProgress(fraction: number, text: string): void {
  const at = performance.now();
  if (at - shownAt < PROGRESS_INTERVAL_MS) return;
  shownAt = at;
  say({ progress: { fraction, text } });
}

const say = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

const controller = new AbortController();
const stop = () => controller.abort(new AppError('SHUTTING_DOWN', 'interrupted; nothing was left behind'));
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (process.env['TRAINYARD_PARENT_WATCH'] === '1') process.stdin.resume().once('close', stop);
try {
  say({ result: await main(process.argv.slice(2), controller.signal) });
} catch (err) {
  const error = toAppError(controller.signal.aborted ? controller.signal.reason : err);
  say({ problem: toProblem(error, null, true) });
  process.exitCode = ERROR_TABLE[error.code].exitCode;
}
process.exit();
