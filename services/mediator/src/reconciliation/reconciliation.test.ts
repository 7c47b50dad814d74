import { describe } from '@jest/globals';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { defineReconciliationCases } from './reconciliation.contract.ts';

describe('on a chain in memory', () => {
  defineReconciliationCases(async () => createFakeRail(), 60_000);
});
