/** Wires what moves money over the chain: the rail, deposits. Without a rail everything else works, and this does nothing. */
import { parseDepositKey } from '@holdfast/bitcoin';
import type { Clock, Logger } from '@holdfast/platform';
import type { Bell } from './compose-challenges.ts';
import type { Database } from './adapters/postgres/database.ts';
import { createDepositStore } from './adapters/postgres/deposits.ts';
import type { Money } from './adapters/postgres/ledger.ts';
import { createDeposits, type DepositHandling } from './deposits/index.ts';
import type { Work } from './jobs/index.ts';
import type { MediatorOptions } from './options.ts';
import type { PaymentRail } from './rail/index.ts';

export interface PaymentsBase {
  readonly settings: MediatorOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Payments extends DepositHandling {
  readonly rail?: PaymentRail;
  readonly works: { readonly deposits: Work };
}

const DEFAULT_CONFIRMATIONS = 3;
/** How often the chain is looked at. */
const LOOK_MS = 5_000;

/** @throws HoldfastError `wallet-key.…` for an extended public key that cannot be used */
export function wirePayments(base: PaymentsBase, database: Database, money: Money, bell: Bell): Payments {
  const { settings, clock, logger } = base;
  const { rail } = settings;
  const depositRows = createDepositStore(database, money);
  const key = settings.deposits && parseDepositKey(settings.deposits.key, settings.network);
  const deposits =
    rail === undefined || key === undefined
      ? undefined
      : createDeposits({
          store: depositRows,
          rail,
          key,
          rules: { confirmations: DEFAULT_CONFIRMATIONS, ...settings.deposits?.rules },
          ...(settings.deposits?.firstIndex !== undefined && { firstIndex: settings.deposits.firstIndex }),
          clock,
          logger,
          wake: () => bell.ring('deposits'),
        });
  return {
    ...(rail !== undefined && { rail }),
    depositRows,
    ...(deposits !== undefined && { deposits }),
    works: { deposits: { everyMs: LOOK_MS, run: async () => deposits?.watch() } },
  };
}
