import { describe, expect, it } from '@jest/globals';
import { MAX_SHARDS } from './limits.ts';
import fc from 'fast-check';
import { defaultPolicy, fitPolicy } from './policy.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

describe('the default policy', () => {
  it.each([
    [2, 1, 0],
    [3, 1, 1],
    [4, 1, 2],
    [5, 2, 1],
    [6, 2, 2],
    [7, 3, 1],
    [8, 3, 2],
    [9, 4, 1],
    [11, 4, 3],
    [12, 5, 2],
    [23, 5, 13],
    [24, 10, 4],
    [10_000, 10, 9980],
  ])('for %i independent nodes is %i+%i', (nodes, shards, spareNodes) => {
    const fitted = defaultPolicy(nodes);
    expect(fitted.policy).toEqual({ dataShards: shards, parityShards: shards });
    expect(fitted.spareNodes).toBe(spareNodes);
    expect(fitted.warning === undefined).toBe(spareNodes > 0);
  });

  it.each([0, 1, -3, Number.NaN])('does not exist for %p nodes', (nodes) => {
    expect(() => defaultPolicy(nodes)).toThrow(code('policy.too-few-nodes'));
  });
});

describe('a policy that a client asks for', () => {
  it('is accepted without a spare node, with a warning that says so', () => {
    const fitted = fitPolicy({ dataShards: 4, parityShards: 4 }, 8);
    expect(fitted.spareNodes).toBe(0);
    expect(fitted.warning).toMatch(/^4\+4 takes all 8 independent nodes/);
    expect(fitPolicy({ dataShards: 4, parityShards: 4 }, 9)).not.toHaveProperty('warning');
  });

  it('needs a node of its own for every shard', () => {
    expect(() => fitPolicy({ dataShards: 4, parityShards: 4 }, 7)).toThrow(code('policy.too-few-nodes'));
  });

  it('never has less than twice the data, nor more shards than the format allows', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 45 }), fc.integer({ min: -1, max: 45 }), (dataShards, parityShards) => {
        const fit = (): unknown => fitPolicy({ dataShards, parityShards }, 1000);
        const outOfRange = dataShards < 1 || dataShards > 20 || dataShards + parityShards > MAX_SHARDS;
        const tooLow = parityShards < dataShards;
        if (outOfRange && !tooLow) {
          expect(fit).toThrow(code('policy.out-of-range'));
        } else if (tooLow && !outOfRange) {
          expect(fit).toThrow(code('policy.redundancy-too-low'));
        } else if (tooLow) {
          expect(fit).toThrow(expect.objectContaining({ code: expect.stringMatching(/^policy\./) }));
        } else {
          expect(fit).not.toThrow();
        }
      }),
    );
  });
});
