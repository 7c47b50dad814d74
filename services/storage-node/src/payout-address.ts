/** Where the node wants its pay: shown, and signed anew when it is to be another address. */
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { payoutAddress, signMessage } from '@holdfast/protocol';
import { asOperator, type OperatorSessionOptions } from './operator-session.ts';

export type PayoutAddresses = MediatorSchemas['schemas']['PayoutAddresses'];

/**
 * Newest first; the last one is in force. With an address: signs it unless it is the newest already.
 * @throws HoldfastError `address.*`, `payout-address.outdated`, `node.unknown`, `remote.unreachable`
 */
export const keepPayoutAddress = (options: OperatorSessionOptions, address?: string): Promise<PayoutAddresses> =>
  asOperator(options, async (api) => {
    const { identity, signing, nowMs } = options;
    const { nodeId } = identity;
    const params = { path: { nodeId } };
    const known = await unwrap(api.GET('/v1/nodes/{nodeId}/payout-address', { params }));
    if (address === undefined || known.addresses[0]?.address === address) return known;
    const body = { nodeId, address, sequence: known.nextSequence, signedAtMs: nowMs() };
    const signed = signMessage(payoutAddress, signing, body, identity.signingKey);
    return unwrap(api.PUT('/v1/nodes/{nodeId}/payout-address', { params, body: { payoutAddress: signed } }));
  });
