import { ERROR_TABLE, toAppError } from '#contracts';
import { configFlags, createLogger, createProcessLifecycle, describeConfig, loadConfig } from '#runtime';
import { startMonitor } from './start.ts';

/** The monitor: `trainyard monitor`. Flags are those of the configuration. */
async function main(): Promise<void> {
  const loaded = loadConfig(configFlags(process.argv.slice(2)));
  const { config } = loaded;
  const logger = createLogger({ program: 'monitor', level: config.log.level });
  for (const line of describeConfig(loaded)) logger.debug('config', line);
  const lifecycle = createProcessLifecycle({ logger });
  const monitor = await startMonitor(config, logger);
  lifecycle.onClose('monitor', () => monitor.close());
}

main().catch((err: unknown) => {
  const error = toAppError(err);
  createLogger({ program: 'monitor' }).error('start_failed', 'the monitor cannot start', { err });
  process.exit(ERROR_TABLE[error.code].exitCode);
});
