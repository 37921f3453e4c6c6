import type { Config } from '#runtime';
import { openKafkaProducer } from '#telemetry';
import type { Transport } from './shipper.ts';

/** Sends segments as messages; those of one epoch go to one topic partition. @throws CONFIG_INVALID */
export async function kafkaTransport(config: Config['telemetry']['kafka'], serverId: string): Promise<Transport> {
  const producer = await openKafkaProducer(config, `trainyard-${serverId}`);
  return {
    name: 'kafka',
    send: ({ name, sealed }) => producer.send(name.split('-')[1] ?? name, sealed),
    close: () => producer.close(),
  };
}
