/** Wires the audit: published liabilities always, ledger against chain where there is a rail with wallets to look at. */
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import type { SigningContext } from '@holdfast/protocol';
import type { MediatorKeys } from './adapters/key-files.ts';
import type { Database } from './adapters/postgres/database.ts';
import { createDepositStore } from './adapters/postgres/deposits.ts';
import type { Money } from './adapters/postgres/ledger.ts';
import { createLiabilityStore } from './adapters/postgres/liabilities.ts';
import { createReconciliationStore } from './adapters/postgres/reconciliations.ts';
import type { Payments } from './compose-payments.ts';
import type { DepositStore } from './deposits/index.ts';
import type { Work } from './jobs/index.ts';
import { LOOKAHEAD } from './payouts/index.ts';
import type { PaymentRail } from './rail/index.ts';
import { type Audit, createAudit, type WatchedWallet } from './reconciliation/index.ts';

export interface AuditBase {
  readonly keys: MediatorKeys;
  readonly context: SigningContext;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}

/** How often it is looked whether something is missing for today. */
const DUE_MS = 300_000;

export function wireAudit(
  { keys, context, clock, randomness, logger }: AuditBase,
  database: Database,
  money: Money,
  payments: Payments,
): { readonly audit: Audit; readonly work: Work } {
  const reconciliations = createReconciliationStore(database);
  const depositRows = createDepositStore(database, money);
  const { rail } = payments;
  const audit = createAudit({
    publish: {
      store: createLiabilityStore(database),
      signer: { context, key: keys.signingKey },
      clock,
      randomness,
    },
    reconciliations,
    ...(rail !== undefined && {
      reconcile: {
        store: reconciliations,
        rail,
        wallets: () => watchedWallets(depositRows, rail, payments),
        catchUp: async () => void (await payments.deposits?.watch()),
        rules: {
          deepConfirmations: payments.payouts.rules.finalConfirmations,
          maxSatPerKvb: payments.payouts.rules.maxSatPerKvb,
        },
        clock,
        logger,
      },
    }),
    clock,
    logger,
  });
  return { audit, work: { everyMs: DUE_MS, run: () => audit.runDue() } };
}

/** A wallet that nobody watches yet has nothing that could be compared. */
async function watchedWallets(
  rows: Pick<DepositStore, 'listKeys'>,
  rail: PaymentRail,
  { deposits, payouts }: Payments,
): Promise<WatchedWallet[]> {
  const wallets: WatchedWallet[] = [];
  const keys = deposits === undefined ? [] : (await rows.listKeys()).filter(({ watchedTo }) => watchedTo >= 0);
  if (keys.length > 0) {
    wallets.push({
      name: 'deposits',
      descriptors: keys.map(({ descriptor, watchedTo: lastIndex }) => ({ descriptor, lastIndex })),
    });
  }
  if (payouts.work !== undefined) {
    const { wallet } = payouts.work;
    const lastIndex = (await payouts.store.nextChangeIndex()) + LOOKAHEAD;
    await rail.watch('payouts', { descriptors: wallet.publicDescriptors, lastIndex });
    const descriptors = wallet.publicDescriptors.map((descriptor) => ({ descriptor, lastIndex }));
    wallets.push({ name: 'payouts', descriptors });
  }
  return wallets;
}
