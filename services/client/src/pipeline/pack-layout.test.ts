import { describe, expect, test } from '@jest/globals';
import { MAX_CHUNK_BYTES, packCapacityBytes } from '@holdfast/codec';
import { packLayout } from './pack-layout.ts';

const BUDGET_BYTES = 56 * 1024 * 1024;
const POLICIES = [1, 2, 3, 4, 5, 10, 20].map((count) => ({ dataShards: count, parityShards: count }));

describe('packLayout', () => {
  test.each(POLICIES)(
    'keeps two packs and the parity of one within the budget: $dataShards+$parityShards',
    (policy) => {
      const { regionBytes, closeAtBytes, parityBytes } = packLayout(policy);
      expect(2 * closeAtBytes + parityBytes).toBeLessThanOrEqual(BUDGET_BYTES);
      expect(closeAtBytes).toBeGreaterThanOrEqual(12 * 1024 * 1024);
      expect(regionBytes).toBe(packCapacityBytes(policy));
      expect(parityBytes * policy.dataShards).toBe(closeAtBytes * policy.parityShards);
    },
  );

  test('takes the longest chunk whatever the budget', () => {
    for (const policy of [...POLICIES, { dataShards: 4, parityShards: 36 }]) {
      expect(packLayout(policy, 0).closeAtBytes).toBeGreaterThan(MAX_CHUNK_BYTES);
    }
  });
});
