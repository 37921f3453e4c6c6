import type { AlertMessage } from '#contracts';
import type { Config } from '#runtime';
import type { StoredChannel } from '#store';
import { openKafkaProducer } from '#telemetry';
import { sendMail } from './mail.ts';
import { postWebhook } from './webhook.ts';

const CLIENT_ID = 'trainyard-alerts';

/**
 * Sends a message on its channel; it has arrived when this resolves. Whoever receives it may get it again, with the same id.
 *
 * @returns which of several receivers have refused it for good, in words; null: none
 * @param secretOf what messages to a URL are signed with; null: nothing
 * @throws whatever the way of the channel does
 */
export async function sendMessage(
  config: Pick<Config, 'alerts' | 'telemetry'>,
  channel: StoredChannel,
  message: AlertMessage,
  secretOf: (url: string) => string | null,
): Promise<string | null> {
  switch (channel.type) {
    case 'webhook':
      await postWebhook(config.alerts, { url: channel.url, secret: secretOf(channel.url) }, message);
      return null;
    case 'mail':
      return sendMail(config.alerts, channel.to, message);
    case 'kafka': {
      // Alerts are rare: a producer that is kept would have to be closed.
      const producer = await openKafkaProducer(
        { ...config.telemetry.kafka, topic: config.alerts.kafkaTopic },
        CLIENT_ID,
      );
      try {
        await producer.send(message.deployment.id, Buffer.from(JSON.stringify(message)));
      } finally {
        await producer.close();
      }
      return null;
    }
  }
}

/** A channel in words. */
export function channelName(channel: StoredChannel): string {
  switch (channel.type) {
    case 'webhook':
      return `webhook ${new URL(channel.url).host}`;
    case 'mail':
      return `mail to ${channel.to.join(', ')}`;
    case 'kafka':
      return 'kafka';
  }
}
