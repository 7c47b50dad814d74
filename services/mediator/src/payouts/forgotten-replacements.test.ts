/** A database that lost its last moments, as after a change to a replica that lagged behind, knows its own replacements again. */
import { expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { openPayoutCases, settle } from '../testing/test-payout-cases.ts';
import type { PayoutStore } from './ports.ts';

const TITLE = 'a replacement that the database has forgotten settles its batch: nobody is paid twice';

/** What stores a replacement says that it did, and the rows are gone. */
const forgetful = (store: PayoutStore): PayoutStore => ({ ...store, replace: async () => true });

async function forgetAndFindAgain(openChain: () => Promise<TestChain>): Promise<void> {
  const { chain, open, close } = await openPayoutCases(openChain);
  try {
    const payouts = await open({ rules: { stuckBlocks: 1 } });
    // Its change is too little for the bump, which takes the other one as well.
    await payouts.fund(91_000n, 300_000n);
    const { address, nodeId } = await payouts.earner(90_000n);
    await payouts.run();
    const [batch] = await payouts.batches();
    const { designated, inputs } = (await payouts.store.findBatch(batch!.batchId))!;
    expect(inputs).toHaveLength(1);
    await chain.mineOnly([]);
    payouts.fee.satPerKvb = 30_000n;
    await payouts.run({ store: forgetful(payouts.store) });
    payouts.fee.satPerKvb = 2_000n;
    const { txid } = (await chain.rail.spender(designated))!;
    expect(txid).not.toBe(batch!.txid);
    await settle(payouts, 7);
    const [paid, ...others] = await payouts.batches();
    expect(others).toEqual([]);
    expect(paid).toMatchObject({ state: 'final', txid, feeSats: batch!.feeSats });
    const detail = (await payouts.store.findBatch(batch!.batchId))!;
    expect(detail.inputs).toHaveLength(2);
    expect(detail.transactions[1]!.signed).toBe(await chain.transactionHex(txid));
    const spentSats = detail.inputs.reduce((sum, { sats }) => sum + sats, 0n);
    const leftSats = (await chain.rail.unspent('payouts')).reduce((sum, { sats }) => sum + sats, 0n);
    expect(paid!.feeSats + paid!.extraFeeSats).toBe(spentSats - leftSats - (90_000n - batch!.feeSats));
    expect(await payouts.received(address)).toBe(90_000n - batch!.feeSats);
    expect((await payouts.ledger.nodeBalance(nodeId)).earnedMsat).toBe(0n);
    expect(await payouts.faults()).toEqual([]);
  } finally {
    await close();
  }
}

test(TITLE, () => forgetAndFindAgain(async () => createFakeRail()));

await describeWith(['bitcoind'], 'on a real node', (program = '') => {
  test(TITLE, () => forgetAndFindAgain(() => startTestBitcoin(program)));
});
