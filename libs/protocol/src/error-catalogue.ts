/**
 * Every error that Holdfast can show, by code; the entries stand by topic in errors-of/. `docs/errors.md` is made from
 * this table and tested against it.
 */
import type { ErrorEntry } from './errors.ts';
import { BITCOIN_ERRORS } from './errors-of/bitcoin.ts';
import { CHALLENGE_ERRORS } from './errors-of/challenge.ts';
import { CLIENT_ERRORS } from './errors-of/client.ts';
import { EXCHANGE_ERRORS } from './errors-of/exchange.ts';
import { LINK_ERRORS } from './errors-of/link.ts';
import { MONEY_ERRORS } from './errors-of/money.ts';
import { RECONCILIATION_ERRORS } from './errors-of/reconciliation.ts';
import { PAYOUT_ERRORS } from './errors-of/payout.ts';
import { STORAGE_NODE_ERRORS } from './errors-of/storage-node.ts';
import { VAULT_ERRORS } from './errors-of/vault.ts';

export { EXIT_CODES } from './errors-of/entry.ts';

export const CATALOGUE = {
  ...EXCHANGE_ERRORS,
  ...VAULT_ERRORS,
  ...MONEY_ERRORS,
  ...RECONCILIATION_ERRORS,
  ...BITCOIN_ERRORS,
  ...CHALLENGE_ERRORS,
  ...PAYOUT_ERRORS,
  ...LINK_ERRORS,
  ...STORAGE_NODE_ERRORS,
  ...CLIENT_ERRORS,
} as const satisfies Record<string, ErrorEntry>;
