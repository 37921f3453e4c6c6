import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { IssuedCertificate } from '../certificates.ts';

/** Ports of one broker. */
export interface BrokerPorts {
  /** Without TLS and without a name: everybody is the superuser `ANONYMOUS`. */
  readonly plain: number;
  /** TLS with SASL/SCRAM-SHA-512. */
  readonly secured: number;
  readonly controller: number;
}

/** A name that may log in by SCRAM. */
export interface BrokerUser {
  readonly name: string;
  readonly password: string;
}

export interface BrokerSettings {
  readonly folder: string;
  readonly ports: BrokerPorts;
  readonly certificate: IssuedCertificate;
  /** Further lines, which win. */
  readonly properties: Readonly<Record<string, string>>;
}

const HOST = '127.0.0.1';

/** Writes `conf/server.properties` of a broker that is its own controller (KRaft), and gives its path. */
export async function writeBrokerSettings(settings: BrokerSettings): Promise<string> {
  const { folder, ports, certificate, properties } = settings;
  const keyStore = path.join(folder, 'conf/broker.pem');
  const [key, chain] = await Promise.all(
    [certificate.keyFile, certificate.certificateFile].map((file) => readFile(file, 'utf8')),
  );
  await writeFile(keyStore, `${key ?? ''}${chain ?? ''}`, { mode: 0o600 });
  const lines = { ...common(folder), ...listeners(ports, keyStore), ...ONE_NODE, ...ACCESS, ...properties };
  const file = path.join(folder, 'conf/server.properties');
  await writeFile(
    file,
    `${Object.entries(lines)
      .map(([name, text]) => `${name}=${text}`)
      .join('\n')}\n`,
  );
  return file;
}

function common(folder: string): Record<string, string> {
  return { 'process.roles': 'broker,controller', 'node.id': '1', 'log.dirs': path.join(folder, 'data/log') };
}

function listeners(ports: BrokerPorts, keyStore: string): Record<string, string> {
  const clients = `PLAINTEXT://${HOST}:${ports.plain},SASL_SSL://${HOST}:${ports.secured}`;
  return {
    listeners: `${clients},CONTROLLER://${HOST}:${ports.controller}`,
    'advertised.listeners': clients,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@${HOST}:${ports.controller}`,
    'inter.broker.listener.name': 'PLAINTEXT',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config':
      'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keyStore,
  };
}

/** Kafka's own topics want three brokers unless they are told otherwise. */
const ONE_NODE: Readonly<Record<string, string>> = {
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // A broker that was killed comes back as soon as the controller has given its former life up.
  'broker.session.timeout.ms': '2000',
  'broker.heartbeat.interval.ms': '500',
  'num.partitions': '3',
  'auto.create.topics.enable': 'false',
};

/** Who logs in may do what an ACL allows him, and nothing else. */
const ACCESS: Readonly<Record<string, string>> = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
  'allow.everyone.if.no.acl.found': 'false',
};
