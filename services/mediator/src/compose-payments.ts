/** Wires what moves money over the chain: the rail, deposits, payouts. Without a rail everything else works, and this does nothing. */
import { type DepositKey, parseDepositKey, type PublicWallet } from '@holdfast/bitcoin';
import { type Clock, invalidSetting, type Logger, type Randomness } from '@holdfast/platform';
import type { SigningContext } from '@holdfast/protocol';
import type { Bell } from './compose-challenges.ts';
import type { Database } from './adapters/postgres/database.ts';
import { createDepositStore } from './adapters/postgres/deposits.ts';
import type { Money } from './adapters/postgres/ledger.ts';
import { createPayoutAddressStore } from './adapters/postgres/payout-addresses.ts';
import { createPayoutStore } from './adapters/postgres/payouts.ts';
import { createWithdrawalStore } from './adapters/postgres/withdrawals.ts';
import { openHotWallet } from './adapters/signers/index.ts';
import { createDeposits, type DepositHandling } from './deposits/index.ts';
import type { Work } from './jobs/index.ts';
import type { MediatorOptions } from './options.ts';
import { payoutRules, type Payouts, runPayouts } from './payouts/index.ts';
import type { PaymentRail } from './rail/index.ts';

export interface PaymentsBase {
  readonly settings: MediatorOptions;
  readonly context: SigningContext;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}

export interface Payments extends DepositHandling {
  readonly rail?: PaymentRail;
  readonly payouts: Payouts;
  readonly works: { readonly deposits: Work; readonly payouts: Work };
}

const DEFAULT_CONFIRMATIONS = 3;
/** How often the chain is looked at … */
const LONGEST_LOOK_MS = 5_000;
/** … and at least so often in each period. */
const LOOKS_PER_PERIOD = 4;

/**
 * @throws HoldfastError `wallet-key.…` for an extended public key that cannot be used, `payout.bad-seed-file` for a seed
 * file that others can read; PlatformError `config.invalid` where deposits would go to the hot wallet itself
 */
export async function wirePayments(
  base: PaymentsBase,
  database: Database,
  money: Money,
  bell: Bell,
): Promise<Payments> {
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
  if (key !== undefined && deposits === undefined) {
    logger.warn('HOLDFAST_DEPOSIT_XPUB is set and BITCOIN_RPC_URL is not: no deposits are taken');
  }
  const payouts = await wirePayouts(base, database, money, key);
  const everyMs = Math.min(LONGEST_LOOK_MS, Math.ceil(money.rules.periodMs / LOOKS_PER_PERIOD));
  return {
    ...(rail !== undefined && { rail }),
    depositRows,
    ...(deposits !== undefined && { deposits }),
    payouts,
    works: {
      deposits: { everyMs, run: async () => deposits?.watch() },
      payouts: { everyMs, run: async () => payouts.work?.run() },
    },
  };
}

async function wirePayouts(
  base: PaymentsBase,
  database: Database,
  money: Money,
  depositKey: DepositKey | undefined,
): Promise<Payouts> {
  const { settings, context, clock, randomness, logger } = base;
  const { rail } = settings;
  const rules = payoutRules(settings.payouts?.rules);
  const store = createPayoutStore(database);
  const hotWallet = settings.payouts?.hotWallet && (await openHotWallet(settings.payouts.hotWallet, settings.network));
  if (hotWallet !== undefined && depositKey !== undefined) requireApart(hotWallet.wallet, depositKey);
  const { periodMs } = money.rules;
  return {
    store,
    rules,
    addresses: { store: createPayoutAddressStore(database), context, rules, clock },
    withdrawals: { store: createWithdrawalStore(database), context, rules, clock },
    ...(rail !== undefined &&
      hotWallet !== undefined && {
        work: {
          rail,
          wallet: hotWallet.wallet,
          run: () => runPayouts({ store, rail, ...hotWallet, rules, periodMs, clock, randomness, logger }),
        },
      }),
  };
}

/** What came from clients would be spent by whoever takes the hot wallet, and be counted twice. */
function requireApart(hotWallet: PublicWallet, depositKey: DepositKey): void {
  if (hotWallet.addressAt('p2wpkh', 'receive', 0).script !== depositKey.addressAt(0).script) return;
  throw invalidSetting(
    'HOLDFAST_DEPOSIT_XPUB is the account of the hot wallet. Give the extended public key of an account whose seed this machine does not have.',
  );
}
