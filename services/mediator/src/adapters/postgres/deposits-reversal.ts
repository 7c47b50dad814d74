/**
 * A credited deposit that the chain took away, in one transaction: from what is available, from withdrawals that wait,
 * from open uploads, from what is held for later periods; the rest is owed. See `planReversal`.
 */
import { and, asc, desc, eq, ne, sql } from 'drizzle-orm';
import { nextState } from '../../agreements/index.ts';
import { type HeldAgreement, planReversal, type ReversalPlan } from '../../deposits/index.ts';
import { type AgreementRow, lockLedgerNodes, readAgreements, shortenSpans } from './agreements-rows.ts';
import { releasableMsat, releaseUpload } from './agreements-uploads.ts';
import type { Transaction } from './database.ts';
import { clientDebts } from './deposits-schema.ts';
import { noteEvents } from './events.ts';
import { lockAvailable, mediatorAccount, type Money, post } from './ledger.ts';
import { agreements } from './ledger-schema.ts';
import { uploads, vaults } from './schema.ts';
import { endUploads } from './uploads.ts';
import { cancelWaiting, readWaiting } from './withdrawals-back.ts';

export interface TakenBack {
  readonly owedMsat: bigint;
  /** Agreements that end sooner than was agreed. */
  readonly cutCount: number;
}

/** Call it with nothing of the ledger locked. The reference is that of the credit which is taken back. */
export async function takeBack(
  tx: Transaction,
  money: Money,
  { clientId, amountMsat, reference }: { clientId: string; amountMsat: bigint; reference: string },
  nowMs: number,
): Promise<TakenBack> {
  const held = await lockWhatIsHeld(tx, money, clientId, amountMsat, nowMs);
  const available = await takeFromWaiting(tx, clientId, amountMsat, nowMs);
  const means = { availableMsat: available.balanceMsat, agreements: held.map(({ cuttable }) => cuttable) };
  const plan = planReversal(amountMsat, means, money.unit);
  await cutAgreements(tx, { clientId, held, plan }, nowMs);
  const legs = [
    { accountNo: await mediatorAccount(tx, 'deposits'), amountMsat },
    { accountNo: available.accountNo, amountMsat: -plan.fromAvailableMsat },
    { accountNo: await mediatorAccount(tx, 'bad_debt'), amountMsat: -plan.owedMsat },
    ...plan.cuts.map(({ holdNo, takenMsat }) => ({ accountNo: holdNo, amountMsat: -takenMsat })),
  ];
  await post(tx, { kind: 'deposit_reversed', reference }, legs, nowMs);
  const returnedMsat = plan.cuts.reduce((sum, cut) => sum + cut.returnedMsat, 0n);
  const back = plan.cuts.map((cut) => ({ accountNo: cut.holdNo, amountMsat: -cut.returnedMsat }));
  await post(
    tx,
    { kind: 'release_hold' },
    [...back, { accountNo: available.accountNo, amountMsat: returnedMsat }],
    nowMs,
  );
  if (plan.owedMsat > 0n) {
    await tx
      .insert(clientDebts)
      .values({ clientId, owedMsat: plan.owedMsat, changedAtMs: nowMs })
      .onConflictDoUpdate({
        target: clientDebts.clientId,
        set: { owedMsat: sql`${clientDebts.owedMsat} + excluded.owed_msat`, changedAtMs: nowMs },
      });
  }
  return { owedMsat: plan.owedMsat, cutCount: plan.cuts.length };
}

/** What is available, and what withdrawals that nobody has signed for yet give back where that is not enough. */
async function takeFromWaiting(tx: Transaction, clientId: string, amountMsat: bigint, nowMs: number) {
  const { accountNo, balanceMsat } = await lockAvailable(tx, clientId);
  const cancelled = { clientId, accountNo, missingMsat: amountMsat - balanceMsat };
  return { accountNo, balanceMsat: balanceMsat + (await cancelWaiting(tx, cancelled, nowMs)) };
}

interface Held {
  readonly row: AgreementRow;
  readonly vaultId: string;
  readonly cuttable: HeldAgreement;
}

/**
 * In the order in which everybody locks: vaults, uploads, nodes, nodes' ledgers. Where what is available is not enough,
 * uploads are ended, the newest first, until it is.
 */
