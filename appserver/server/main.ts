import { toAppError, ERROR_TABLE } from '#contracts';
import { configFlags, createLogger, createProcessLifecycle, describeConfig, loadConfig } from '#runtime';
import { createStartPage } from './routes/start-page.ts';
import { startAppServer } from './start.ts';

/** Starts the app server from configuration; ends with the exit code of the error when it cannot start. */
async function main(): Promise<void> {
  const loaded = loadConfig(configFlags(process.argv.slice(2)));
  const { config } = loaded;
  const logger = createLogger({ program: 'server', level: config.log.level });
  const lifecycle = createProcessLifecycle({ logger, stepTimeoutMs: config.server.closeTimeoutMs + 5_000 });
  logger.info('configuration', 'effective configuration', { values: describeConfig(loaded) });
  const server = await startAppServer(config, { logger, pages: createStartPage() });
  lifecycle.onClose('app server', () => server.close());
  const { newKey, keyFile } = server.admin;
  if (newKey !== null && keyFile !== null)
    process.stdout.write(`Administrator's API key (kept in ${keyFile}, shown this once): ${newKey}\n`);
  process.stdout.write(`Trainyard app server: ${server.url}\n`);
}

try {
  await main();
} catch (err) {
  const error = toAppError(err);
  createLogger({ program: 'server' }).error('start_failed', error.message, { err: error });
  process.exitCode = ERROR_TABLE[error.code].exitCode;
  process.exit();
}
