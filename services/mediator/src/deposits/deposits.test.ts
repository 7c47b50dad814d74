import { describe } from '@jest/globals';
import { defineDepositCases } from './deposits.contract.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';

describe('on a chain in memory', () => {
  defineDepositCases(async () => createFakeRail(), 30_000);
});
