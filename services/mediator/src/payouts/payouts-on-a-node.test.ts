import { describe } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { defineLostInputCases } from './lost-inputs.contract.ts';
import { definePayoutCases } from './payouts.contract.ts';

await describeWith(['bitcoind'], 'payouts on a real node', (program = '') => {
  const openChain = async (): Promise<TestChain> => {
    const chain = await startTestBitcoin(program);
    return {
      ...chain,
      async crash() {
        // On regtest nobody brings back the blocks that a killed node had not written yet.
        await chain.rpc().call('gettxoutsetinfo', ['none']);
        await chain.crash();
      },
    };
  };
  definePayoutCases(openChain, 120_000);
  describe('whose chain is reorganised', () => defineLostInputCases(openChain, 120_000));
});
