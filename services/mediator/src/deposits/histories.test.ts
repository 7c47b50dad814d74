/**
 * Random histories of deposits, reorganisations, double spends and outages, among everything that spends the money
 * meanwhile, some steps dying in the middle: after each of them the ledger is as it must be, and agrees with the chain.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { HoldfastError } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { settleUpload } from '../adapters/postgres/agreements-uploads.ts';
import { inTransaction, translateDatabaseError } from '../adapters/postgres/database.ts';
import { VERDICTS } from '../ledger/index.ts';
import { createWithdrawalStore } from '../adapters/postgres/withdrawals.ts';
import type { WithdrawalStore } from '../payouts/index.ts';
import { addCrashes, type Crashes } from '../testing/test-crashes.ts';
import { openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import { commitBytes, openUpload, type TestMoneyNode } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';

const MONEY = { termPeriods: 12, gracePeriods: 4, uncommittedPeriods: 2, withheldPeriods: 5 };
const RULES = { confirmations: 3, large: { sats: 50_000n, confirmations: 5 } };
const HOUR_MS = 3_600_000;
const TB = 1e12;

let release: () => Promise<void>;
let world: TestDeposits;
let chain: FakeRailChain;
let crashes: Crashes;
let withdrawals: WithdrawalStore;
beforeAll(async () => {
  release = await holdDatabaseServer();
  chain = createFakeRail();
  world = await openTestDeposits(chain, { money: MONEY, rules: RULES });
  crashes = addCrashes(world.database);
  withdrawals = createWithdrawalStore(world.database);
});
afterAll(async () => {
  await world.close();
  await release();
});

interface Cast {
  readonly clientIds: string[];
  readonly vaults: { clientId: string; vaultId: string }[];
  readonly nodes: TestMoneyNode[];
  readonly uploads: { uploadId: string; vault: number; nodes: TestMoneyNode[]; quota: number }[];
  readonly paid: string[];
}

const small = fc.nat({ max: 1000 });
const one = <K extends string, T extends Record<string, fc.Arbitrary<unknown>>>(
  weight: number,
  kind: K,
  fields: T,
) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), ...fields }) as fc.Arbitrary<
    { kind: K } & { [F in keyof T]: T[F] extends fc.Arbitrary<infer V> ? V : never }
  >,
});
const steps = fc.record({
  crashAfter: fc.option(fc.nat({ max: 40 }), { freq: 3 }),
  step: fc.oneof(
    one(5, 'pay', { who: small, sats: fc.bigInt({ min: 6_000n, max: 60_000n }), isNew: fc.boolean() }),
    one(4, 'deposit', { who: small, sats: fc.bigInt({ min: 6_000n, max: 40_000n }) }),
    one(3, 'rob', { who: small, sats: fc.bigInt({ min: 6_000n, max: 30_000n }), node: small }),
    one(4, 'mine', { blocks: fc.integer({ min: 1, max: 4 }) }),
    one(3, 'reorganise', { depth: fc.integer({ min: 1, max: 6 }), without: fc.array(small, { maxLength: 3 }) }),
    one(4, 'steal', { which: small }),
    one(1, 'doubleSpend', { which: small }),
    one(1, 'evict', { which: small }),
    one(1, 'outage', { isAway: fc.boolean() }),
    one(3, 'look', { twice: fc.boolean() }),
    one(3, 'open', { who: small, first: small, bytes: fc.integer({ min: 1, max: 3 * TB }) }),
    one(4, 'commit', { which: small, bytes: fc.integer({ min: 1, max: 3 * TB }) }),
    one(1, 'discard', { which: small, bytes: fc.integer({ min: 1, max: TB }), periods: fc.nat({ max: 4 }) }),
    one(4, 'settle', { node: small, back: fc.nat({ max: 4 }), verdict: fc.constantFrom(...VERDICTS) }),
    one(3, 'pass', { periods: fc.integer({ min: 1, max: 4 }) }),
    one(3, 'withdraw', { who: small, sats: fc.bigInt({ min: 1_000n, max: 30_000n }) }),
    one(1, 'cancel', { who: small }),
    one(2, 'terms', {}),
  ),
});
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;
type ChainKind = 'mine' | 'reorganise' | 'steal' | 'doubleSpend' | 'evict';
type ChainStep = Extract<Step['step'], { kind: ChainKind }>;
type MoneyStep = Exclude<Step['step'], { kind: ChainKind }>;

const CHAIN_KINDS: readonly string[] = ['mine', 'reorganise', 'steal', 'doubleSpend', 'evict'];
const isOnChain = (step: Step['step']): step is ChainStep => CHAIN_KINDS.includes(step.kind);

async function makeCast(): Promise<Cast> {
  const clientIds = [freshId(), freshId()];
  const nodes = [await world.node(600_000n), await world.node(700_000n, 'vetting')];
  const vaults = [];
  for (const clientId of clientIds) vaults.push(await world.vault(clientId, { cap: 2_000_000n }));
  return { clientIds, vaults, nodes, uploads: [], paid: [] };
}

const pick = <T>(list: readonly T[], at: number): T | undefined => list[at % list.length];
const isUnconfirmed = (txid: string): boolean => chain.blocks.where(txid) === 'mempool';

/** What the chain does; nothing of it can fail. */
async function takeOnChain(cast: Cast, step: ChainStep): Promise<void> {
  switch (step.kind) {
    case 'mine':
      await chain.mine(step.blocks);
      return;
    case 'reorganise': {
      await chain.disconnect(Math.min(step.depth, chain.blocks.blocks.length - 1));
      for (const which of step.without) {
        const txid = pick(cast.paid, which);
        if (txid !== undefined && isUnconfirmed(txid)) await chain.takeBack(txid);
      }
      await chain.mine(step.depth + 1);
      return;
    }
    case 'steal': {
      // the chain is rewritten from just before a deposit that others may rely on already
      const deep = cast.paid.filter((txid) => (chain.blocks.confirmations(txid) ?? 0) > 0).slice(-4);
      const txid = pick(deep, step.which);
      if (txid === undefined) return;
      const depth = chain.blocks.confirmations(txid)!;
      await chain.reorganise(depth, { without: [txid] });
      return;
    }
    case 'doubleSpend':
    case 'evict': {
      const txid = pick(cast.paid, step.which);
      if (txid === undefined || !isUnconfirmed(txid)) return;
      if (step.kind === 'evict') chain.evict(txid);
      else await chain.takeBack(txid);
      return;
    }
  }
}

