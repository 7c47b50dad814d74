/** Thirty simulated days of a dozen kinds of storage node; docs/market.md shows the table and what to make of it. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { makeShards, secretOf, type SimulatedShard } from './challenged-node.ts';
import {
  type Behaviour,
  borrowsFromSibling,
  keepsTheLastOnly,
  lossy,
  lossyAndHonest,
  type Random,
  refusesGets,
  silentOnHoles,
  slowDisk,
  twoPercentDown,
} from './node-behaviours.ts';
import { liveThirtyDays, type Month, PERIODS } from './thirty-days.ts';

/** Everything follows from it; it stands in the names of the tests, so a failure shows it. */
const SEED = 'thirty days 1';
const MIB = 1024 * 1024;
/** When things go wrong: after ten days, so that the node was vetted before. */
const FROM = 240;

/** A thousand shards of 8 MiB for twenty clients' agreements. */
const real = makeShards(
  SEED,
  Array.from({ length: 1000 }, () => 8 * MIB),
  (at) => `agreement ${at % 20}`,
);
const packIdsOf = (shards: readonly SimulatedShard[]): string[] => shards.map(({ packId }) => packId);
const junk = makeShards(
  `${SEED} junk`,
  Array.from({ length: 9000 }, () => 8 * MIB),
  () => 'junk of its own',
);

/** One shard of 64 KiB, among five thousand agreements that a client of the node's own opened over 8 MiB each. */
const small = makeShards(`${SEED} small`, [64 * 1024], () => 'a small client');
const crowd = makeShards(
  `${SEED} crowd`,
  Array.from({ length: 5000 }, () => 8 * MIB),
  (at) => `own ${at}`,
);

function randomOf(seed: string): Random {
  let number = 0;
  return () => {
    number += 1;
    return Buffer.from(secretOf(seed, number)).readUInt32BE(0) / 2 ** 32;
  };
}

const cases: [Behaviour, readonly SimulatedShard[]][] = [
  [twoPercentDown(), real],
  [slowDisk(randomOf(SEED)), real],
  [lossyAndHonest(packIdsOf(real.slice(500, 510)), FROM), real],
  [lossy('lost 0.1 %', packIdsOf(real.slice(500, 501)), FROM), real],
  [lossy('lost 1 %', packIdsOf(real.slice(500, 510)), FROM), real],
  [lossy('lost 50 %', packIdsOf(real.slice(500)), FROM), real],
  [keepsTheLastOnly(FROM), real],
  [silentOnHoles(packIdsOf(real.slice(500, 510)), FROM), real],
  [refusesGets(FROM), real],
  [
    lossy('diluted tenfold by junk of its own, then dropped 10 % of the rest', packIdsOf(real.slice(500, 600)), FROM),
    [...real, ...junk],
  ],
  [
    lossy(
      '5,000 agreements of its own, then dropped the only shard (64 KiB) of a small client',
      packIdsOf(small),
      FROM,
    ),
    [...real.slice(0, 500), ...small, ...crowd],
  ],
  [borrowsFromSibling(), real],
];

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const day = (period: number): string => `day ${Math.floor(period / 24) + 1}`;

function row(month: Month): string {
  const { name, paid, failed, missed, firstFailure, shardsLost, proofs, availability, standings } = month;
  const caught = firstFailure === undefined ? '–' : `hour ${firstFailure}`;
  const path = standings.map(([standing, since]) => `${standing}${since === 0 ? '' : ` (${day(since)})`}`).join(' → ');
  const cells = [name, paid, failed, missed, caught, shardsLost, percent(proofs), percent(availability), path];
  return `| ${cells.join(' | ')} |`;
}

