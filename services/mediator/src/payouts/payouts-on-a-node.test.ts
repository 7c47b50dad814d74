import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';
import { definePayoutCases } from './payouts.contract.ts';

await describeWith(['bitcoind'], 'payouts on a real node', (program = '') => {
  definePayoutCases(async () => {
    const chain = await startTestBitcoin(program);
    return {
      ...chain,
      async crash() {
        // On regtest nobody brings back the blocks that a killed node had not written yet.
        await chain.rpc().call('gettxoutsetinfo', ['none']);
        await chain.crash();
      },
    };
  }, 120_000);
});
