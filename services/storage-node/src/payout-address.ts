/** Where the node wants its pay: shown, and signed anew when it is to be another address. */
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { systemClock } from '@holdfast/platform';
import { payoutAddress, signMessage } from '@holdfast/protocol';
import type { Operator } from './signed-in.ts';

type PayoutAddresses = MediatorSchemas['schemas']['PayoutAddresses'];

/**
 * Newest first; the last one is in force. With an address: signs it unless it is the newest already.
 * @throws HoldfastError `address.*`, `payout-address.outdated`, `node.unknown`, `remote.unreachable`
 */
export async function keepPayoutAddress(
  { api, nodeId, key, signing }: Operator,
  address?: string,
): Promise<PayoutAddresses> {
  const params = { path: { nodeId } };
  const known = await unwrap(api.GET('/v1/nodes/{nodeId}/payout-address', { params }));
  if (address === undefined || known.addresses[0]?.address === address) return known;
  const body = { nodeId, address, sequence: known.nextSequence, signedAtMs: systemClock.nowMs() };
  const signed = signMessage(payoutAddress, signing, body, key);
  return unwrap(api.PUT('/v1/nodes/{nodeId}/payout-address', { params, body: { payoutAddress: signed } }));
}

/** @param nowMs tells which is in force */
export function formatPayoutAddresses({ addresses }: PayoutAddresses, nowMs: number): string {
  if (addresses.length === 0) return 'This node has no payout address yet: holdfast-node payout-address ADDRESS';
  const when = (fromMs: number): string => (fromMs <= nowMs ? 'in force' : `from ${new Date(fromMs).toISOString()} on`);
  return addresses.map(({ address, effectiveAtMs }) => `${address}  ${when(effectiveAtMs)}`).join('\n');
}
