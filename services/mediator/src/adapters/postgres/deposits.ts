/** Deposits in Postgres: addresses, outputs, and their bookings, each together with its row. */
import { eq, sql } from 'drizzle-orm';
import {
  confirmationsFor,
  decideStep,
  type DepositRules,
  type DepositStore,
  type Observation,
  type Step,
} from '../../deposits/index.ts';
import type { SeenOutput } from '../../rail/index.ts';
import { runAlone } from './alone.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { giveAddress, listKeys, useKey } from './deposits-addresses.ts';
import { repayDebt, takeBack } from './deposits-reversal.ts';
import { bookingReference, selectDeposits, SETTLED_CONFIRMATIONS, type StoredDeposit } from './deposits-rows.ts';
import { clientDebts, depositKeys, deposits, depositWatch } from './deposits-schema.ts';
import { noteEvents } from './events.ts';
import { lockAvailable, mediatorAccount, type Money, post } from './ledger.ts';

/** What was gone or reversed may come back for so long: as long as nodes keep transactions in their mempools. */
const MAY_RETURN_MS = 14 * 86_400_000;
const MSAT_PER_SAT = 1000n;

export function createDepositStore(database: Database, money: Money): DepositStore {
  return {
    alone: (work) => runAlone(database, 'deposits', work),
    useKey: (descriptor, firstIndex, nowMs) =>
      inTransaction(database, (tx) => useKey(tx, descriptor, firstIndex, nowMs)),
    listKeys: () => listKeys(database),
    noteWatched: async (keyNo, watchedTo) => {
      await database
        .update(depositKeys)
        .set({ watchedTo: sql`greatest(${depositKeys.watchedTo}, ${watchedTo}::int)` })
        .where(eq(depositKeys.keyNo, keyNo));
    },
    skipIndexes: async (keyNo, nextIndex) => {
      await database
        .update(depositKeys)
        .set({ nextIndex: sql`greatest(${depositKeys.nextIndex}, ${nextIndex}::int)` })
        .where(eq(depositKeys.keyNo, keyNo));
    },
    giveAddress: (clientId, key, want, nowMs) =>
      inTransaction(database, (tx) => giveAddress(tx, clientId, key, want, nowMs)),
    async position() {
      const [row] = await database.select().from(depositWatch);
      const { cursor = null, tipHash = null, bestHeight = 0 } = row ?? {};
      return { bestHeight, ...(cursor !== null && { cursor }), ...(tipHash !== null && { tipHash }) };
    },
    noteSeen: (outputs, rules, nowMs) => inTransaction(database, (tx) => noteSeen(tx, outputs, rules, nowMs)),
    listInMotion: ({ all, at }, nowMs) =>
      selectDeposits(
        database,
        sql`d.state IN ('seen', 'credited') AND d.confirmations < ${all ? SETTLED_CONFIRMATIONS : 1}::int
          OR ${all} AND d.state IN ('gone', 'reversed') AND d.changed_at_ms > ${nowMs - MAY_RETURN_MS}
          OR (d.txid, d.vout) IN (SELECT * FROM unnest(
            ${hexArray(at.map(({ txid }) => txid))}, ${sql.param(at.map(({ vout }) => vout))}::int[]))
          ORDER BY d.deposit_no`,
      ),
    step: (depositNo, observed, rules, nowMs) =>
      inTransaction(database, (tx) => takeStep(tx, money, { depositNo, observed, rules }, nowMs)),
    noteDone: async (cursor, tip) => {
      const done = { cursor, tipHash: tip.hash, bestHeight: tip.height };
      await database
        .insert(depositWatch)
        .values(done)
        .onConflictDoUpdate({
          target: depositWatch.isOnly,
          set: { ...done, bestHeight: sql`greatest(${depositWatch.bestHeight}, ${tip.height}::int)` },
        });
    },
    collectDebts: (nowMs) => collectDebts(database, nowMs),
    list: ({ clientId, before, limit }) =>
      selectDeposits(
        database,
        sql`${clientId === undefined ? sql`true` : sql`d.client_id = ${Buffer.from(clientId, 'hex')}`}
          ${before === undefined ? sql`` : sql`AND d.deposit_no < ${before}`}
          ORDER BY d.deposit_no DESC LIMIT ${limit}`,
      ),
    async owedMsat(clientId) {
      const [row] = await database.select().from(clientDebts).where(eq(clientDebts.clientId, clientId));
      return row?.owedMsat ?? 0n;
    },
  };
}

async function noteSeen(tx: Transaction, seen: readonly SeenOutput[], rules: DepositRules, nowMs: number) {
  // A block may hold outputs of nothing: there is nothing to be booked.
  const outputs = seen.filter(({ sats }) => sats > 0n);
  if (outputs.length === 0) return [];
  const { rows } = await tx.execute<{ deposit_no: string }>(sql`
    INSERT INTO ${deposits} (txid, vout, address, client_id, sats, state, confirmations, required_confirmations,
      seen_at_ms, changed_at_ms)
    SELECT o.txid, o.vout, o.address, a.client_id, o.sats, 'seen', 0, ${rules.confirmations}::int, ${nowMs}, ${nowMs}
    FROM unnest(
      ${hexArray(outputs.map(({ txid }) => txid))},
      ${sql.param(outputs.map(({ vout }) => vout))}::int[],
      ${sql.param(outputs.map(({ address }) => address))}::text[],
      ${sql.param(outputs.map(({ sats }) => sats))}::bigint[]) AS o(txid, vout, address, sats)
    LEFT JOIN deposit_addresses a ON a.address = o.address
    ON CONFLICT (txid, vout) DO NOTHING RETURNING deposit_no`);
  if (rows.length === 0) return [];
  const numbers = sql.param(rows.map((row) => row.deposit_no));
  const fresh = await selectDeposits(tx, sql`d.deposit_no = ANY(${numbers}::bigint[]) ORDER BY d.deposit_no`);
  for (const one of fresh)
    await tell(tx, one.clientId === undefined ? 'deposit.unclaimed' : 'deposit.seen', one, nowMs);
  return fresh.filter(({ clientId }) => clientId === undefined);
}

