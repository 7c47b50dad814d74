/**
 * Random histories of everything that moves money, some steps dying in the middle: after each of them, the ledger is as
 * it must be. A failing run prints its seed and its shortest history.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HoldfastError, msat } from '@holdfast/protocol';
import { runsOf } from '@holdfast/testkit';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { shrinkAgreements } from '../adapters/postgres/agreements-growth.ts';
import { releaseUpload, settleUpload } from '../adapters/postgres/agreements-uploads.ts';
import { inTransaction, translateDatabaseError } from '../adapters/postgres/database.ts';
import { addCrashes, type Crashes } from '../testing/test-crashes.ts';
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
import { VERDICTS } from './index.ts';

const RULES = { termPeriods: 12, gracePeriods: 4, uncommittedPeriods: 2, withheldPeriods: 5 };
const CLIENTS = 2;
const NODES = 3;
const TB = 1e12;
const HISTORIES = runsOf({ short: 6, long: 200 });
const MAX_MS = 3_600_000;

let release: () => Promise<void>;
let ledger: TestLedger;
let crashes: Crashes;
beforeAll(async () => {
  release = await holdDatabaseServer();
  ledger = await openTestLedger(RULES);
  crashes = addCrashes(ledger.database);
});
afterAll(async () => {
  await ledger.close();
  await release();
});

interface World {
  nowMs: number;
  readonly clientIds: string[];
  readonly vaults: { clientId: string; vaultId: string }[];
  readonly nodes: TestMoneyNode[];
  uploads: { uploadId: string; vault: number; nodes: TestMoneyNode[]; quota: number }[];
}

const small = fc.nat({ max: 1000 });
const bytes = fc.integer({ min: 1, max: 3 * TB });
const steps = fc.record({
  crashAfter: fc.option(fc.nat({ max: 18 }), { freq: 3 }),
  step: fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('credit' as const),
        who: small,
        amount: fc.bigInt({ min: 1n, max: 300_000n }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('open' as const), who: small, first: small, bytes }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const), which: small, bytes }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), who: small, node: small, bytes }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), which: small }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('discard' as const), which: small, bytes, periods: fc.nat({ max: 4 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('settle' as const),
        node: small,
        back: fc.nat({ max: 4 }),
        verdict: fc.constantFrom(...VERDICTS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('terminate' as const),
        which: small,
        by: fc.constantFrom('client' as const, 'node' as const),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), periods: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('repair' as const),
        node: small,
        amount: fc.bigInt({ min: 1n, max: 5000n }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('reprice' as const),
        node: small,
        price: fc.bigInt({ min: 0n, max: 3000n }),
      }),
    },
  ),
});
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

async function makeWorld(): Promise<World> {
  const clientIds = Array.from({ length: CLIENTS }, () => freshId());
  const nodes: TestMoneyNode[] = [];
  for (let made = 0; made < NODES; made += 1) {
    nodes.push(await ledger.node(BigInt(700 + 13 * made), made === 0 ? 'vetting' : 'active'));
  }
  const vaults = [];
  for (const clientId of clientIds) vaults.push(await ledger.vault(clientId, { cap: 2000n }));
  for (const clientId of clientIds) await ledger.credit(clientId, 100_000n);
  return { nowMs: at(FIRST), clientIds, vaults, nodes, uploads: [] };
}

const pick = <T>(list: readonly T[], at_: number): T | undefined => list[at_ % list.length];

async function take(world: World, { step }: Step): Promise<void> {
  const { database, money, agreements, settlements } = ledger;
  const { nowMs, nodes, vaults } = world;
  switch (step.kind) {
    case 'credit':
      await ledger.credit(pick(world.clientIds, step.who)!, step.amount);
      return;
    case 'open': {
      const chosen = [pick(nodes, step.first)!, pick(nodes, step.first + 1)!];
      const vault = step.who % vaults.length;
      const uploadId = await openUpload(ledger, vaults[vault]!, chosen, step.bytes, nowMs);
      world.uploads.push({ uploadId, vault, nodes: chosen, quota: step.bytes });
      return;
    }
    case 'commit': {
      const upload = pick(world.uploads, step.which);
      if (upload === undefined) return;
      const added = 1 + (step.bytes % upload.quota);
      await commitBytes(ledger, vaults[upload.vault]!, upload.uploadId, upload.nodes, added, nowMs);
      return;
    }
    case 'drop': {
      const from = new Map([[pick(nodes, step.node)!.nodeNo, step.bytes]]);
      await inTransaction(database, (tx) => shrinkAgreements(tx, money, pick(vaults, step.who)!, from, nowMs));
      return;
    }
    case 'close': {
      const upload = pick(world.uploads, step.which);
      if (upload !== undefined) await inTransaction(database, (tx) => releaseUpload(tx, money, upload.uploadId, nowMs));
      return;
    }
    case 'discard': {
      const upload = pick(world.uploads, step.which);
      if (upload === undefined) return;
      const left = upload.nodes.map(({ nodeNo }) => ({
        nodeNo,
        sizeBytes: step.bytes,
        lainMs: step.periods * ledger.money.rules.periodMs,
      }));
      await inTransaction(database, (tx) => settleUpload(tx, money, upload.uploadId, left, nowMs));
      return;
    }
    case 'settle': {
      const period = Math.floor(nowMs / ledger.money.rules.periodMs) - step.back;
      const { nodeId } = pick(nodes, step.node)!;
      const settled = await settlements.settle(nodeId, period, step.verdict, nowMs);
      const again = await settlements.settle(nodeId, period, 'passed', nowMs);
      expect(again).toEqual({ ...settled, isNew: false });
      return;
    }
    case 'terminate': {
      const running = await agreements.listOfClient(pick(world.clientIds, step.which)!, { limit: 50 });
      const one = pick(running, step.which);
      if (one !== undefined) await agreements.terminate(one.agreementId, step.by, undefined, nowMs);
      return;
    }
    case 'pass':
      world.nowMs += step.periods * ledger.money.rules.periodMs;
      return;
    case 'renew':
      await agreements.renewDue(nowMs);
      return;
    case 'end':
      await agreements.endTerms(nowMs);
      return;
    case 'release':
      await settlements.releaseWithheld(nowMs);
      return;
    case 'repair': {
      const charge = { amountMsat: msat(step.amount), reference: freshId(8) };
      await settlements.chargeRepair(pick(nodes, step.node)!.nodeId, charge, nowMs);
      return;
    }
    case 'reprice':
      await database.execute(sql`
        UPDATE nodes SET price_sat_per_tb_month = ${step.price} WHERE node_no = ${pick(nodes, step.node)!.nodeNo}`);
  }
}

/** Refusals with a reason, and crashes that were asked for, are part of life. Resolves to whether it came to a crash. */
async function survive(world: World, step: Step): Promise<boolean> {
  if (step.crashAfter !== null) crashes.arm(step.crashAfter);
  let failure: unknown;
  await take(world, step).catch((error: unknown) => (failure = error));
  const hasCrashed = crashes.disarm();
  if (failure === undefined) return false;
  const wasCrash = hasCrashed && translateDatabaseError(failure) !== undefined;
  const wasRefused = failure instanceof HoldfastError && failure.code !== 'money.refused';
  if (!wasCrash && !wasRefused) throw failure as Error;
  return wasCrash;
}

