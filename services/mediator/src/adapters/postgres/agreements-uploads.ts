/** Money for uploads: reserved when one is opened, released for what it does not commit, charged for what lay there in between. */
import { dueBetween, fail, periodAt, satPerTbMonth } from '@holdfast/protocol';
import { eq, sql } from 'drizzle-orm';
import { inForce } from '../../agreements/index.ts';
import type { VaultName } from '../../custody/index.ts';
import { checkNodes, findMandate, monthlyCost, type NodeOffer } from './agreements-mandates.ts';
import { lockLedgerNodes, readAgreements } from './agreements-rows.ts';
import type { Transaction } from './database.ts';
import { type Leg, lockAvailable, type Money, post } from './ledger.ts';
import { agreements, ledgerAccounts, ledgerNodes, uploadOffers, uploadReserves } from './ledger-schema.ts';
import { nodes } from './schema.ts';

export interface UploadToReserve extends VaultName {
  readonly uploadId: string;
  readonly quotaBytesPerNode: number;
  readonly nodes: readonly NodeOffer[];
}

const costOf = (money: Money, storedBytes: number, price: bigint, periods: number): bigint =>
  dueBetween(
    { fromPeriod: 0, untilPeriod: periods, storedBytes, price: satPerTbMonth(price), carry: 0n },
    money.unit,
    0,
    periods,
  );

/**
 * Reserves a whole term of the upload's bytes at each of its nodes. The upload's own row must be there.
 * @returns what was reserved, in msat
 * @throws HoldfastError `mandate.*`, `money.insufficient`
 */
export async function reserveUpload(
  tx: Transaction,
  money: Money,
  upload: UploadToReserve,
  nowMs: number,
): Promise<bigint> {
  const { rules } = money;
  const mandate = inForce(await findMandate(tx, upload), upload.vaultId, nowMs);
  await checkNodes(tx, mandate, upload.nodes);
  const period = periodAt(nowMs, rules.periodMs) + 1;
  const running = await readAgreements(tx, upload, period);
  // What is renewed already grows twice: for the term that runs and for the next.
  const terms = running.some(({ state }) => state === 'renewed') ? 2n : 1n;
  // Fractions may make up one millisatoshi more for each period that commits are spread over.
  const slack = BigInt(rules.uncommittedPeriods * upload.nodes.length);
  const perTerm = upload.nodes.reduce(
    (sum, node) => sum + costOf(money, upload.quotaBytesPerNode, node.priceSatPerTbMonth, rules.termPeriods),
    slack,
  );
  const available = await lockAvailable(tx, upload.clientId);
  const neededMsat = perTerm * terms;
  const wantedMsat = neededMsat + (await graceCost(tx, money, upload.clientId, period));
  if (wantedMsat > available.balanceMsat) {
    throw fail('money.insufficient', { neededMsat: wantedMsat, availableMsat: available.balanceMsat });
  }
  const monthlyMsat = (await monthlyCost(tx, upload, period)) + neededMsat;
  if (monthlyMsat > mandate.monthlyLimitMsat) {
    throw fail('mandate.limit', { neededMsat: monthlyMsat, limitMsat: mandate.monthlyLimitMsat });
  }
  const made = await tx.execute<{ account_no: number }>(sql`
    INSERT INTO ${ledgerAccounts} (kind, available_no) VALUES ('upload', ${available.accountNo}) RETURNING account_no`);
  const accountNo = made.rows[0]!.account_no;
  const { uploadId, clientId, vaultId, quotaBytesPerNode } = upload;
  await tx.insert(uploadReserves).values({
    uploadId,
    clientId,
    vaultId,
    accountNo,
    mandateHash: mandate.mandateHash,
    commissionPpm: rules.commissionPpm,
    quotaBytesPerNode,
    state: 'open',
  });
  await tx
    .insert(uploadOffers)
    .values(upload.nodes.map(({ nodeNo, priceSatPerTbMonth }) => ({ uploadId, nodeNo, priceSatPerTbMonth })));
  const legs = [
    { accountNo: available.accountNo, amountMsat: -neededMsat },
    { accountNo, amountMsat: neededMsat },
  ];
  await post(tx, { kind: 'reserve', reference: uploadId }, legs, nowMs);
  return neededMsat;
}

/** What the agreements in grace still want before anything new is stored. Those at nodes that leave are moved, not renewed. */
async function graceCost(tx: Transaction, { rules, unit }: Money, clientId: string, period: number): Promise<bigint> {
  const { rows } = await tx.execute<{ cost: string }>(sql`
    SELECT coalesce(sum(div(a.stored_bytes::numeric * n.price_sat_per_tb_month * ${unit.numerator}::numeric
      * ${rules.termPeriods}::int, ${unit.denominator}::numeric)), 0) AS cost
    FROM ${agreements} a JOIN ${nodes} n ON n.node_no = a.node_no
    WHERE a.client_id = ${Buffer.from(clientId, 'hex')} AND a.state = 'grace' AND a.end_period >= ${period}
      AND n.state NOT IN ('leaving', 'disqualified')`);
  return BigInt(rows[0]!.cost);
}

interface ReserveRow {
  readonly accountNo: number;
  readonly balanceMsat: bigint;
  readonly clientId: string;
  readonly commissionPpm: number;
  readonly leftBytes: number;
  readonly offers: ReadonlyMap<number, bigint>;
}

