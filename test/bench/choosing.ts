/** Choosing nodes among 100,000 offers, once they are loaded: npm run bench -- --only choosing */
import { chooseNodes, type ChooseRequest, createMarketIndex, type Offer } from '@holdfast/mediator';
import { createSeededRandomness, randomIntBelow } from '@holdfast/platform';

const OFFERS = 100_000;
const NOW_MS = 1_800_000_000_000;
const CALLS = 2_001;
const REGIONS = ['eu', 'us', 'asia', 'africa'] as const;

/** Prices differ by a factor of ten; of three nodes two share their operator with others, one in ten is full or away. */
function makeOffers(): Offer[] {
  const random = createSeededRandomness('choosing 1');
  const below = (limit: number): number => randomIntBelow(random, limit);
  return Array.from({ length: OFFERS }, (_, number) => ({
    nodeId: number.toString(16).padStart(64, '0'),
    operator: `operator ${below(3) === 0 ? number : below(OFFERS / 20)}`,
    region: REGIONS[below(REGIONS.length)]!,
    subnet: `10.${below(200)}.${below(200)}.0/24`,
    priceSatPerTbMonth: BigInt(500 + below(4_500)),
    egressSatPerTb: 0n,
    freeBytes: below(10) === 0 ? 0 : 1e12,
    state: below(10) === 0 ? 'vetting' : 'active',
    lastSeenAtMs: below(10) === 0 ? 0 : NOW_MS,
  }));
}

const REQUEST: ChooseRequest = {
  nodeCount: 8,
  bytesPerNode: 1e9,
  regions: [],
  avoidOperators: [],
  avoidNodes: [],
  onePerSubnet: true,
  nowMs: NOW_MS,
  offlineAfterMs: 100_000,
};

/** Prints what 2,001 calls of each kind of request took. */
export function benchChoosing(): void {
  const before = process.cpuUsage();
  const index = createMarketIndex(makeOffers());
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(
    `\nchooseNodes among ${OFFERS.toLocaleString('en-GB')} offers, loaded in ${((user + system) / 1e6).toFixed(1)} CPU s\n`,
  );
  process.stdout.write('request                                median ms   CPU ms, mean\n');
  const cheapest = index.offers.slice(0, 200);
  const requests: readonly (readonly [string, ChooseRequest])[] = [
    ['8 nodes (4+4)', REQUEST],
    ['40 nodes (20+20)', { ...REQUEST, nodeCount: 40 }],
    ['8 in one region, below 700 sat', { ...REQUEST, regions: ['asia'], maxPriceSatPerTbMonth: 700n }],
    ['8, avoiding 100 operators and 100 nodes', without(cheapest)],
    ['8 at a price that nobody asks', { ...REQUEST, maxPriceSatPerTbMonth: 1n }],
  ];
  for (const [name, request] of requests) {
    const { medianMs, cpuMs } = measureCalls(() => chooseNodes(index, request));
    process.stdout.write(`${name.padEnd(38)} ${medianMs.toFixed(4).padStart(9)} ${cpuMs.toFixed(4).padStart(14)}\n`);
  }
}

const without = (cheapest: readonly Offer[]): ChooseRequest => ({
  ...REQUEST,
  avoidOperators: cheapest.slice(0, 100).map(({ operator }) => operator),
  avoidNodes: cheapest.slice(100).map(({ nodeId }) => nodeId),
});

function measureCalls(call: () => unknown): { medianMs: number; cpuMs: number } {
  const before = process.cpuUsage();
  const times = Array.from({ length: CALLS }, () => {
    const started = performance.now();
    call();
    return performance.now() - started;
  });
  const { user, system } = process.cpuUsage(before);
  const medianMs = times.toSorted((a, b) => a - b)[CALLS >> 1]!;
  return { medianMs, cpuMs: (user + system) / 1000 / CALLS };
}
