/** For tests: deposits, payouts and reconciliations over one database and one chain that the test drives. */
import { finishTransaction, parseDepositKey, planPayout } from '@holdfast/bitcoin';
import { createSeededRandomness, createSilentLogger } from '@holdfast/platform';
import { createSigningKey, toHex } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { createDepositStore } from '../adapters/postgres/deposits.ts';
import { createLiabilityStore } from '../adapters/postgres/liabilities.ts';
import { createReconciliationStore } from '../adapters/postgres/reconciliations.ts';
import { createDepositWatch, giveAddress } from '../deposits/index.ts';
import type { PaymentRail, WalletName } from '../rail/index.ts';
import {
  createAudit,
  reconcile,
  type Reconciliation,
  type ReconcileOptions,
  type WatchedWallet,
} from '../reconciliation/index.ts';
import type { TestChain } from './test-chain.ts';
import { testAccountKey } from './test-deposits.ts';
import { freshId } from './test-mediator.ts';
import { testWallet } from './test-payout-options.ts';
import { openTestPayouts } from './test-payouts.ts';

const LAST_INDEX = 40;
/** Seeds of the two wallets: each chain has no other. */
const DEPOSITS = 1;
const HOT = 2;

export interface TestReconciliation extends Awaited<ReturnType<typeof openTestReconciliation>> {}

export async function openTestReconciliation(chain: TestChain) {
  const payouts = await openTestPayouts(chain, { seed: HOT });
  const { database, clock, wallet } = payouts;
  const deposits = createDepositStore(database, payouts.money);
  const key = parseDepositKey(testAccountKey(DEPOSITS), 'regtest');
  const rail: PaymentRail = chain.rail;
  const logger = createSilentLogger();
  const look = createDepositWatch({ store: deposits, rail, key, rules: { confirmations: 3 }, clock, logger });
  await rail.watch('payouts', { descriptors: wallet.publicDescriptors, lastIndex: LAST_INDEX });
  const store = createReconciliationStore(database);
  const wallets = async (): Promise<WatchedWallet[]> => [
    {
      name: 'deposits',
      descriptors: (await deposits.listKeys()).map(({ descriptor, watchedTo: lastIndex }) => ({
        descriptor,
        lastIndex,
      })),
    },
    {
      name: 'payouts',
      descriptors: wallet.publicDescriptors.map((descriptor) => ({ descriptor, lastIndex: LAST_INDEX })),
    },
  ];
  const options: ReconcileOptions = {
    store,
    rail,
    wallets,
    catchUp: async () => void (await look()),
    rules: { deepConfirmations: 6, maxSatPerKvb: 200_000n },
    clock,
    logger,
  };
  const signingKey = createSigningKey(new Uint8Array(32).fill(DEPOSITS));
  const context = { network: 'regtest', mediatorId: toHex(signingKey.publicKey) } as const;
  const randomness = createSeededRandomness('reconciliation');
  const liabilities = createLiabilityStore(database);
  const publish = { store: liabilities, signer: { context, key: signingKey }, clock, randomness };
  await look();
  return {
    ...payouts,
    context,
    liabilities,
    publish,
    audit: createAudit({ publish, reconciliations: store, reconcile: options, clock, logger }),
    reconciliations: store,
    options,
    look,
    /** Ledger against chain; the test expects that there is something to compare. */
    async check(changes: Partial<ReconcileOptions> = {}): Promise<Reconciliation> {
      const outcome = await reconcile({ ...options, ...changes });
      if (typeof outcome === 'string') throw new Error(`there was nothing to compare: ${outcome}`);
      return outcome;
    },
    async depositAddress(clientId = freshId()): Promise<string> {
      const { address } = await giveAddress({ store: deposits, key, clock }, clientId, { isNew: false });
      await look();
      return address;
    },
    hotAddress: () => wallet.addressAt('p2wpkh', 'receive', 0),
    /** Signed by whoever has the keys: what a wallet of ours has confirmed goes to this script, less the fee. */
    async spend(from: WalletName, script: string, sats: 'all' | bigint = 'all'): Promise<string> {
      const coins = (await rail.unspent(from)).filter(({ confirmations }) => confirmations > 0);
      const total = coins.reduce((sum, coin) => sum + coin.sats, 0n);
      const changeScript = coins[0]!.script;
      const payees = [{ id: 'a', script, sats: sats === 'all' ? total : sats }];
      const plan = planPayout({ coins, payees, satPerKvb: 2_000n, changeScript });
      if (plan.outcome !== 'planned') throw new Error(plan.outcome);
      const keys = testWallet(from === 'payouts' ? HOT : DEPOSITS);
      const { psbt } = plan.transaction;
      return finishTransaction(psbt, keys.sign(psbt, LAST_INDEX)).hex;
    },
    pauses: async () => (await payouts.store.pauses()).map(({ pausedBy }) => pausedBy),
    async told(): Promise<string[]> {
      const { rows } = await database.execute<{ kind: string }>(sql`
        SELECT kind FROM events WHERE kind LIKE 'reconciliation.%' ORDER BY event_no`);
      return rows.map(({ kind }) => kind);
    },
  };
}
