import { describe, expect, test } from '@jest/globals';
import { GROUP_BYTES } from '@holdfast/protocol';
import { createMarketIndex } from './market-index.ts';
import type { Offer, Terms } from './ports.ts';
import { bytesPerNode, choosePolicy, quote } from './quote.ts';

const rules = { onePerSubnet: true, nowMs: 0, offlineAfterMs: 1 };
const anything: Terms = { regions: [], avoidOperators: [] };
const offers = (count: number, changes: (number: number) => Partial<Offer> = () => ({})): Offer[] =>
  Array.from({ length: count }, (_, number) => ({
    nodeId: number.toString(16).padStart(64, '0'),
    operator: `operator ${number}`,
    region: 'eu',
    subnet: `subnet ${number}`,
    priceSatPerTbMonth: BigInt(1000 + number),
    egressSatPerTb: 0n,
    freeBytes: 4e12,
    state: 'active',
    lastSeenAtMs: 0,
    ...changes(number),
  }));
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as unknown as Error;

describe('the policy without one asked for', () => {
  test.each([
    [2, 1],
    [4, 1],
    [5, 2],
    [9, 4],
    [12, 5],
    [24, 10],
    [300, 10],
  ])('of %i independent nodes has %i data shards', (count, dataShards) => {
    const fitted = choosePolicy(createMarketIndex(offers(count)), anything, 0, rules);
    expect(fitted.policy).toEqual({ dataShards, parityShards: dataShards });
    expect(fitted.warning === undefined).toBe(fitted.spareNodes > 0);
  });

  test('counts nodes of one operator or network once', () => {
    const twins = offers(18, (number) => ({ operator: `operator ${number >> 1}` }));
    expect(choosePolicy(createMarketIndex(twins), anything, 0, rules).policy.dataShards).toBe(4);
    const neighbours = offers(18, (number) => ({ subnet: `subnet ${number >> 1}` }));
    expect(choosePolicy(createMarketIndex(neighbours), anything, 0, rules).policy.dataShards).toBe(4);
    const local = { ...rules, onePerSubnet: false };
    expect(choosePolicy(createMarketIndex(neighbours), anything, 0, local).policy.dataShards).toBe(5);
  });

  test('follows the space that fewer shards need more of', () => {
    // 10+10 would need 100 groups at each of 24 nodes, which 24 have; 1+1 would need 1,000, which only these two have.
    const index = (small: number) =>
      createMarketIndex(offers(24, (number) => ({ freeBytes: (number < 2 ? 1000 : small) * GROUP_BYTES })));
    const plainBytes = 1000 * GROUP_BYTES;
    expect(choosePolicy(index(100), anything, plainBytes, rules).policy.dataShards).toBe(10);
    expect(choosePolicy(index(99), anything, plainBytes, rules).policy.dataShards).toBe(1);
  });

  test('says what is missing', () => {
    expect(() => choosePolicy(createMarketIndex([]), anything, 0, rules)).toThrow(code('market.no-offer'));
    expect(() => choosePolicy(createMarketIndex(offers(1)), anything, 0, rules)).toThrow(code('policy.too-few-nodes'));
  });
});

describe('a quote', () => {
  const terms = (changes: Partial<Terms>): Terms => ({ ...anything, ...changes });
  const policy = { dataShards: 2, parityShards: 2 };

  test('adds up what each node asks, and rounds up', () => {
    const index = createMarketIndex(offers(6, () => ({ priceSatPerTbMonth: 1000n })));
    const tb = quote(index, terms({ policy }), 1e12, rules);
    const perNode = Math.ceil(5e11 / GROUP_BYTES) * GROUP_BYTES;
    expect(tb.storedBytes).toBe(4 * perNode);
    expect(tb.monthlyCostMsat).toBe(4n * ((BigInt(perNode) * 1_000_000n + 999_999_999_999n) / 1_000_000_000_000n));
    expect(tb.spareNodes).toBe(2);
    expect(quote(index, terms({ policy }), 1, rules).monthlyCostMsat).toBe(4n);
    expect(quote(index, terms({ policy }), 0, rules)).toMatchObject({ storedBytes: 0, monthlyCostMsat: 0n });
  });

  test('tells the dearest restore', () => {
    const index = createMarketIndex(offers(6, (number) => ({ egressSatPerTb: BigInt(number) * 100n })));
    const { restoreCostMsat, chosen } = quote(index, terms({ policy }), 2e12, rules);
    expect(chosen.map(({ egressSatPerTb }) => egressSatPerTb)).toEqual([0n, 100n, 200n, 300n]);
    const perNode = BigInt(bytesPerNode(2e12, policy));
    expect(restoreCostMsat).toBe((perNode * 500n * 1000n + 999_999_999_999n) / 1_000_000_000_000n);
  });

  test('keeps to the terms, and refuses what the market has not', () => {
    const index = createMarketIndex(offers(6, (number) => ({ region: number < 3 ? 'eu' : 'us' })));
    const asked = (changes: Partial<Terms>) => () => quote(index, terms({ policy, ...changes }), 1, rules);
    expect(asked({})().chosen).toHaveLength(4);
    expect(asked({ regions: ['eu'] })).toThrow(code('policy.too-few-nodes'));
    expect(asked({ maxPriceSatPerTbMonth: 1002n })).toThrow(code('policy.too-few-nodes'));
    expect(asked({ policy: { dataShards: 2, parityShards: 1 } })).toThrow(code('policy.redundancy-too-low'));
    expect(asked({ avoidOperators: ['operator 0'] })().chosen.map(({ operator }) => operator)).not.toContain(
      'operator 0',
    );
    expect(asked({ policy: { dataShards: 3, parityShards: 3 } })().warning).toContain('all 6 independent nodes');
  });
});
