import { ERROR_TABLE, toAppError } from '#contracts';
import { configFlags, createLogger, createProcessLifecycle, describeConfig, loadConfig } from '#runtime';
import { startPredictionServer } from './start.ts';

/** How much longer than running requests may take the server is given to close, milliseconds. */
const CLOSE_MARGIN_MS = 2_000;

/** The prediction server: `trainyard prediction-server`. Flags are those of the configuration. */
async function main(): Promise<void> {
  const loaded = loadConfig(configFlags(process.argv.slice(2)));
  const { config } = loaded;
  const logger = createLogger({ program: 'prediction-server', level: config.log.level });
  for (const line of describeConfig(loaded)) logger.debug('config', line);
  const stepTimeoutMs = config.server.closeTimeoutMs + CLOSE_MARGIN_MS;
  const lifecycle = createProcessLifecycle({ logger, stepTimeoutMs });
  const server = await startPredictionServer(config, logger);
  lifecycle.onClose('prediction server', () => server.close());
}

main().catch((err: unknown) => {
  const error = toAppError(err);
  createLogger({ program: 'prediction-server' }).error('start_failed', 'the prediction server cannot start', { err });
  process.exit(ERROR_TABLE[error.code].exitCode);
});