/** The upload's reserve under lock; undefined when it is settled or never was. */
async function lockReserve(tx: Transaction, uploadId: string): Promise<ReserveRow | undefined> {
  const [reserve] = await tx.select().from(uploadReserves).where(eq(uploadReserves.uploadId, uploadId)).for('update');
  if (reserve === undefined || reserve.state === 'settled') return undefined;
  const offers = await tx.select().from(uploadOffers).where(eq(uploadOffers.uploadId, uploadId));
  const [account] = await tx.select().from(ledgerAccounts).where(eq(ledgerAccounts.accountNo, reserve.accountNo));
  return {
    accountNo: reserve.accountNo,
    balanceMsat: account!.balanceMsat,
    clientId: reserve.clientId,
    commissionPpm: reserve.commissionPpm,
    leftBytes: reserve.quotaBytesPerNode - reserve.committedBytesPerNode,
    offers: new Map(offers.map(({ nodeNo, priceSatPerTbMonth }) => [nodeNo, priceSatPerTbMonth])),
  };
}

/**
 * An upload has ended: all of its reserve goes back but what the storage time of uncommitted bytes may still cost.
 * Doing it again changes nothing. @returns what went back, in msat
 */
export async function releaseUpload(tx: Transaction, money: Money, uploadId: string, nowMs: number): Promise<bigint> {
  const reserve = await lockReserve(tx, uploadId);
  if (reserve === undefined) return 0n;
  const freedMsat = freedBy(money, reserve);
  await tx.update(uploadReserves).set({ state: 'closing' }).where(eq(uploadReserves.uploadId, uploadId));
  if (freedMsat <= 0n) return 0n;
  await giveBack(tx, reserve, freedMsat, nowMs);
  return freedMsat;
}

function freedBy(money: Money, { leftBytes, offers, balanceMsat }: ReserveRow): bigint {
  let keptMsat = 0n;
  for (const price of leftBytes > 0 ? offers.values() : []) {
    keptMsat += costOf(money, leftBytes, price, money.rules.uncommittedPeriods) + 1n;
  }
  return balanceMsat - keptMsat;
}

/** What `releaseUpload` would give back. The upload's row must be locked. */
export async function releasableMsat(tx: Transaction, money: Money, uploadId: string): Promise<bigint> {
  const reserve = await lockReserve(tx, uploadId);
  return reserve === undefined ? 0n : freedBy(money, reserve);
}

async function giveBack(tx: Transaction, reserve: ReserveRow, amountMsat: bigint, nowMs: number): Promise<void> {
  const { accountNo } = await lockAvailable(tx, reserve.clientId);
  const legs = [
    { accountNo: reserve.accountNo, amountMsat: -amountMsat },
    { accountNo, amountMsat },
  ];
  await post(tx, { kind: 'unreserve' }, legs, nowMs);
}

/** What lay at a node without ever being committed, and for how long. */
export interface LainAtNode {
  readonly nodeNo: number;
  readonly sizeBytes: number;
  readonly lainMs: number;
}

/** Rounded down, like the price of periods. Never for longer than uncommitted bytes may lie. */
function storageTimeCost({ rules, unit }: Money, lain: Omit<LainAtNode, 'nodeNo'>, price: bigint): bigint {
  const paidMs = Math.min(lain.lainMs, rules.uncommittedPeriods * rules.periodMs);
  const numerator = BigInt(lain.sizeBytes) * price * unit.numerator * BigInt(paidMs);
  return numerator / (unit.denominator * BigInt(rules.periodMs));
}

/**
 * An upload is discarded: nodes are paid for the storage time of what was never committed (never more than the bytes
 * that the upload had left and the time that they may lie there), and the rest of its reserve goes back.
 * Doing it again changes nothing. @returns what was charged, in msat
 */
export async function settleUpload(
  tx: Transaction,
  money: Money,
  uploadId: string,
  uncommitted: readonly LainAtNode[],
  nowMs: number,
): Promise<bigint> {
  const nodeNos = uncommitted.map(({ nodeNo }) => nodeNo);
  await lockLedgerNodes(tx, money, nodeNos, nowMs);
  const reserve = await lockReserve(tx, uploadId);
  if (reserve === undefined) return 0n;
  const legs: Leg[] = [];
  let leftMsat = reserve.balanceMsat;
  for (const { nodeNo, sizeBytes, lainMs } of uncommitted) {
    const price = reserve.offers.get(nodeNo);
    if (price === undefined) continue;
    const cost = storageTimeCost(money, { sizeBytes: Math.min(sizeBytes, reserve.leftBytes), lainMs }, price);
    const dueMsat = cost < leftMsat ? cost : leftMsat;
    leftMsat -= dueMsat;
    const commissionMsat = (dueMsat * BigInt(reserve.commissionPpm)) / 1_000_000n;
    const [node] = await tx.select().from(ledgerNodes).where(eq(ledgerNodes.nodeNo, nodeNo));
    legs.push(
      { accountNo: reserve.accountNo, amountMsat: -dueMsat },
      { accountNo: node!.earnedNo, amountMsat: dueMsat - commissionMsat },
      { accountNo: node!.commissionNo, amountMsat: commissionMsat },
    );
  }
  await post(tx, { kind: 'storage_time', reference: uploadId }, legs, nowMs);
  await tx.update(uploadReserves).set({ state: 'settled' }).where(eq(uploadReserves.uploadId, uploadId));
  if (leftMsat > 0n) await giveBack(tx, reserve, leftMsat, nowMs);
  return reserve.balanceMsat - leftMsat;
}
