import { toAppError, ERROR_TABLE } from '#contracts';
import { configFlags, createLogger, createProcessLifecycle, describeConfig, loadConfig } from '#runtime';
import { startWorker } from './supervisor/worker.ts';

/** How much longer than its drain time a worker is given to leave. */
const CLOSE_MARGIN_MS = 10_000;

/** The worker program: flags are those of the configuration. Exits 0 when drained or asked to end, else by the error table. */
function main(): void {
  const loaded = loadConfig(configFlags(process.argv.slice(2)));
  const { config } = loaded;
  const logger = createLogger({ program: 'worker', level: config.log.level });
  for (const line of describeConfig(loaded)) logger.debug('config', line);
  const lifecycle = createProcessLifecycle({ logger, stepTimeoutMs: config.worker.drainMs + CLOSE_MARGIN_MS });
  const worker = startWorker({ config, logger });
  lifecycle.onClose('worker', () => worker.close());
  const end = (reason: string, code: number) => void lifecycle.close(reason).then(() => process.exit(code));
  worker.ended.then(
    () => end('drained', 0),
    (err: unknown) => {
      logger.error('worker_failed', 'the worker cannot go on', { err });
      end('failed', ERROR_TABLE[toAppError(err).code].exitCode);
    },
  );
}

try {
  main();
} catch (err) {
  const error = toAppError(err);
  createLogger({ program: 'worker' }).error('start_failed', 'the worker cannot start', { err: error });
  process.exitCode = ERROR_TABLE[error.code].exitCode;
}