async function lockWhatIsHeld(
  tx: Transaction,
  money: Money,
  clientId: string,
  amountMsat: bigint,
  nowMs: number,
): Promise<Held[]> {
  const owned = await tx
    .select({ vaultId: vaults.vaultId })
    .from(vaults)
    .where(eq(vaults.clientId, clientId))
    .orderBy(asc(vaults.vaultId))
    .for('no key update');
  const open = await tx
    .select()
    .from(uploads)
    .where(and(eq(uploads.clientId, clientId), ne(uploads.state, 'discarded')))
    .orderBy(desc(uploads.openedAtMs), asc(uploads.uploadId))
    .for('update');
  const ended: string[] = [];
  let missingMsat = amountMsat - (await readAvailable(tx, clientId)) - (await readWaiting(tx, clientId));
  for (const upload of open) {
    if (missingMsat <= 0n) break;
    const freedMsat = await releasableMsat(tx, money, upload.uploadId);
    if (freedMsat <= 0n) continue;
    missingMsat -= freedMsat;
    ended.push(upload.uploadId);
  }
  await endUploads(
    tx,
    open.filter(({ uploadId }) => ended.includes(uploadId)),
  );
  const running = await tx
    .selectDistinct({ nodeNo: agreements.nodeNo })
    .from(agreements)
    .where(and(eq(agreements.clientId, clientId), ne(agreements.state, 'ended')));
  const nodeNos = running.map(({ nodeNo }) => nodeNo);
  const openPeriods = await lockLedgerNodes(tx, money, nodeNos, nowMs);
  for (const uploadId of ended) await releaseUpload(tx, money, uploadId, nowMs);
  const held: Held[] = [];
  for (const { vaultId } of owned) {
    for (const row of await readAgreements(tx, { clientId, vaultId }, 0, nodeNos)) {
      // What was renewed already ends within the grace anyway.
      if (row.state === 'renewed') continue;
      const { agreementNo, holdNo, startPeriod, endPeriod, spans } = row;
      const floorPeriod = openPeriods.get(row.nodeNo)! + money.rules.gracePeriods;
      held.push({ row, vaultId, cuttable: { agreementNo, holdNo, startPeriod, endPeriod, floorPeriod, spans } });
    }
  }
  return held;
}

async function readAvailable(tx: Transaction, clientId: string): Promise<bigint> {
  const { rows } = await tx.execute<{ balance: string }>(sql`
    SELECT coalesce(sum(balance_msat), 0) AS balance FROM ledger_accounts
    WHERE kind = 'available' AND client_id = ${Buffer.from(clientId, 'hex')}`);
  return BigInt(rows[0]!.balance);
}

async function cutAgreements(
  tx: Transaction,
  { clientId, held, plan }: { clientId: string; held: readonly Held[]; plan: ReversalPlan },
  nowMs: number,
): Promise<void> {
  const byNo = new Map(held.map((one) => [one.row.agreementNo, one]));
  await shortenSpans(tx, plan.cuts);
  for (const { agreementNo, atPeriod } of plan.cuts) {
    const { row, vaultId } = byNo.get(agreementNo)!;
    const state = nextState(row.state, 'unfunded', row.agreementId);
    await tx.update(agreements).set({ state, endPeriod: atPeriod }).where(eq(agreements.agreementNo, agreementNo));
    const data = { vaultId, agreementId: row.agreementId, reason: 'deposit-reversed', endPeriod: atPeriod };
    await noteEvents(tx, [{ kind: 'agreement.unfunded', clientId, data }], nowMs);
  }
}

/** Takes what the client owes from what is available to it, as far as that goes. Resolves to how much. */
export async function repayDebt(
  tx: Transaction,
  clientId: string,
  { accountNo, balanceMsat }: { accountNo: number; balanceMsat: bigint },
  nowMs: number,
  reference?: string,
): Promise<bigint> {
  const [debt] = await tx.select().from(clientDebts).where(eq(clientDebts.clientId, clientId)).for('update');
  const owedMsat = debt?.owedMsat ?? 0n;
  const paidMsat = owedMsat < balanceMsat ? owedMsat : balanceMsat;
  if (paidMsat <= 0n) return 0n;
  const legs = [
    { accountNo, amountMsat: -paidMsat },
    { accountNo: await mediatorAccount(tx, 'bad_debt'), amountMsat: paidMsat },
  ];
  await post(tx, { kind: 'debt_repaid', ...(reference !== undefined && { reference }) }, legs, nowMs);
  await tx
    .update(clientDebts)
    .set({ owedMsat: owedMsat - paidMsat, changedAtMs: nowMs })
    .where(eq(clientDebts.clientId, clientId));
  return paidMsat;
}
