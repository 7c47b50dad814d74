/** What a challenge costs does not grow with the node: the same leaves, bytes and reads for 10 GB and for 1 TB. */
import { expect, test } from '@jest/globals';
import { measureChallenges } from '../bench/challenges.ts';

test('traffic and reads of a node’s hour are flat between 10 GB and 1 TB, and within 0.8 MB', async () => {
  const [small, large] = [await measureChallenges(10e9, 1), await measureChallenges(1e12, 1)];
  expect(large.storedBytes / small.storedBytes).toBe(100);
  expect(small.samples).toBe(460);
  expect(large.samples).toBe(460);
  // one block for each leaf, and the hashes of each shard once: in a small node some leaves share a shard
  expect(small.nodeReads).toBeGreaterThan(460);
  expect(large.nodeReads).toBeLessThanOrEqual(920);
  expect(large.wireBytes).toBeLessThan(800_000);
  expect(large.wireBytes / small.wireBytes).toBeLessThan(1.01);
});
