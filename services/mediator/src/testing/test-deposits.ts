/** For tests: a ledger with deposits from a chain that the test drives. */
import * as ecc from '@bitcoinerlab/secp256k1';
import { parseDepositKey } from '@holdfast/bitcoin';
import { createSilentLogger, createSimulatedClock, type SimulatedClock } from '@holdfast/platform';
import { BIP32Factory } from 'bip32';
import { networks } from 'bitcoinjs-lib';
import { sql } from 'drizzle-orm';
import { createDepositStore } from '../adapters/postgres/deposits.ts';
import { createDepositWatch, type DepositRules, giveAddress } from '../deposits/index.ts';
import type { MoneyRules } from '../ledger/index.ts';
import type { PaymentRail } from '../rail/index.ts';
import type { TestChain } from './test-chain.ts';
import { at, FIRST, openTestLedger, type TestLedger } from './test-ledger.ts';

/** An account of BIP-84 on regtest, of its own for each seed; only its public half. */
export function testAccountKey(seed: number): string {
  const root = BIP32Factory(ecc).fromSeed(new Uint8Array(32).fill(seed), networks.regtest);
  return root.derivePath(`m/84'/1'/0'`).neutered().toBase58();
}

export interface TestDeposits extends Awaited<ReturnType<typeof openTestDeposits>> {}

export interface TestDepositsOptions {
  readonly money?: Partial<MoneyRules>;
  readonly rules?: DepositRules;
  /** Tells keys apart where tests share a chain. */
  readonly seed?: number;
}

export async function openTestDeposits(chain: TestChain, { money, rules, seed }: TestDepositsOptions = {}) {
  const ledger = await openTestLedger(money);
  const clock = createSimulatedClock(at(FIRST));
  return {
    ...ledger,
    chain,
    ...depositsOver(ledger, chain, clock, { ...(rules && { rules }), ...(seed && { seed }) }),
  };
}

/** Over a ledger that is there already. */
export function depositsOver(
  ledger: Pick<TestLedger, 'database' | 'money'>,
  chain: TestChain,
  clock: SimulatedClock,
  { rules = { confirmations: 3 }, seed = 7 }: Pick<TestDepositsOptions, 'rules' | 'seed'> = {},
) {
  const store = createDepositStore(ledger.database, ledger.money);
  const key = parseDepositKey(testAccountKey(seed), 'regtest');
  const watchOver = (rail: PaymentRail) =>
    createDepositWatch({ store, rail, key, rules, clock, logger: createSilentLogger() });
  return {
    clock,
    key,
    store,
    rules,
    /** One look at the chain. */
    look: watchOver(chain.rail),
    watchOver,
    address: async (clientId: string, isNew = false) =>
      (await giveAddress({ store, key, clock }, clientId, { isNew })).address,
    list: async (clientId: string) =>
      (await store.list({ clientId, limit: 100 })).map(({ state, sats }) => `${state} ${sats}`),
    /** What happened to the client's deposits, in order. */
    async events(clientId: string) {
      const { rows } = await ledger.database.execute<{ kind: string }>(sql`
        SELECT kind FROM events WHERE client_id = ${Buffer.from(clientId, 'hex')} ORDER BY event_no`);
      return rows.map(({ kind }) => kind);
    },
  };
}