describe(`thirty days (seed "${SEED}")`, () => {
  const months: Month[] = [];
  const monthOf = (start: string): Month => months.find(({ name }) => name.startsWith(start))!;
  const standingOf = (start: string): string => monthOf(start).standings.at(-1)![0];
  beforeAll(async () => {
    for (const [behaviour, shards] of cases) months.push(await liveThirtyDays(SEED, shards, behaviour));
  }, 600_000);

  test('an honest node is active after a week, never suspended, and unpaid only while it is down', () => {
    const { standings, paid, failed } = monthOf('honest');
    expect(standings.map(([standing]) => standing)).toEqual(['vetting', 'active']);
    expect([paid, failed]).toEqual([PERIODS - 14, 0]);
  });
  test('a slow disk costs the late periods, nothing else', () => {
    const { standings, paid, missed, failed } = monthOf('slow');
    expect(standings.map(([standing]) => standing)).toEqual(['vetting', 'active']);
    expect([paid, failed]).toEqual([PERIODS - missed, 0]);
    expect(missed).toBeGreaterThan(30);
  });
  test('who reports a loss first loses those shards only', () => {
    const { paid, shardsLost, proofs } = monthOf('lost 1 %, scrubbed');
    expect([paid, shardsLost, proofs]).toEqual([PERIODS, 10, 1]);
  });
  test('a single lost shard is found within hours and costs that period', () => {
    const { firstFailure, failed, shardsLost } = monthOf('lost 0.1 %');
    expect(firstFailure! - FROM).toBeLessThan(24);
    expect([failed, shardsLost]).toEqual([1, 1]);
    expect(standingOf('lost 0.1 %')).toBe('active');
  });
  test('1 % lost is found at once, down to the last shard, and suspends the node until it has proven itself again', () => {
    const month = months.find(({ name }) => name === 'lost 1 %')!;
    expect(month.firstFailure! - FROM).toBeLessThan(2);
    expect(month.shardsLost).toBe(10);
    expect(month.standings.map(([standing]) => standing)).toContain('suspended');
    expect(month.standings.map(([standing]) => standing)).not.toContain('disqualified');
  });
  test.each(['lost 50 %', 'keeps only', 'the second of two'])(
    '%s: over with the first challenge that sees it',
    (name) => {
      const { standings, failed } = monthOf(name);
      expect(standings.at(-1)![0]).toBe('disqualified');
      expect(failed).toBe(1);
    },
  );
  test('silence about a hole pays no better than admitting it', () => {
    const silent = monthOf('lost 1 %, silent');
    const open = months.find(({ name }) => name === 'lost 1 %')!;
    expect(silent.paid).toBeLessThan(open.paid);
    expect(silent.failed).toBe(open.failed);
    expect(silent.shardsLost).toBe(open.shardsLost);
    expect(silent.standings.map(([standing]) => standing)).toContain('suspended');
  });
  test('who refuses GETs is not paid from then on, and suspended though every proof is right', () => {
    const { paid, failed, proofs } = monthOf('answers challenges');
    expect([paid, failed, proofs]).toEqual([FROM, 0, 1]);
    expect(standingOf('answers challenges')).toBe('suspended');
  });
  test('junk of its own does not hide a loss: every agreement is asked in every period', () => {
    const { firstFailure } = monthOf('diluted');
    expect(firstFailure! - FROM).toBeLessThan(2);
    expect(['suspended', 'disqualified']).toContain(standingOf('diluted'));
  });
  test('however many agreements there are, each is asked at least once a day: the smallest client’s loss is found', () => {
    const { firstFailure, shardsLost, longestUnshown } = monthOf('5,000');
    expect(firstFailure! - FROM).toBeLessThanOrEqual(24);
    expect(shardsLost).toBe(1);
    expect(longestUnshown).toBeLessThanOrEqual(24);
    for (const { name, missed, longestUnshown: unshown } of months) {
      if (missed === 0 && !name.startsWith('5,000')) expect([name, unshown]).toEqual([name, 1]);
    }
  });
  test('docs/market.md shows just this table', () => {
    const page = readFileSync(new URL('../../docs/market.md', import.meta.url), 'utf8');
    const table = months.map(row).join('\n');
    expect(page.includes(table) ? 'the table of the simulation' : table).toBe('the table of the simulation');
  });
});
