import cluster from 'node:cluster';
import { ERROR_TABLE, toAppError } from '#contracts';
import {
  configFlags,
  createLogger,
  createProcessLifecycle,
  describeConfig,
  loadConfig,
  type Config,
  type Lifecycle,
  type Logger,
} from '#runtime';
import { openOwnFront } from './front.ts';
import { startAnswering, type KeeperChannel } from './processes/answer.ts';
import { openProcesses } from './processes/keeper.ts';
import type { KeeperMessage } from './processes/messages.ts';
import { startPredictionServer } from './start.ts';

/** How much longer than running requests may take the server is given to close, milliseconds. */
const CLOSE_MARGIN_MS = 2_000;

/** The prediction server: `trainyard prediction-server`. Flags are those of the configuration. */
async function main(): Promise<void> {
  const loaded = loadConfig(configFlags(process.argv.slice(2)));
  const { config } = loaded;
  const fields = cluster.isPrimary ? {} : { pid: process.pid };
  const logger = createLogger({ program: 'prediction-server', level: config.log.level, fields });
  const stepTimeoutMs = config.predictionServer.drainMs + config.server.closeTimeoutMs + CLOSE_MARGIN_MS;
  const lifecycle = createProcessLifecycle({ logger, stepTimeoutMs });
  if (!cluster.isPrimary) return answer(config, logger, lifecycle);
  for (const line of describeConfig(loaded)) logger.debug('config', line);
  const openFront = config.predictionServer.processes === 1 ? openOwnFront : openProcesses;
  const server = await startPredictionServer(config, logger, openFront);
  lifecycle.onClose('prediction server', () => server.close());
}

/** One of several processes, started by the first one. */
async function answer(config: Config, logger: Logger, lifecycle: Lifecycle): Promise<void> {
  const channel: KeeperChannel = {
    // The keeper may be gone, which `disconnect` tells.
    send: (message) => void process.send?.(message, undefined, undefined, () => undefined),
    // The cast holds: whoever writes to this channel is our own program.
    onMessage: (take) => process.on('message', (message: unknown) => take(message as KeeperMessage)),
  };
  const close = (reason: string): void => void lifecycle.close(reason).then(() => process.exit(0));
  process.on('disconnect', () => close('the keeper is gone'));
  const answering = await startAnswering(config, logger, channel, () => close('the keeper closes'));
  lifecycle.onClose('prediction server', () => answering.close());
}

main().catch((err: unknown) => {
  const error = toAppError(err);
  createLogger({ program: 'prediction-server' }).error('start_failed', 'the prediction server cannot start', { err });
  process.exit(ERROR_TABLE[error.code].exitCode);
});