async function withdraw(clientId: string, amountSats: bigint | 'all', nowMs: number): Promise<void> {
  const asked = { clientId, address: 'an address', script: '0014'.padEnd(44, 'a'), token: 'a token', leastSats: 295n };
  const sequence = await withdrawals.nextSequence(clientId);
  await withdrawals.request({ ...asked, amountSats, withdrawalId: freshId(), sequence }, nowMs);
}

async function take(cast: Cast, step: MoneyStep): Promise<void> {
  const { database, money, agreements, settlements } = world;
  const nowMs = world.clock.nowMs();
  switch (step.kind) {
    case 'pay': {
      const address = await world.address(pick(cast.clientIds, step.who)!, step.isNew);
      cast.paid.push((await chain.pay(address, step.sats)).txid);
      return;
    }
    case 'deposit': {
      const address = await world.address(pick(cast.clientIds, step.who)!);
      cast.paid.push((await chain.pay(address, step.sats)).txid);
      await chain.mine(4);
      await world.look();
      return;
    }
    case 'rob': {
      // pays in, spends what it can, and takes the deposit back
      const who = step.who % cast.clientIds.length;
      const { txid } = await chain.pay(await world.address(cast.clientIds[who]!), step.sats);
      cast.paid.push(txid);
      await chain.mine(5);
      await world.look();
      const chosen = [pick(cast.nodes, step.node)!];
      const price = Number(chosen[0]!.priceSatPerTbMonth);
      const { availableMsat } = await world.ledger.clientBalance(cast.clientIds[who]!);
      const quota = Math.floor(((Number(availableMsat) / 1_000) * 720 * 0.45 * TB) / (price * MONEY.termPeriods));
      if (quota > 0) {
        const uploadId = await openUpload(world, cast.vaults[who]!, chosen, quota, nowMs);
        cast.uploads.push({ uploadId, vault: who, nodes: chosen, quota });
        await commitBytes(world, cast.vaults[who]!, uploadId, chosen, quota, nowMs);
      }
      // what nobody stores yet is to leave at once
      const { availableMsat: restMsat } = await world.ledger.clientBalance(cast.clientIds[who]!);
      if (restMsat > 1_000_000n) await withdraw(cast.clientIds[who]!, 'all', nowMs);
      await chain.reorganise(5, { without: [txid] });
      await world.look();
      return;
    }
    case 'outage':
      await (step.isAway ? chain.goAway() : chain.fallBehind());
      await world.look();
      return;
    case 'look':
      await Promise.all(step.twice ? [world.look(), world.look()] : [world.look()]);
      return;
    case 'open': {
      const chosen = [pick(cast.nodes, step.first)!];
      const vault = step.who % cast.vaults.length;
      const uploadId = await openUpload(world, cast.vaults[vault]!, chosen, step.bytes, nowMs);
      cast.uploads.push({ uploadId, vault, nodes: chosen, quota: step.bytes });
      return;
    }
    case 'commit': {
      const upload = pick(cast.uploads, step.which);
      if (upload === undefined) return;
      const added = 1 + (step.bytes % upload.quota);
      await commitBytes(world, cast.vaults[upload.vault]!, upload.uploadId, upload.nodes, added, nowMs);
      return;
    }
    case 'discard': {
      const upload = pick(cast.uploads, step.which);
      if (upload === undefined) return;
      const lain = { sizeBytes: step.bytes, lainMs: step.periods * HOUR_MS };
      const left = upload.nodes.map(({ nodeNo }) => ({ nodeNo, ...lain }));
      await inTransaction(database, (tx) => settleUpload(tx, money, upload.uploadId, left, nowMs));
      return;
    }
    case 'settle': {
      const period = Math.floor(nowMs / HOUR_MS) - step.back;
      await settlements.settle(pick(cast.nodes, step.node)!.nodeId, period, step.verdict, nowMs);
      return;
    }
    case 'pass':
      await world.clock.advance(step.periods * HOUR_MS);
      return;
    case 'withdraw':
      await withdraw(pick(cast.clientIds, step.who)!, step.sats, nowMs);
      return;
    case 'cancel': {
      const clientId = pick(cast.clientIds, step.who)!;
      const [newest] = await withdrawals.list(clientId, { limit: 1 });
      if (newest !== undefined) await withdrawals.cancel(clientId, newest.withdrawalId, nowMs);
      return;
    }
    case 'terms':
      await agreements.renewDue(nowMs);
      await agreements.endTerms(nowMs);
      return;
  }
}

