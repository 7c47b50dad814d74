import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin } from '../testing/test-bitcoin.ts';
import { defineReconciliationCases } from './reconciliation.contract.ts';

await describeWith(['bitcoind'], 'reconciliations on a real node', (program = '') => {
  defineReconciliationCases(() => startTestBitcoin(program), 120_000);
});
