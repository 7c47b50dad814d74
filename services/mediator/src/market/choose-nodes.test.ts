import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ChooseRequest, chooseNodes, countIndependentNodes } from './choose-nodes.ts';
import { effectivePrice } from './effective-price.ts';
import { explainChoice } from './explain-choice.ts';
import { createMarketIndex, updateOffer } from './market-index.ts';
import type { Offer } from './ports.ts';

const NOW = 1_000_000;

const offer = (number: number, changes: Partial<Offer> = {}): Offer => ({
  nodeId: number.toString(16).padStart(64, '0'),
  operator: `operator ${number}`,
  region: 'eu',
  subnet: `10.0.${number}.0/24`,
  priceSatPerTbMonth: 1000n,
  egressSatPerTb: 0n,
  freeBytes: 1000,
  state: 'active',
  lastSeenAtMs: NOW,
  ...changes,
});

const request = (changes: Partial<ChooseRequest> = {}): ChooseRequest => ({
  nodeCount: 2,
  bytesPerNode: 100,
  regions: [],
  avoidOperators: [],
  avoidNodes: [],
  onePerSubnet: true,
  nowMs: NOW,
  offlineAfterMs: 100,
  ...changes,
});

const chosenIds = (offers: Offer[], changes: Partial<ChooseRequest> = {}): number[] =>
  chooseNodes(createMarketIndex(offers), request(changes)).chosen.map(({ nodeId }) => Number.parseInt(nodeId, 16));

test('takes the cheapest, and of equals the lower node id, whatever the order they come in', () => {
  const offers = [offer(3), offer(1), offer(2), offer(9, { priceSatPerTbMonth: 999n })];
  expect(chosenIds(offers)).toEqual([9, 1]);
  expect(chosenIds([...offers].reverse())).toEqual([9, 1]);
});

test('a newcomer has to be cheaper by what replacing it is expected to cost', () => {
  const proven = offer(1, { priceSatPerTbMonth: 1000n });
  const vetting = (price: bigint): Offer => offer(2, { priceSatPerTbMonth: price, state: 'vetting' });
  expect(chosenIds([proven, vetting(980n)], { nodeCount: 1 })).toEqual([1]);
  expect(chosenIds([proven, vetting(950n)], { nodeCount: 1 })).toEqual([2]);
});

test('cheapest first alone would be wrong where operator and network cross', () => {
  // 1 is the cheapest, but blocks both 2 (its operator) and 3 (its network).
  const offers = [
    offer(1, { priceSatPerTbMonth: 10n, operator: 'a', subnet: 'x' }),
    offer(2, { priceSatPerTbMonth: 11n, operator: 'a', subnet: 'y' }),
    offer(3, { priceSatPerTbMonth: 12n, operator: 'b', subnet: 'x' }),
    offer(4, { priceSatPerTbMonth: 5000n, operator: 'c', subnet: 'z' }),
  ];
  expect(chosenIds(offers)).toEqual([2, 3]);
  expect(chosenIds(offers, { onePerSubnet: false })).toEqual([1, 3]);
});

test('nodes to be avoided are taken only where others will not do', () => {
  const offers = [offer(1), offer(2, { priceSatPerTbMonth: 2000n }), offer(3, { priceSatPerTbMonth: 3000n })];
  const avoidNodes = [offers[0]!.nodeId];
  expect(chosenIds(offers, { avoidNodes })).toEqual([2, 3]);
  expect(chosenIds(offers, { avoidNodes, nodeCount: 3 })).toEqual([2, 3, 1]);
});

test('changes of space and of the last heartbeat count at once', () => {
  const index = createMarketIndex([offer(1), offer(2), offer(3)]);
  expect(updateOffer(index, offer(1).nodeId, { freeBytes: 99 })).toBe(true);
  expect(updateOffer(index, offer(2).nodeId, { lastSeenAtMs: NOW - 101 })).toBe(true);
  expect(updateOffer(index, offer(7).nodeId, { freeBytes: 5 })).toBe(false);
  expect(chooseNodes(index, request()).chosen.map(({ nodeId }) => nodeId)).toEqual([offer(3).nodeId]);
});

test('each node that was not chosen has its reason', () => {
  const offers = [
    offer(1),
    offer(2, { operator: 'operator 1', priceSatPerTbMonth: 1001n }),
    offer(3, { subnet: '10.0.1.0/24', priceSatPerTbMonth: 1001n }),
    offer(4, { priceSatPerTbMonth: 5000n }),
    offer(5, { region: 'us' }),
    offer(6, { freeBytes: 99 }),
    offer(7, { lastSeenAtMs: 0 }),
    offer(8, { state: 'suspended' }),
    offer(9, { state: 'unreached' }),
    offer(10, { priceSatPerTbMonth: 6001n }),
    offer(11, { operator: 'evil' }),
    offer(12, { priceSatPerTbMonth: 1n }),
  ];
  const index = createMarketIndex(offers);
  const asked = request({
    nodeCount: 1,
    regions: ['eu'],
    maxPriceSatPerTbMonth: 6000n,
    avoidOperators: ['evil'],
    avoidNodes: [offers[11]!.nodeId],
  });
  const refusals = explainChoice(index, asked, chooseNodes(index, asked), 200);
  const reasons = new Map(refusals.map((refusal) => [Number.parseInt(refusal.offer.nodeId, 16), refusal.reason]));
  expect(Object.fromEntries(reasons)).toEqual({
    2: 'same-operator',
    3: 'same-subnet',
    4: 'dearer',
    5: 'region',
    6: 'no-space',
    7: 'offline',
    8: 'state',
    9: 'state',
    10: 'price-cap',
    11: 'operator-avoided',
    12: 'asked-to-avoid',
  });
  for (const { sentence } of refusals) expect(sentence).toMatch(/^[A-Z].+\.$/);
  expect(explainChoice(index, asked, chooseNodes(index, asked), 2).map(({ reason }) => reason)).toEqual([
    'asked-to-avoid',
    'same-operator',
  ]);
});