/** Refusals with a reason, and crashes that were asked for, are part of life. Resolves to whether it came to a crash. */
async function survive(cast: Cast, step: Step): Promise<boolean> {
  if (isOnChain(step.step)) {
    await takeOnChain(cast, step.step);
    return false;
  }
  if (step.crashAfter !== null) crashes.arm(step.crashAfter);
  let failure: unknown;
  await take(cast, step.step).catch((error: unknown) => (failure = error));
  await chain.comeBack();
  const hasCrashed = crashes.disarm();
  if (failure === undefined) return false;
  const wasCrash = hasCrashed && translateDatabaseError(failure) !== undefined;
  const wasRefused = failure instanceof HoldfastError && failure.code !== 'money.refused';
  if (!wasCrash && !wasRefused) throw failure as Error;
  return wasCrash;
}

async function earnedMsat(): Promise<bigint> {
  const { earned, withheld, commission } = await world.ledger.position();
  return earned + withheld + commission;
}

/** How many reversals of the client's left a debt. */
async function countDebts(clientId: string): Promise<number> {
  const { rows } = await world.database.execute(sql`
    SELECT FROM events WHERE client_id = ${Buffer.from(clientId, 'hex')} AND kind = 'deposit.reversed'
      AND data->>'owedMsat' <> '0'`);
  return rows.length;
}

/** After a look at a chain that has settled, each deposit stands as the chain has it, and who owes has nothing available. */
async function expectAgreement(cast: Cast): Promise<void> {
  for (const clientId of cast.clientIds) {
    for (const deposit of await world.store.list({ clientId, limit: 1_000 })) {
      const confirmations = chain.blocks.confirmations(deposit.txid);
      if (confirmations === undefined) expect(['gone', 'reversed']).toContain(deposit.state);
      else if (confirmations >= RULES.large.confirmations) expect(deposit.state).toBe('credited');
      else if (confirmations === 0) expect(deposit.state).not.toBe('gone');
    }
    const owedMsat = await world.store.owedMsat(clientId);
    // Nothing leaves for a client that owes.
    const waiting = (await withdrawals.list(clientId, { limit: 1_000 })).filter(({ state }) => state === 'waiting');
    if (owedMsat > 0n) expect(waiting).toEqual([]);
    if (owedMsat > 0n) expect((await world.ledger.clientBalance(clientId)).availableMsat).toBe(0n);
  }
}

test('whatever the chain does, and wherever it breaks off: nobody loses money, and nothing is credited twice', async () => {
  const seen = { crashes: 0, credited: 0, reversed: 0, owed: 0, cancelled: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 70, size: 'max' }), async (history) => {
      const cast = await makeCast();
      for (const step of history) {
        const before = await earnedMsat();
        if (await survive(cast, step)) seen.crashes += 1;
        expect(await world.ledger.findFaults()).toEqual([]);
        // Whatever is taken back, nobody who was paid pays for it.
        expect(await earnedMsat()).toBeGreaterThanOrEqual(before);
      }
      await chain.mine(1);
      await world.look();
      await expectAgreement(cast);
      expect(await world.ledger.findFaults()).toEqual([]);
      for (const clientId of cast.clientIds) {
        const kinds = await world.events(clientId);
        seen.credited += kinds.filter((kind) => kind === 'deposit.credited').length;
        seen.reversed += kinds.filter((kind) => kind === 'deposit.reversed').length;
        seen.cancelled += kinds.filter((kind) => kind === 'withdrawal.cancelled').length;
        seen.owed += await countDebts(clientId);
      }
    }),
    { numRuns: 8, endOnFailure: true },
  );
  expect(seen.crashes).toBeGreaterThan(0);
  expect(seen.credited).toBeGreaterThan(0);
  expect(seen.reversed).toBeGreaterThan(0);
  expect(seen.owed).toBeGreaterThan(0);
  expect(seen.cancelled).toBeGreaterThan(0);
}, 300_000);
