import type { Config, Logger } from '#runtime';
import { readArtifact } from '../artifacts/artifact-cache.ts';
import { createChallengerModels, type ChallengerModels } from '../challengers/challenger-models.ts';
import { createDeploymentTable, type DeploymentTable } from '../deployments.ts';
import { publicKeyOf } from '../feed/signatures.ts';
import { mergeFamilies, type MetricFamily } from '../http/metrics/exposition.ts';
import { listen } from '../listener.ts';
import { artifactsDir, recordsOf } from '../state.ts';
import type { FrontMessage, KeeperMessage, News } from './messages.ts';

/** One end of the channel to the keeper. */
export interface KeeperChannel {
  send(message: FrontMessage): void;
  onMessage(take: (message: KeeperMessage) => void): void;
}

/** A process that answers requests. */
export interface AnsweringProcess {
  close(): Promise<void>;
}

/**
 * Answers requests on the port that all processes share; what is in force comes from the keeper, artefacts from its disk, where they are
 * verified once more. Resolves when it listens, after the first news.
 *
 * @param onClose the keeper wants this process to close
 * @throws CONFIG_INVALID for an address or a certificate that cannot be used
 */
export async function startAnswering(
  config: Config,
  logger: Logger,
  channel: KeeperChannel,
  onClose: () => void,
): Promise<AnsweringProcess> {
  const table = createDeploymentTable(logger);
  const challengers = createChallengerModels();
  const questions = createQuestions(channel);
  let own: () => readonly MetricFamily[] = () => [];
  const first = Promise.withResolvers<undefined>();
  channel.onMessage((message) => {
    switch (message.kind) {
      case 'news':
        channel.send({
          kind: 'took',
          version: message.version,
          failed: takeNews(config, logger, { table, challengers }, message),
        });
        first.resolve(undefined);
        break;
      case 'refreshed':
        questions.answered(message.id, []);
        break;
      case 'metrics':
        questions.answered(message.id, message.families);
        break;
      case 'collect':
        channel.send({ kind: 'collected', id: message.id, families: own() });
        break;
      case 'close':
        onClose();
        break;
    }
  });
  await first.promise;
  const listener = await listen(config, {
    table,
    challengers,
    logger,
    refresh: async () => {
      await questions.ask('refresh');
    },
    allMetrics: async (families) => mergeFamilies([families, ...(await questions.ask('askMetrics'))]),
  });
  own = listener.families;
  channel.send({ kind: 'listening', url: listener.url });
  return { close: () => listener.close() };
}

/** Puts news in force. Gives why artefacts could not be read, by deployment: what was served before is then answered further. */
function takeNews(
  { predictionServer: { cacheDir } }: Config,
  logger: Logger,
  { table, challengers }: { readonly table: DeploymentTable; readonly challengers: ChallengerModels },
  { force }: News,
): Readonly<Record<string, string>> {
  const failed: Record<string, string> = {};
  if (force === null) return failed;
  const key = publicKeyOf(force.publicKey, 'the keeper');
  table.restore(force.kept, key, (record) => {
    try {
      return readArtifact(artifactsDir(cacheDir), record, key);
    } catch (err) {
      const { deploymentId, modelId } = record;
      failed[deploymentId] = err instanceof Error ? err.message : String(err);
      logger.error('artifact_not_read', 'a process cannot read an artefact', { deploymentId, modelId, err });
      return null;
    }
  });
  challengers.follow(recordsOf(table), (wanted) => {
    try {
      return readArtifact(artifactsDir(cacheDir), wanted, key);
    } catch (err) {
      // The keeper has still to fetch it; it tells when it has.
      const { modelId } = wanted;
      logger.debug('challenger_not_read', 'a process cannot read the model of a challenger yet', { modelId, err });
      return null;
    }
  });
  return failed;
}

/** Questions to the keeper and who waits for their answers. */
function createQuestions(channel: KeeperChannel) {
  const waiting = new Map<number, (families: readonly (readonly MetricFamily[])[]) => void>();
  let last = 0;
  return {
    ask: (kind: 'refresh' | 'askMetrics') =>
      new Promise<readonly (readonly MetricFamily[])[]>((resolve) => {
        last += 1;
        waiting.set(last, resolve);
        channel.send({ kind, id: last });
      }),
    answered: (id: number, families: readonly (readonly MetricFamily[])[]) => {
      waiting.get(id)?.(families);
      waiting.delete(id);
    },
  };
}
