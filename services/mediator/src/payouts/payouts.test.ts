import { describe } from '@jest/globals';
import { definePayoutCases } from './payouts.contract.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';

describe('on a chain in memory', () => {
  definePayoutCases(async () => createFakeRail(), 120_000);
});