test(
  'whatever happens in whatever order, and wherever it breaks off: the ledger is right after each step',
  async () => {
    const seen = { crashes: 0, settled: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 10, maxLength: 60, size: 'max' }), async (history) => {
        const world = await makeWorld();
        for (const step of history) {
          if (await survive(world, step)) seen.crashes += 1;
          expect(await ledger.ledger.findFaults()).toEqual([]);
        }
        seen.settled += history.filter((one) => one.step.kind === 'settle').length;
        // In the end everything is settled, and nothing is left in a hold.
        world.nowMs += 40 * ledger.money.rules.periodMs;
        await ledger.agreements.endTerms(world.nowMs);
        for (const { nodeId } of world.nodes) {
          for (let period = FIRST - 5; period * ledger.money.rules.periodMs < world.nowMs; period += 1) {
            await ledger.settlements.settle(nodeId, period, 'passed', world.nowMs);
          }
        }
        expect(await ledger.ledger.findFaults()).toEqual([]);
        for (const clientId of world.clientIds) expect((await ledger.ledger.clientBalance(clientId)).heldMsat).toBe(0n);
      }),
      { numRuns: HISTORIES },
    );
    expect(seen.settled).toBeGreaterThan(0);
    expect(seen.crashes).toBeGreaterThan(5);
  },
  MAX_MS,
);