/** Every set of `size` independent nodes, by trying all. */
function* independentSets(
  offers: Offer[],
  size: number,
  isSubnetRule: boolean,
  start = 0,
  set: Offer[] = [],
): Generator<Offer[]> {
  if (set.length === size) {
    yield set;
    return;
  }
  for (let at = start; at < offers.length; at += 1) {
    const next = offers[at]!;
    const conflicts = set.some(
      (other) => other.operator === next.operator || (isSubnetRule && other.subnet === next.subnet),
    );
    if (!conflicts) yield* independentSets(offers, size, isSubnetRule, at + 1, [...set, next]);
  }
}

const market = fc.array(
  fc.record({
    operator: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    subnet: fc.constantFrom('v', 'w', 'x', 'y', 'z'),
    region: fc.constantFrom('eu', 'eu', 'us'),
    priceSatPerTbMonth: fc.bigInt({ min: 0n, max: 12n }).map((price) => price * 100n),
    freeBytes: fc.constantFrom(99, 100, 5000, 5000, 5000),
    state: fc.constantFrom('active', 'active', 'vetting', 'suspended') as fc.Arbitrary<Offer['state']>,
    lastSeenAtMs: fc.constantFrom(NOW, NOW, NOW - 100, NOW - 101),
  }),
  { maxLength: 11 },
);
const wishes = fc.record({
  nodeCount: fc.integer({ min: 1, max: 5 }),
  onePerSubnet: fc.boolean(),
  regions: fc.constantFrom<string[]>([], ['eu']),
  avoidOperators: fc.constantFrom<string[]>([], [], ['c']),
  avoidNodes: fc.constantFrom<string[]>([], [offer(0).nodeId, offer(1).nodeId]),
});

test('no other set is cheaper: compared with trying all sets', () => {
  fc.assert(
    fc.property(market, wishes, (nodes, wish) => {
      const offers = nodes.map((node, number) => offer(number, node));
      const asked = request(wish);
      const able = offers.filter(
        (node) =>
          (node.state === 'active' || node.state === 'vetting') &&
          node.lastSeenAtMs >= NOW - asked.offlineAfterMs &&
          node.freeBytes >= asked.bytesPerNode &&
          (asked.regions.length === 0 || asked.regions.includes(node.region)) &&
          !asked.avoidOperators.includes(node.operator),
      );
      const avoided = new Set(asked.avoidNodes);
      const costOf = (set: readonly Offer[]): [number, number] => [
        set.filter(({ nodeId }) => avoided.has(nodeId)).length,
        set.reduce((sum, node) => sum + effectivePrice(node), 0),
      ];
      const { chosen } = chooseNodes(createMarketIndex(offers), asked);
      let size = asked.nodeCount;
      let sets = [...independentSets(able, size, asked.onePerSubnet)];
      while (sets.length === 0) sets = [...independentSets(able, --size, asked.onePerSubnet)];
      expect(chosen).toHaveLength(size);
      expect(new Set(chosen).size).toBe(size);
      expect(chosen.every((node) => able.includes(node))).toBe(true);
      expect([...independentSets([...chosen], size, asked.onePerSubnet)]).toHaveLength(1);
      const best = sets.map(costOf).sort(([a, b], [c, d]) => a - c || b - d)[0]!;
      // When there are not enough nodes for the set asked for, only how many there are is promised.
      if (size === asked.nodeCount) expect(costOf(chosen)).toEqual(best);
      expect(countIndependentNodes(createMarketIndex(offers), asked, asked.nodeCount)).toBe(size);
    }),
    { numRuns: 3000 },
  );
});

test('the same offers give the same set, in whatever order they come', () => {
  fc.assert(
    fc.property(market, wishes, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (nodes, wish, noise) => {
      const offers = nodes.map((node, number) => offer(number, node));
      const shuffled = offers
        .map((node) => ({ node, key: noise.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ node }) => node);
      const ids = (list: Offer[]) =>
        chooseNodes(createMarketIndex(list), request(wish)).chosen.map(({ nodeId }) => nodeId);
      expect(ids(shuffled)).toEqual(ids(offers));
    }),
    { numRuns: 500 },
  );
});

test('only a few dozen of many offers are looked at', () => {
  const offers = Array.from({ length: 20_000 }, (_, number) =>
    offer(number, {
      subnet: `subnet ${number % 5000}`,
      operator: `operator ${number % 7000}`,
      priceSatPerTbMonth: BigInt(1 + (number % 997)),
    }),
  );
  const index = createMarketIndex(offers);
  let looks = 0;
  const counted = new Proxy(index.isOnOffer, {
    get: (target, key) => {
      looks += 1;
      return Reflect.get(target, key, target) as unknown;
    },
  });
  const { chosen } = chooseNodes({ ...index, isOnOffer: counted }, request({ nodeCount: 20 }));
  expect(chosen).toHaveLength(20);
  expect(looks).toBeLessThan(200);
});
