/** A node says where it wants its money: checked for network and kind, signed by its key, changed only after a delay. */
import { parseAddress } from '@holdfast/bitcoin';
import type { Clock } from '@holdfast/platform';
import { fail, openMessage, payoutAddress, type SigningContext } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import type { PayoutAddress, PayoutAddressStore } from './ports.ts';
import type { PayoutRules } from './rules.ts';

export interface PayoutAddressOptions {
  readonly store: PayoutAddressStore;
  readonly context: SigningContext;
  readonly rules: Pick<PayoutRules, 'addressDelayMs'>;
  readonly clock: Clock;
}

/**
 * The same message again changes nothing.
 * @throws HoldfastError `message.*`, `address.*`, `auth.not-yours`, `payout-address.outdated`, `node.unknown`
 */
export async function setPayoutAddress(
  { store, context, rules, clock }: PayoutAddressOptions,
  nodeId: string,
  token: string,
): Promise<PayoutAddress> {
  const signed = openMessage(payoutAddress, context, token);
  if (signed.nodeId !== nodeId) throw fail('auth.not-yours', { what: 'node' });
  const nowMs = clock.nowMs();
  checkClock(signed.signedAtMs, nowMs);
  const { address, script } = parseAddress(signed.address, context.network);
  return store.setAddress({ nodeId, sequence: signed.sequence, address, script, token }, rules.addressDelayMs, nowMs);
}
