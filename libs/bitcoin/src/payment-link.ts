/** Links that open a wallet with address and amount filled in (BIP-21). */
import { fail } from '@holdfast/protocol';

export interface PaymentLink {
  readonly address: string;
  readonly sats?: bigint;
  /** Who is paid. */
  readonly label?: string;
  /** What for. */
  readonly message?: string;
}

const SATS_PER_BITCOIN = 100_000_000n;
const DECIMALS = 8;

/** Whole satoshi as bitcoin, exactly and without spare zeros: `0.0015`. */
export function bitcoinAmount(sats: bigint): string {
  const whole = sats / SATS_PER_BITCOIN;
  const fraction = String(sats % SATS_PER_BITCOIN)
    .padStart(DECIMALS, '0')
    .replace(/0+$/, '');
  return fraction === '' ? `${whole}` : `${whole}.${fraction}`;
}

/** @throws HoldfastError `transaction.bad-plan` for an amount below zero */
export function paymentLink({ address, sats, label, message }: PaymentLink): string {
  if (sats !== undefined && sats < 0n) throw fail('transaction.bad-plan', { detail: 'an amount below zero' });
  const fields = [
    ...(sats === undefined ? [] : [`amount=${bitcoinAmount(sats)}`]),
    ...(label === undefined ? [] : [`label=${encodeURIComponent(label)}`]),
    ...(message === undefined ? [] : [`message=${encodeURIComponent(message)}`]),
  ];
  return `bitcoin:${address}${fields.length > 0 ? `?${fields.join('&')}` : ''}`;
}
