/** Whether a node really answers where it says: the mediator connects to each address and checks who is there. */
import { isIP } from 'node:net';
import { fail } from '@holdfast/protocol';
import { isAllowedIp, parseHostPort, subnetOf, type SubnetRule } from './addresses.ts';
import type { NodeStore, Probe, ProbeOutcome, Resolve } from './ports.ts';

export interface ReachabilityOptions {
  readonly store: NodeStore;
  readonly probe: Probe;
  readonly resolve: Resolve;
  readonly subnetRule: SubnetRule;
}

export interface AddressOutcome extends ProbeOutcome {
  readonly address: string;
}

export interface Reachability {
  readonly reachable: boolean;
  readonly addresses: AddressOutcome[];
}

interface Checked extends AddressOutcome {
  /** Where it was reached. */
  readonly ip?: string;
}

/** Checks all addresses of the node and notes the outcome. One reached address is enough. @throws HoldfastError `node.unknown` */
export async function checkReachability(options: ReachabilityOptions, nodeId: string): Promise<Reachability> {
  const node = await options.store.find(nodeId);
  if (node === undefined) throw fail('node.unknown', { nodeId });
  const checked = await Promise.all(node.addresses.map((address) => checkAddress(options, nodeId, address)));
  const first = checked.find(({ ip }) => ip !== undefined);
  await options.store.setReached(nodeId, node.addresses, {
    isReached: first !== undefined,
    subnet: first?.ip === undefined ? '' : subnetOf(first.ip),
  });
  return {
    reachable: first !== undefined,
    addresses: checked.map(({ address, reachable, detail }) => ({
      address,
      reachable,
      ...(detail !== undefined && { detail }),
    })),
  };
}

/** The address that was checked is the one that is connected to: a name is resolved once, and every answer must be allowed. */
async function checkAddress(options: ReachabilityOptions, nodeId: string, address: string): Promise<Checked> {
  const { host, port } = parseHostPort(address);
  const ips = isIP(host) === 0 ? await options.resolve(host).catch(() => []) : [host];
  const [ip] = ips;
  if (ip === undefined) return { address, reachable: false, detail: 'The name could not be resolved.' };
  if (!ips.every((candidate) => isAllowedIp(candidate, options.subnetRule))) {
    return { address, reachable: false, detail: `Not allowed under the subnet rule "${options.subnetRule}".` };
  }
  const outcome = await options.probe({ nodeId, ip, port });
  return { address, ...outcome, ...(outcome.reachable && { ip }) };
}
