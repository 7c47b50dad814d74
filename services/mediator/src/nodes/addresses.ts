/** Addresses of nodes: how they look, which are allowed under the subnet rule, and which network each counts for. Pure. */
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { fail } from '@holdfast/protocol';

/** `public`: only addresses of the internet. `local`: only loopback, private and link-local ones. */
export type SubnetRule = 'public' | 'local';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Networks of one machine or one site (RFC 1122, 1918, 3927, 4193, 4291, 6598). */
const SITE = blockList(
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
);

/** Nobody's own address: unspecified, multicast, reserved, documentation, benchmarks, and tunnels that hide another address. */
const UNUSABLE = blockList(
  ['0.0.0.0', 8],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fec0::', 10],
  ['ff00::', 8],
);

function blockList(...networks: [string, number][]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, isIPv4(network) ? 'ipv4' : 'ipv6');
  return list;
}

/** @throws HoldfastError `node.bad-registration` unless it is `host:port` or `[ipv6]:port`. */
export function parseHostPort(address: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const isBracketed = match?.[1] !== undefined;
  if (host === undefined || port < 1 || port > 65_535 || (isBracketed && !isIPv6(host))) {
    throw fail('node.bad-registration', { detail: `"${address.slice(0, 100)}" is not host:port.` });
  }
  return { host, port };
}

/** Whether a node may have that IP address. IPv4 inside IPv6 is looked at as IPv4. */
export function isAllowedIp(ip: string, rule: SubnetRule): boolean {
  const plain = unmapped(ip);
  const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
  if (isIP(plain) === 0 || UNUSABLE.check(plain, family)) return false;
  return SITE.check(plain, family) === (rule === 'local');
}

/** @throws HoldfastError `node.public-address` for an IP address that the rule refuses; names are checked when they are resolved. */
export function checkLiteralAddress(address: string, rule: SubnetRule): void {
  const { host } = parseHostPort(address);
  if (isIP(host) !== 0 && !isAllowedIp(host, rule)) throw fail('node.public-address', { address, rule });
}

/** The /24 of an IPv4 address, the /48 of an IPv6 address. */
export function subnetOf(ip: string): string {
  const plain = unmapped(ip);
  if (isIPv4(plain)) return `${plain.split('.').slice(0, 3).join('.')}.0/24`;
  return `${ipv6Groups(plain)
    .slice(0, 3)
    .map((group) => group.toString(16))
    .join(':')}::/48`;
}

/** `::ffff:1.2.3.4`, in whatever spelling, as `1.2.3.4`; without a zone. */
function unmapped(ip: string): string {
  const [bare = ip] = ip.split('%');
  if (!isIPv6(bare)) return bare;
  const groups = ipv6Groups(bare);
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xff_ff;
  if (!isMapped) return bare;
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight groups of a valid IPv6 address. */
function ipv6Groups(ip: string): number[] {
  const withoutV4 = ip.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((group) => group.toString(16)).join(':'),
  );
  const [head = '', tail] = withoutV4.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  return [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}
