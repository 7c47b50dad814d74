import { describe } from '@jest/globals';
import { defineReconciliationCases } from '../testing/reconciliation-cases.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';

describe('on a chain in memory', () => {
  defineReconciliationCases(async () => createFakeRail(), 60_000);
});
