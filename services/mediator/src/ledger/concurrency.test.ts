/** Many hands at once: settlements of nodes that share clients, commits and drops of those clients, no circle of waits. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dueIn, priceUnit, satPerTbMonth } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { growUnderUpload, shrinkAgreements } from '../adapters/postgres/agreements-growth.ts';
import type { Transaction } from '../adapters/postgres/database.ts';
import { settleNode } from '../adapters/postgres/settlement.ts';
import { rateOf } from '../agreements/index.ts';
import {
  at,
  commitBytes,
  FIRST,
  openTestLedger,
  openUpload,
  type TestLedger,
  type TestMoneyNode,
} from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';

const TB = 1e12;
const NODES = 8;
const CLIENTS = 6;
let release: () => Promise<void>;
let ledger: TestLedger;
beforeAll(async () => {
  release = await holdDatabaseServer();
  ledger = await openTestLedger();
});
afterAll(async () => {
  await ledger.close();
  await release();
});

/** Without the retry that would hide a deadlock. */
const once = <T>(run: (tx: Transaction) => Promise<T>): Promise<T> => ledger.database.transaction(run);

test('settlements, commits and drops of the same clients run side by side', async () => {
  const nodes: TestMoneyNode[] = [];
  for (let made = 0; made < NODES; made += 1) nodes.push(await ledger.node(1000n));
  const worlds: { vault: { clientId: string; vaultId: string }; uploadId: string }[] = [];
  for (let made = 0; made < CLIENTS; made += 1) {
    const clientId = freshId();
    const vault = await ledger.vault(clientId);
    await ledger.credit(clientId, 10n ** 12n);
    const uploadId = await openUpload(ledger, vault, nodes, 9 * TB, at(FIRST));
    await commitBytes(ledger, vault, uploadId, nodes, TB, at(FIRST));
    worlds.push({ vault, uploadId });
  }
  const bytes = (each: number, order: number) =>
    new Map(
      nodes.map(({ nodeNo }) => [nodeNo, each] as const).toSorted(([a], [b]) => (order % 2 === 0 ? a - b : b - a)),
    );
  const verdicts = ['passed', 'missed', 'failed', 'void'] as const;
  const work: Promise<unknown>[] = [];
  for (let period = FIRST; period < FIRST + 4; period += 1) {
    for (const [order, { nodeId }] of nodes.entries()) {
      const verdict = verdicts[(order + period) % 4]!;
      work.push(once((tx) => settleNode(tx, ledger.money, { nodeId, period, verdict }, at(period + 1))));
    }
    for (const [order, { vault, uploadId }] of worlds.entries()) {
      const nowMs = at(period);
      work.push(once((tx) => growUnderUpload(tx, ledger.money, { ...vault, uploadId }, bytes(1e9, order), nowMs)));
      work.push(once((tx) => shrinkAgreements(tx, ledger.money, vault, bytes(5e8, order + 1), nowMs)));
    }
  }
  const outcomes = await Promise.allSettled(work);
  const failed = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [String((outcome.reason as Error).cause ?? outcome.reason)] : [],
  );
  expect(failed).toEqual([]);
  expect(await ledger.ledger.findFaults()).toEqual([]);
});

test('the database computes what is due as everybody else does', async () => {
  const spans = fc.sample(
    fc.record({
      periodMs: fc.constantFrom(1000, 10_000, 3_600_000),
      storedBytes: fc.integer({ min: 0, max: 1e15 }),
      price: fc.bigInt({ min: 0n, max: 1_000_000n }),
      elapsed: fc.nat({ max: 2_000_000 }),
      carryParts: fc.nat({ max: 999_999 }),
    }),
    { numRuns: 2000, seed: 7 },
  );
  const expected: bigint[] = [];
  const columns: bigint[][] = [[], [], [], [], []];
  for (const { periodMs, storedBytes, price, elapsed, carryParts } of spans) {
    const unit = priceUnit(periodMs);
    const carry = (unit.denominator / 1_000_000n) * BigInt(carryParts);
    const span = { fromPeriod: 0, untilPeriod: elapsed + 1, storedBytes, price: satPerTbMonth(price), carry };
    const { rateMsat, rateRest } = rateOf(span, unit);
    expected.push(dueIn(span, unit, elapsed));
    for (const [at_, value] of [rateMsat, rateRest, carry, BigInt(elapsed), unit.denominator].entries()) {
      columns[at_]!.push(value);
    }
  }
  const { rows } = await ledger.database.execute<{ due: string }>(sql`
    SELECT due_in_period(rate, rest, carry, elapsed::int, denominator) AS due FROM unnest(
      ${sql.param(columns[0])}::bigint[], ${sql.param(columns[1])}::bigint[], ${sql.param(columns[2])}::bigint[],
      ${sql.param(columns[3])}::bigint[], ${sql.param(columns[4])}::bigint[]) WITH ORDINALITY
      AS span(rate, rest, carry, elapsed, denominator, place) ORDER BY place`);
  expect(rows.map(({ due }) => BigInt(due))).toEqual(expected);
});
