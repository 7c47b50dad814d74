/**
 * For tests: one round of payouts in a process of its own, which kills itself without a goodbye at the moment that it is
 * told. One argument: `PayoutProcess` as JSON. Ends with 0 when the moment never came.
 */
import { createSilentLogger, createSimulatedClock } from '@holdfast/platform';
import { createBitcoinCoreRail } from '../adapters/bitcoin-core/index.ts';
import { openDatabase } from '../adapters/postgres/database.ts';
import { type PayoutMoment, runPayouts } from '../payouts/index.ts';
import { payoutsOver } from './test-payout-options.ts';

export interface PayoutProcess {
  readonly databaseUrl: string;
  readonly bitcoinUrl: string;
  readonly cookieFile: string;
  readonly nowMs: number;
  readonly seed: number;
  readonly stuckBlocks: number;
  readonly satPerKvb: number;
  readonly killAt: PayoutMoment;
}

const given = JSON.parse(process.argv[2] ?? '') as PayoutProcess;
const database = openDatabase({ url: given.databaseUrl, logger: createSilentLogger() });
const rail = createBitcoinCoreRail({
  url: given.bitcoinUrl,
  cookieFile: given.cookieFile,
  network: 'regtest',
  fallbackSatPerKvb: BigInt(given.satPerKvb),
});
const clock = createSimulatedClock(given.nowMs);
const options = payoutsOver(database, rail, { seed: given.seed, rules: { stuckBlocks: given.stuckBlocks }, clock });
await runPayouts({
  ...options,
  onStep: (step) => {
    if (step === given.killAt) process.kill(process.pid, 'SIGKILL');
  },
});
await rail.close();
await database.$client.end();
