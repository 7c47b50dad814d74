/** Terms from the command line's options. */
import { checkPolicy, fail } from '@holdfast/protocol';
import type { Terms } from '../ports.ts';
import type { SpendingTerms } from '../vault/mandate.ts';
import type { SpendingOptions, TermsOptions } from './terms-options.ts';

/** All bitcoin there can ever be are a number of 16 digits. */
const DECIMAL = /^[0-9]{1,16}$/;

/** @throws HoldfastError `client.bad-option`, `policy.…` */
export function readTerms({ policy, maxPrice, region, avoidOperator }: TermsOptions): Terms {
  if (maxPrice !== undefined) checkSats('--max-price', maxPrice);
  return {
    ...(policy === undefined ? {} : { policy: readPolicy(policy) }),
    ...(maxPrice === undefined ? {} : { maxPriceSatPerTbMonth: maxPrice }),
    ...(region === undefined ? {} : { regions: [...region] }),
    ...(avoidOperator === undefined ? {} : { avoidOperators: [...avoidOperator] }),
  };
}

/** What the mandate allows, as far as it was said. @throws HoldfastError `client.bad-option` */
export function readSpending({ spendLimit, maxPrice }: SpendingOptions & TermsOptions): Partial<SpendingTerms> {
  return {
    ...(spendLimit === undefined ? {} : { monthlyLimitSats: checkSats('--spend-limit', spendLimit) }),
    ...(maxPrice === undefined ? {} : { maxPriceSatPerTbMonth: checkSats('--max-price', maxPrice) }),
  };
}

function checkSats(option: string, value: string): bigint {
  if (DECIMAL.test(value)) return BigInt(value);
  throw fail('client.bad-option', { option, value, wanted: 'a whole number of satoshi, such as 40000' });
}

function readPolicy(text: string): NonNullable<Terms['policy']> {
  const match = /^(\d{1,3})\+(\d{1,3})$/.exec(text);
  if (match === null)
    throw fail('client.bad-option', { option: '--policy', value: text, wanted: 'data+parity, such as 4+4' });
  const policy = { dataShards: Number(match[1]), parityShards: Number(match[2]) };
  checkPolicy(policy);
  return policy;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15 };

/** `500 GB`, `1.5TB` or plain bytes → bytes. @throws HoldfastError `client.bad-option` */
export function readByteCount(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kKmMgGtTpP]?[bB]?)$/.exec(text.trim());
  const unit = match?.[2]!.toUpperCase() ?? '';
  const factor = UNITS[unit === '' || unit.endsWith('B') ? unit : `${unit}B`];
  const count = match === null || factor === undefined ? Number.NaN : Math.round(Number(match[1]) * factor);
  if (Number.isSafeInteger(count)) return count;
  throw fail('client.bad-option', { option, value: text, wanted: 'a size such as 500GB, 1.5TB or a number of bytes' });
}
