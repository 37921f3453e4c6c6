import { AppError } from '#contracts';
import { configFlags, createLogger, loadConfig, runReportingProgram, type TellProgress } from '#runtime';
import { backUp } from './back-up.ts';
import { restore } from './restore.ts';

/**
 * `backup --to=DIR [--withoutKeys=true] [configuration keys]` and `restore --from=DIR [configuration keys]`. The command
 * line starts this program and shows what it says on standard output, one JSON object a line: `{progress}`, then
 * `{result}` or `{problem}`.
 */
async function main(
  argv: readonly string[],
  signal: AbortSignal,
  onProgress: TellProgress,
): Promise<Record<string, unknown>> {
  const [verb, ...rest] = argv;
  const { flags, file } = configFlags(rest);
  const started = performance.now();
  const facts = await work(verb ?? '', flags, file, { signal, onProgress });
  return { ...facts, tookMs: Math.round(performance.now() - started) };
}

/** How a call is told of and ended. */
interface Course {
  readonly signal: AbortSignal;
  readonly onProgress: TellProgress;
}

async function work(verb: string, flags: Record<string, string>, file: string | undefined, course: Course) {
  switch (verb) {
    case 'backup': {
      const { to = '', withoutKeys, ...keys } = flags;
      const { folder, manifest } = await backUp({
        ...shared(keys, file, course),
        to,
        withKeys: withoutKeys !== 'true',
      });
      return { folder, ...manifest };
    }
    case 'restore': {
      const { from = '', ...keys } = flags;
      const options = shared(keys, file, course);
      const { manifest, ...report } = await restore({ ...options, from });
      return { dataDir: options.config.dataDir, backup: manifest, ...report };
    }
    default:
      throw new AppError('BAD_REQUEST', `expected backup or restore; found ${JSON.stringify(verb)}`);
  }
}

function shared(flags: Record<string, string>, file: string | undefined, course: Course) {
  const { config } = loadConfig({ flags, ...(file === undefined ? {} : { file }) });
  const level = config.log.level === 'info' ? 'warn' : config.log.level;
  return { config, logger: createLogger({ program: 'backup', level }), ...course };
}

await runReportingProgram({ main, interrupted: 'interrupted; nothing was left behind' });
