import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';
import { definePayoutCases } from '../testing/payout-cases.ts';

await describeWith(['bitcoind'], 'payouts on a real node', (program = '') => {
  definePayoutCases(() => startTestBitcoin(program), 120_000);
});
