import { BlockList, isIPv6, isIP } from 'node:net';

/**
 * What an address is to a fetch: `forbidden` ones lead to this machine or to its cloud's metadata service, `private`
 * ones into the operator's own network.
 */
export type AddressKind = 'public' | 'private' | 'forbidden';

const FORBIDDEN: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'], // this network
  ['127.0.0.0', 8, 'ipv4'], // loopback
  ['169.254.0.0', 16, 'ipv4'], // link-local, metadata services
  ['100.100.100.200', 32, 'ipv4'], // a metadata service
  ['192.0.0.0', 24, 'ipv4'], // protocol assignments
  ['224.0.0.0', 4, 'ipv4'], // multicast
  ['240.0.0.0', 4, 'ipv4'], // reserved, broadcast
  ['::', 128, 'ipv6'],
  ['::1', 128, 'ipv6'],
  ['fe80::', 10, 'ipv6'], // link-local
  ['fec0::', 10, 'ipv6'], // site-local, old
  ['fd00:ec2::254', 128, 'ipv6'], // a metadata service
  ['ff00::', 8, 'ipv6'], // multicast
  ['2001:db8::', 32, 'ipv6'], // documentation
];
const PRIVATE: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'], // carrier-grade NAT
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'], // benchmarks
  ['fc00::', 7, 'ipv6'], // unique local
];
/** Prefixes whose addresses carry an IPv4 address: the IPv4 rules hold for it. Offset in bytes. */
const EMBEDDING: readonly (readonly [string, number, number])[] = [
  ['::ffff:0:0', 96, 12], // mapped
  ['64:ff9b::', 96, 12], // NAT64
  ['2002::', 16, 2], // 6to4
];

const forbidden = blockListOf(FORBIDDEN);
const inside = blockListOf(PRIVATE);

/** @see RFC 6890 (special-purpose addresses), RFC 4291, RFC 6052, RFC 3056 */
export function addressKind(address: string): AddressKind {
  if (isIP(address) === 0) return 'forbidden';
  if (isIPv6(address)) {
    const embedded = embeddedIpv4(address);
    if (embedded !== null) return addressKind(embedded);
  }
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  if (forbidden.check(address, family)) return 'forbidden';
  return inside.check(address, family) ? 'private' : 'public';
}

function embeddedIpv4(address: string): string | null {
  for (const [network, prefix, offset] of EMBEDDING) {
    const list = new BlockList();
    list.addSubnet(network, prefix, 'ipv6');
    if (!list.check(address, 'ipv6')) continue;
    return [...bytesOf(address).subarray(offset, offset + 4)].join('.');
  }
  return null;
}

/** The 16 bytes of an IPv6 address. */
function bytesOf(address: string): Uint8Array {
  // The URL parser writes any spelling (also a dotted tail) in one canonical form.
  const text = new URL(`http://[${address.split('%')[0] ?? ''}]/`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const words = (part: string) =>
    part
      .split(':')
      .filter((word) => word !== '')
      .map((word) => parseInt(word, 16));
  const first = words(head);
  const last = tail === undefined ? [] : words(tail);
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

function blockListOf(subnets: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix, family] of subnets) list.addSubnet(network, prefix, family);
  return list;
}
