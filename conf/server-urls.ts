import { AppError } from '#contracts';
import type { Config } from './schema.ts';

/** `https://host:port`, `http` without a certificate; IPv6 addresses in brackets. */
export function urlOf(
  { host, certificateFile }: Pick<Config['server'], 'host' | 'certificateFile'>,
  port: number,
): string {
  const scheme = certificateFile === '' ? 'http' : 'https';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Listened on, never called. */
const ANY_ADDRESS = ['0.0.0.0', '::'];

/** Addresses under which containers of a cluster reach the app servers. @throws CONFIG_INVALID when there is none */
export function urlsForContainers({ yarn, server }: Pick<Config, 'yarn' | 'server'>): readonly string[] {
  if (yarn.serverUrls.length > 0) return yarn.serverUrls;
  if (server.publicUrl !== '') return [server.publicUrl];
  if (server.port === 0 || ANY_ADDRESS.includes(server.host))
    throw new AppError(
      'CONFIG_INVALID',
      'yarn.serverUrls: expected addresses that the cluster’s nodes reach, found none',
    );
  return [urlOf(server, server.port)];
}

/** Whether a host is this machine alone; a name is one only when it is `localhost`. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
