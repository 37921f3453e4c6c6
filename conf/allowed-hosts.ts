import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { AppError } from '#contracts';
import { addressKind } from './address-rules.ts';

/** How a URL's host came to be allowed: decides which addresses its name may lead to. */
export type Permission = 'literal' | 'exact' | 'wildcard';

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** Hosts that this platform may speak to on behalf of users, as the operator has listed them. */
export interface AllowedHosts {
  readonly hosts: readonly string[];
  /** Key of the configuration, for messages. */
  readonly key: string;
}

/**
 * Checks a URL against the list of allowed hosts. An entry is `host` (any port), `host:port`, or `*.domain` with or
 * without port, which stands for all names below the domain.
 *
 * @throws SOURCE_NOT_ALLOWED naming the entry that would allow it
 */
export function checkUrl(url: URL, { hosts, key }: AllowedHosts): Permission {
  const port = DEFAULT_PORTS[url.protocol];
  if (port === undefined) throw refused(`${url.protocol}// is not http or https`);
  if (url.username !== '' || url.password !== '') throw refused('a user name or password in the address');
  const host = hostOf(url);
  const wanted = url.port === '' ? port : url.port;
  for (const entry of hosts) {
    const { name, port: entryPort } = parseEntry(entry, key);
    if (entryPort !== null && entryPort !== wanted) continue;
    if (name === host) return isIP(host) !== 0 || host === 'localhost' ? 'literal' : 'exact';
    if (name.startsWith('*.') && host.endsWith(name.slice(1)) && isIP(host) === 0) return 'wildcard';
  }
  const entry = url.port === '' ? host : `${host}:${url.port}`;
  throw refused(`host ${entry} is not in ${key}`);
}

/**
 * Checks an address that an allowed host leads to. Public addresses are for all; private ones only where the operator
 * listed this very host; loopback, link-local and metadata addresses only where he listed the address itself.
 *
 * @throws SOURCE_NOT_ALLOWED
 */
export function checkAddress(host: string, address: string, permission: Permission): void {
  const kind = addressKind(address);
  const good = permission === 'literal' || kind === 'public' || (kind === 'private' && permission === 'exact');
  if (!good) throw refused(`host ${host} leads to the ${kind} address ${address}`);
}

/**
 * The address that a URL's host has, checked: one name resolved once, of whose addresses each must be allowed. A connection by {@link pinnedTo} goes
 * there and not to what a second look-up says.
 *
 * @param resolve name resolution; tests pass their own
 * @throws SOURCE_NOT_ALLOWED, SOURCE_UNAVAILABLE for a name that has no address
 */
export async function allowedAddress(
  url: URL,
  allowed: AllowedHosts,
  resolve: (host: string) => Promise<readonly string[]> = resolveHost,
): Promise<string> {
  const permission = checkUrl(url, allowed);
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await resolved(host, resolve) : [host];
  for (const address of addresses) checkAddress(host, address, permission);
  const [address] = addresses;
  if (address === undefined) throw new AppError('SOURCE_UNAVAILABLE', `host ${host} has no address`);
  return address;
}

const resolveHost = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true })).map(({ address }) => address);

async function resolved(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (err) {
    throw new AppError('SOURCE_UNAVAILABLE', `host ${host} cannot be resolved`, { cause: err });
  }
}

/** `lookup` of a request whose connection goes where the check went. TLS still names the host and checks its certificate. */
export function pinnedTo(address: string): LookupFunction {
  const family = isIP(address);
  return (_name, options, callback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

/** The host of a URL, without the brackets of IPv6 and without a final dot. */
export function hostOf(url: URL): string {
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

function parseEntry(entry: string, key: string): { name: string; port: string | null } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(entry.trim());
  if (match === null) {
    if (isIP(entry.trim()) === 6) return { name: entry.trim().toLowerCase(), port: null };
    throw new AppError('CONFIG_INVALID', `${key}: ${JSON.stringify(entry)} is not host or host:port`);
  }
  return { name: (match[1] ?? match[2] ?? '').toLowerCase(), port: match[3] ?? null };
}

const refused = (why: string) => new AppError('SOURCE_NOT_ALLOWED', `the address is not allowed: ${why}`);
