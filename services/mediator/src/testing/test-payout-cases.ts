/** For tests of payouts: wallets of their own on one chain, crashes, and what is looked at again and again. */
import type { PayoutMoment } from '../payouts/index.ts';
import type { TestChain } from './test-chain.ts';
import { holdDatabaseServer } from './test-mediator.ts';
import { openTestPayouts, type TestPayouts } from './test-payouts.ts';

export class Crash extends Error {}

/** Once. */
export function crashAt(moment: PayoutMoment): (step: PayoutMoment) => void {
  let hasCrashed = false;
  return (step) => {
    if (step !== moment || hasCrashed) return;
    hasCrashed = true;
    throw new Crash();
  };
}

export interface PayoutCases {
  readonly chain: TestChain;
  open(options?: Parameters<typeof openTestPayouts>[1]): Promise<TestPayouts>;
  /** After each case: the connections of all of them would be too many for one server. */
  endCase(): Promise<void>;
  close(): Promise<void>;
}

/** @param openChain one chain for all cases; each has a wallet of its own on it */
export async function openPayoutCases(openChain: () => Promise<TestChain>): Promise<PayoutCases> {
  const chain = await openChain();
  const release = await holdDatabaseServer();
  const opened: TestPayouts[] = [];
  let seed = 0;
  const endCase = async (): Promise<void> => {
    for (const { close } of opened.splice(0)) await close();
  };
  return {
    chain,
    async open(options = {}) {
      seed += 1;
      const payouts = await openTestPayouts(chain, { seed, ...options });
      opened.push(payouts);
      return payouts;
    },
    endCase,
    async close() {
      await endCase();
      await release();
      await chain.close();
    },
  };
}

/** Rounds and blocks until everything is final. */
export async function settle(payouts: TestPayouts, blocks = 6): Promise<void> {
  await payouts.run();
  for (let block = 0; block < blocks; block += 1) {
    await payouts.chain.mine();
    await payouts.run();
  }
}

export const states = async (payouts: TestPayouts): Promise<string[]> =>
  (await payouts.batches()).map(({ state }) => state);

/** What an address bore of all fees. */
export async function sharesOf(payouts: TestPayouts, address: string): Promise<bigint> {
  let sum = 0n;
  for (const { batchId } of await payouts.batches()) {
    const { payees } = (await payouts.store.findBatch(batchId))!;
    for (const payee of payees) if (payee.address === address) sum += payee.feeShareSats;
  }
  return sum;
}
