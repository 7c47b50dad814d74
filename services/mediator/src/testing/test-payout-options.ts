/** For tests: what is needed to pay out. Apart from the rest, so that a process which is killed is soon there. */
import { createHotWallet } from '@holdfast/bitcoin';
import { createSeededRandomness, createSilentLogger, type SimulatedClock } from '@holdfast/platform';
import type { Database } from '../adapters/postgres/database.ts';
import { createPayoutStore } from '../adapters/postgres/payouts.ts';
import { type PayoutOptions, type PayoutRules, payoutRules } from '../payouts/index.ts';
import type { PaymentRail } from '../rail/index.ts';

const HOUR_MS = 3_600_000;

/** The hot wallet of a seed: each test over a shared chain needs one of its own. */
export const testWallet = (seed: number) => createHotWallet(new Uint8Array(32).fill(seed), 'regtest');

let opened = 0;

/** What is needed to pay out over a database that is there already: also in another process. */
export function payoutsOver(
  database: Database,
  rail: PaymentRail,
  { seed, rules = {}, clock }: { seed: number; rules?: Partial<PayoutRules>; clock: SimulatedClock },
): PayoutOptions {
  const wallet = testWallet(seed);
  opened += 1;
  return {
    store: createPayoutStore(database),
    rail,
    wallet,
    signer: { sign: async (psbt, lastIndex) => wallet.sign(psbt, lastIndex) },
    rules: payoutRules(rules),
    periodMs: HOUR_MS,
    clock,
    randomness: createSeededRandomness(`payouts ${process.pid} ${opened}`),
    logger: createSilentLogger(),
  };
}
