import type { HadoopConfiguration } from './configuration.ts';

/** `host:port` as settings give it. An IPv6 host keeps its brackets. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Hosts that servers bind to and nobody can call. */
const ANY_HOST = /^(0\.0\.0\.0|\[::\]|\[0:0:0:0:0:0:0:0\])$/;

/**
 * An address of the configuration, `host:port` or `host` with the default port; undefined where the key is not set.
 *
 * @throws HADOOP_CONFIG_INVALID
 */
export function addressOf(configuration: HadoopConfiguration, key: string, defaultPort: number): HostPort | undefined {
  const text = configuration.get(key);
  if (text === undefined) return undefined;
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?$/.exec(
    text.replace(/^[a-z]+:\/\//i, '').replace(/\/$/, ''),
  );
  const port = match?.[2] === undefined ? defaultPort : Number(match[2]);
  if (match === null || port > 65_535)
    throw configuration.invalid(key, `expected host:port, found ${JSON.stringify(text)}`);
  return { host: match[1] ?? '', port };
}

/** The address with a host that can be called: one that binds to all interfaces takes the host of another key. */
export function reachable(address: HostPort, host: string): HostPort {
  return ANY_HOST.test(address.host) ? { host, port: address.port } : address;
}

export function formatAddress({ host, port }: HostPort): string {
  return `${host}:${port}`;
}

/** A principal of the configuration for one host: `_HOST` is that host in lower case. @see SecurityUtil.getServerPrincipal */
export function principalFor(principal: string, host: string): string {
  return principal.replace('/_HOST@', () => `/${host.toLowerCase()}@`);
}
