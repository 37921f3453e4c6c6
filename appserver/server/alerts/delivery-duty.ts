import { canonicalJson } from '#contracts';
import type { Config } from '#runtime';
import {
  dueMessages,
  noteDelivered,
  noteUndelivered,
  readAlertWatch,
  type AlertWatch,
  type DueMessage,
  type StoredChannel,
} from '#store';
import { createDuty, type Duty, type DutyContext } from '../duties/index.ts';
import type { Sealer } from '../services/sealer.ts';
import { channelName, sendMessage } from './channels/send.ts';
import { openSecrets } from './secrets.ts';
import { settingsOfWatch } from './settings.ts';

const INTERVAL_MS = 2_000;
/** Messages that one run sends. */
const MESSAGES_A_RUN = 20;
/** First and longest pause before a message is tried again, and how long it is tried at all, milliseconds. */
const RETRY_MS = 2_000;
const RETRY_MS_MAX = 3_600_000;
const GIVEN_UP_MS = 24 * 3_600_000;
const ERROR_CHARACTERS_MAX = 500;

/** Sends messages until each has arrived once at least, or was tried for a day. */
export function alertDeliveryDuty(config: Pick<Config, 'alerts' | 'telemetry'>, sealer: Sealer): Duty {
  return createDuty({
    name: 'alert-delivery',
    intervalMs: INTERVAL_MS,
    async run(context) {
      // One that is slow to answer holds up its own messages alone.
      const due = Map.groupBy(await dueMessages(context.database, MESSAGES_A_RUN), ({ channel }) =>
        channelName(channel),
      );
      await Promise.all(
        [...due.values()].map(async (messages) => {
          for (const message of messages) if (!context.signal.aborted) await deliver(config, sealer, message, context);
        }),
      );
    },
  });
}

async function deliver(
  config: Pick<Config, 'alerts' | 'telemetry'>,
  sealer: Sealer,
  { id, deploymentId, channel, body, attempts, ageMs }: DueMessage,
  { database, logger }: DutyContext,
): Promise<void> {
  const watch = await readAlertWatch(database, deploymentId);
  if (!isWanted(watch, channel)) {
    await noteUndelivered(database, id, {
      error: 'the channel was taken out of the settings meanwhile',
      retryMs: null,
    });
    return;
  }
  let refused: string | null;
  try {
    const secrets = openSecrets(sealer, watch.secrets);
    refused = await sendMessage(config, channel, { ...body, id }, (url) => secrets.get(url) ?? null);
  } catch (err) {
    const error = (err instanceof Error ? err.message : String(err)).slice(0, ERROR_CHARACTERS_MAX);
    const isGivenUp = ageMs > GIVEN_UP_MS;
    logger.warn('alert_undelivered', `a message about alerts did not reach ${channelName(channel)}`, {
      ...{ deploymentId, messageId: id, attempts: attempts + 1, givenUp: isGivenUp, err },
    });
    const retryMs = isGivenUp ? null : Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** attempts);
    await noteUndelivered(database, id, { error, retryMs });
    return;
  }
  await noteDelivered(database, id, refused);
}

/** What was taken out of the settings is sent nothing more, also where alerts are switched off. */
function isWanted(watch: AlertWatch, channel: StoredChannel): boolean {
  const { enabled, channels } = settingsOfWatch(watch);
  const wanted = canonicalJson(channel);
  return enabled && channels.some((one) => canonicalJson(one) === wanted);
}
