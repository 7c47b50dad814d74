import { describeWith } from '@holdfast/testkit';
import { defineDepositCases } from './deposits.contract.ts';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';

await describeWith(['bitcoind'], 'deposits on a real node', (program = '') => {
  defineDepositCases(() => startTestBitcoin(program), 120_000);
});