interface StepToTake {
  readonly depositNo: number;
  readonly observed: Observation;
  readonly rules: DepositRules;
}

async function takeStep(tx: Transaction, money: Money, { depositNo, observed, rules }: StepToTake, nowMs: number) {
  const [now] = await selectDeposits(tx, sql`d.deposit_no = ${depositNo} FOR UPDATE`);
  if (now === undefined) return 'none';
  const required = confirmationsFor(rules, await movingSats(tx, now, rules));
  const step = decideStep({ ...now, hasOwner: now.clientId !== undefined }, observed, required);
  if (step === 'none') return step;
  const place =
    observed === 'absent'
      ? { confirmations: 0, blockHash: null }
      : { confirmations: observed.confirmations, blockHash: observed.blockHash ?? null };
  const change = { ...place, requiredConfirmations: required };
  const next = { ...now, confirmations: place.confirmations, requiredConfirmations: required };
  const set = (more: Partial<typeof deposits.$inferInsert>) =>
    tx
      .update(deposits)
      .set({ ...change, ...more })
      .where(eq(deposits.depositNo, depositNo));
  if (step === 'note') await set({});
  if (step === 'forget') {
    await set({ state: 'gone', changedAtMs: nowMs });
    await tell(tx, 'deposit.gone', next, nowMs);
  }
  if (step === 'return') {
    await set({ state: 'seen', changedAtMs: nowMs });
    await tell(tx, 'deposit.seen', next, nowMs);
  }
  if (step === 'credit') {
    await set({ state: 'credited', credits: now.credits + 1, creditedAtMs: nowMs, changedAtMs: nowMs });
    const repaidMsat = await credit(tx, { ...now, credits: now.credits + 1 }, nowMs);
    await tell(tx, 'deposit.credited', next, nowMs, { repaidMsat: String(repaidMsat) });
  }
  if (step === 'reverse') {
    await set({ state: 'reversed', changedAtMs: nowMs });
    const { owedMsat, cutCount } = await reverse(tx, money, now, nowMs);
    await tell(tx, 'deposit.reversed', next, nowMs, { owedMsat: String(owedMsat), agreementsCut: cutCount });
  }
  return step satisfies Step;
}

/** What of the client's is not deep enough for a large deposit, this one included. */
async function movingSats(tx: Transaction, { clientId, depositNo, sats }: StoredDeposit, { large }: DepositRules) {
  if (large === undefined || clientId === undefined) return sats;
  const { rows } = await tx.execute<{ sats: string }>(sql`
    SELECT coalesce(sum(sats), 0) AS sats FROM ${deposits}
    WHERE client_id = ${Buffer.from(clientId, 'hex')} AND state IN ('seen', 'credited')
      AND confirmations < ${large.confirmations}::int AND deposit_no <> ${depositNo}`);
  return BigInt(rows[0]!.sats) + sats;
}

/** Resolves to what of it repaid a debt, in msat. */
async function credit(tx: Transaction, deposit: StoredDeposit, nowMs: number): Promise<bigint> {
  const clientId = deposit.clientId!;
  const amountMsat = deposit.sats * MSAT_PER_SAT;
  const reference = bookingReference(deposit, deposit.credits);
  const available = await lockAvailable(tx, clientId);
  const legs = [
    { accountNo: await mediatorAccount(tx, 'deposits'), amountMsat: -amountMsat },
    { accountNo: available.accountNo, amountMsat },
  ];
  await post(tx, { kind: 'deposit', reference }, legs, nowMs);
  const balanceMsat = available.balanceMsat + amountMsat;
  return repayDebt(tx, clientId, { ...available, balanceMsat }, nowMs, reference);
}

const reverse = (tx: Transaction, money: Money, deposit: StoredDeposit, nowMs: number) =>
  takeBack(
    tx,
    money,
    {
      clientId: deposit.clientId!,
      amountMsat: deposit.sats * MSAT_PER_SAT,
      reference: bookingReference(deposit, deposit.credits),
    },
    nowMs,
  );

async function collectDebts(database: Database, nowMs: number): Promise<bigint> {
  const owing = await database.select({ clientId: clientDebts.clientId }).from(clientDebts)
    .where(sql`${clientDebts.owedMsat} > 0 AND EXISTS (SELECT FROM ledger_accounts a
      WHERE a.kind = 'available' AND a.client_id = ${clientDebts.clientId} AND a.balance_msat > 0)`);
  let sum = 0n;
  for (const { clientId } of owing) {
    sum += await inTransaction(database, async (tx) =>
      repayDebt(tx, clientId, await lockAvailable(tx, clientId), nowMs),
    );
  }
  return sum;
}

type DepositEvent = 'deposit.seen' | 'deposit.credited' | 'deposit.reversed' | 'deposit.gone' | 'deposit.unclaimed';

async function tell(
  tx: Transaction,
  kind: DepositEvent,
  { txid, vout, address, sats, confirmations, requiredConfirmations, clientId }: StoredDeposit,
  nowMs: number,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const data = { txid, vout, address, sats: String(sats), confirmations, requiredConfirmations, ...more };
  await noteEvents(tx, [{ kind, ...(clientId !== undefined && { clientId }), data }], nowMs);
}
