/** A client takes its money out: signed by its key, checked for network and kind, taken from what is available at once. */
import { parseAddress } from '@holdfast/bitcoin';
import type { Clock } from '@holdfast/platform';
import { fail, messageHash, openMessage, type SigningContext, withdrawal } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import type { Withdrawal, WithdrawalStore } from './ports.ts';
import type { PayoutRules } from './rules.ts';

export interface WithdrawalOptions {
  readonly store: WithdrawalStore;
  readonly context: SigningContext;
  readonly rules: Pick<PayoutRules, 'dailyLimitSats' | 'hourlyLimitSats'>;
  readonly clock: Clock;
}

/**
 * The same message again changes nothing and says how far it is.
 * @throws HoldfastError `message.*`, `address.*`, `auth.not-yours`, `money.insufficient`, `withdrawal.too-small`,
 * `withdrawal.too-large`, `withdrawal.outdated`
 */
export async function requestWithdrawal(
  { store, context, rules, clock }: WithdrawalOptions,
  clientId: string,
  token: string,
): Promise<Withdrawal> {
  const signed = openMessage(withdrawal, context, token);
  if (signed.clientId !== clientId) throw fail('auth.not-yours', { what: 'account' });
  const nowMs = clock.nowMs();
  checkClock(signed.signedAtMs, nowMs);
  const { address, script, dustSats } = parseAddress(signed.address, context.network);
  const sats = BigInt(signed.sats);
  // More than fits into an hour or a day would wait for ever.
  const limitSats = least(rules.hourlyLimitSats, rules.dailyLimitSats);
  if (limitSats !== undefined && sats > limitSats) throw fail('withdrawal.too-large', { sats, limitSats });
  return store.request(
    {
      withdrawalId: messageHash(token),
      clientId,
      sequence: signed.sequence,
      address,
      script,
      amountSats: sats === 0n ? 'all' : sats,
      token,
      leastSats: dustSats + 1n,
      ...(limitSats !== undefined && { mostSats: limitSats }),
    },
    nowMs,
  );
}

const least = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b < a) ? b : a;
