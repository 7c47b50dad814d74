/** Growing and shrinking agreements with what a vault stores, within the transaction that commits or drops packs. */
import { bytes, fail, monthlyCostMsat, satPerTbMonth } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { changeBytes, inForce } from '../../agreements/index.ts';
import type { VaultName } from '../../custody/index.ts';
import {
  type AgreementRow,
  chainFrom,
  earliest,
  lockLedgerNodes,
  type NewAgreement,
  openAgreements,
  type OpenPeriods,
  readAgreements,
  shortenSpans,
  type SpanToWrite,
  writeSpans,
} from './agreements-rows.ts';
import { checkNodes, findMandate, monthlyCost } from './agreements-mandates.ts';
import type { Transaction } from './database.ts';
import { type Leg, lockAvailable, type Money, post } from './ledger.ts';
import { agreements, ledgerAccounts, uploadOffers, uploadReserves } from './ledger-schema.ts';

export interface Growth extends VaultName {
  readonly bytesAt: readonly { readonly nodeNo: number; readonly bytes: number; readonly price: bigint }[];
}

/**
 * Bytes committed under an upload: paid for from the next period on, to the end of their agreements' terms. The money
 * comes from the upload's reserve and, where that is not enough, from what is available.
 * Call it last in the transaction: it locks the nodes' ledgers and the client's account.
 * @returns what was held for them, in msat
 * @throws HoldfastError `upload.unknown` without a reserve, `money.insufficient`
 */
export async function growUnderUpload(
  tx: Transaction,
  money: Money,
  { uploadId, clientId, vaultId }: VaultName & { uploadId: string },
  bytesAt: ReadonlyMap<number, number>,
  nowMs: number,
): Promise<bigint> {
  const open = await lockLedgerNodes(tx, money, bytesAt.keys(), nowMs);
  const id = Buffer.from(uploadId, 'hex');
  const { rows } = await tx.execute<{ account_no: number; mandate_hash: Buffer; commission_ppm: number }>(sql`
    UPDATE ${uploadReserves}
    SET committed_bytes_per_node = least(quota_bytes_per_node, committed_bytes_per_node + ${Math.max(...bytesAt.values())})
    WHERE upload_id = ${id} AND state <> 'settled' RETURNING account_no, mandate_hash, commission_ppm`);
  const [reserve] = rows;
  if (reserve === undefined) throw fail('upload.unknown', { uploadId });
  const offers = await tx.execute<{ node_no: number; price: string }>(sql`
    SELECT node_no, price_sat_per_tb_month AS price FROM ${uploadOffers} WHERE upload_id = ${id}`);
  const prices = new Map(offers.rows.map(({ node_no, price }) => [node_no, BigInt(price)]));
  const list = [...bytesAt].map(([nodeNo, bytes]) => {
    const price = prices.get(nodeNo);
    if (price === undefined) throw fail('upload.unknown', { uploadId });
    return { nodeNo, bytes, price };
  });
  const terms = { mandateHash: reserve.mandate_hash.toString('hex'), commissionPpm: reserve.commission_ppm };
  const from = { accountNo: reserve.account_no };
  return grow(tx, money, { clientId, vaultId, bytesAt: list }, { ...terms, from, open }, nowMs);
}

/**
 * Bytes placed without an upload, as repair does: paid for from what is available, under the mandate in force.
 * @throws HoldfastError `mandate.*`, `money.insufficient`
 */
export async function growUnderMandate(tx: Transaction, money: Money, growth: Growth, nowMs: number): Promise<bigint> {
  const nodeNos = growth.bytesAt.map(({ nodeNo }) => nodeNo);
  const open = await lockLedgerNodes(tx, money, nodeNos, nowMs);
  const mandate = inForce(await findMandate(tx, growth), growth.vaultId, nowMs);
  const offers = growth.bytesAt.map(({ nodeNo, price }) => ({ nodeNo, priceSatPerTbMonth: price }));
  await checkNodes(tx, mandate, offers);
  const addedMsat = growth.bytesAt.reduce(
    (sum, { bytes: added, price }) => sum + monthlyCostMsat(bytes(added), satPerTbMonth(price)),
    0n,
  );
  const neededMsat = (await monthlyCost(tx, growth, earliest(open))) + addedMsat;
  const limitMsat = mandate.monthlyLimitMsat;
  if (neededMsat > limitMsat) throw fail('mandate.limit', { neededMsat, limitMsat });
  const { commissionPpm } = money.rules;
  return grow(tx, money, growth, { mandateHash: mandate.mandateHash, commissionPpm, open }, nowMs);
}

interface Source {
  readonly mandateHash: string;
  readonly commissionPpm: number;
  readonly open: OpenPeriods;
  /** Used up before what is available. */
  readonly from?: { readonly accountNo: number };
}

async function grow(tx: Transaction, money: Money, growth: Growth, source: Source, nowMs: number): Promise<bigint> {
  const { unit, rules } = money;
  const running = await readAgreements(tx, growth, earliest(source.open), [...source.open.keys()]);
  const available = await lockAvailable(tx, growth.clientId);
  const added = new Map<AgreementRow, number>();
  const fresh: NewAgreement[] = [];
  for (const { nodeNo, bytes, price } of growth.bytesAt) {
    const period = source.open.get(nodeNo)!;
    const first = running.find(
      (one) => one.nodeNo === nodeNo && one.price === price && one.startPeriod <= period && one.endPeriod > period,
    );
    const chain = chainFrom(first, running);
    for (const one of chain) added.set(one, bytes);
    if (chain.length > 0) continue;
    const endPeriod = period + rules.termPeriods;
    fresh.push({ nodeNo, price, startPeriod: period, endPeriod, storedBytes: bytes });
  }
  const legs = await amend(tx, money, added, source.open);
  const terms = { ...growth, availableNo: available.accountNo, ...source };
  for (const { holdNo, costMsat } of await openAgreements(tx, terms, fresh, unit, nowMs)) {
    legs.push({ accountNo: holdNo, amountMsat: costMsat });
  }
  const costMsat = legs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  legs.push(...(await pay(tx, costMsat, source, available)));
  await post(tx, { kind: 'hold' }, legs, nowMs);
  return costMsat;
}

/** Changes agreements by so many bytes each from a period on. Resolves to what goes into (or, below zero, out of) their holds. */
async function amend(
  tx: Transaction,
  { unit }: Money,
  changes: ReadonlyMap<AgreementRow, number>,
  open: OpenPeriods,
): Promise<Leg[]> {
  const legs: Leg[] = [];
  const written: SpanToWrite[] = [];
  const cuts: { agreementNo: number; atPeriod: number }[] = [];
  for (const [one, addedBytes] of changes) {
    const period = open.get(one.nodeNo)!;
    const change = changeBytes(one.spans, { fromPeriod: period, addedBytes }, unit);
    const { agreementNo, nodeNo, holdNo, commissionPpm } = one;
    if (change.shortened.length > 0) cuts.push({ agreementNo, atPeriod: period });
    written.push(...change.written.map((span) => ({ agreementNo, nodeNo, holdNo, commissionPpm, span })));
    legs.push({ accountNo: holdNo, amountMsat: change.costMsat });
  }
  await shortenSpans(tx, cuts);
  await writeSpans(tx, written, unit);
  if (changes.size > 0) {
    await tx.execute(sql`
      UPDATE ${agreements} a SET stored_bytes = a.stored_bytes + change.added_bytes
      FROM unnest(
        ${sql.param([...changes.keys()].map(({ agreementNo }) => agreementNo))}::int[],
        ${sql.param([...changes.values()])}::bigint[]) AS change(agreement_no, added_bytes)
      WHERE a.agreement_no = change.agreement_no`);
  }
  return legs;
}

/** @throws HoldfastError `money.insufficient` */
async function pay(
  tx: Transaction,
  costMsat: bigint,
  { from }: Source,
  available: { accountNo: number; balanceMsat: bigint },
): Promise<Leg[]> {
  let reservedMsat = 0n;
  if (from !== undefined) {
    const { rows } = await tx.execute<{ balance_msat: string }>(sql`
      SELECT balance_msat FROM ${ledgerAccounts} WHERE account_no = ${from.accountNo}`);
    reservedMsat = BigInt(rows[0]!.balance_msat);
  }
  const first = reservedMsat < costMsat ? reservedMsat : costMsat;
  const rest = costMsat - first;
  if (rest > available.balanceMsat) {
    throw fail('money.insufficient', { neededMsat: costMsat, availableMsat: reservedMsat + available.balanceMsat });
  }
  return [
    ...(from === undefined ? [] : [{ accountNo: from.accountNo, amountMsat: -first }]),
    { accountNo: available.accountNo, amountMsat: -rest },
  ];
}

/**
 * Bytes that the vault dropped or the node lost: no longer paid for from the next period on; what is held for them goes
 * back. They leave the dearest of the vault's agreements with a node first.
 * Call it last in the transaction, as `growUnderUpload`.
 * @returns what went back, in msat
 */
export async function shrinkAgreements(
  tx: Transaction,
  money: Money,
  name: VaultName,
  bytesAt: ReadonlyMap<number, number>,
  nowMs: number,
): Promise<bigint> {
  const open = await lockLedgerNodes(tx, money, bytesAt.keys(), nowMs);
  const running = await readAgreements(tx, name, earliest(open), [...bytesAt.keys()]);
  const removed = new Map<AgreementRow, number>();
  for (const [nodeNo, bytes] of bytesAt) {
    let left = bytes;
    const heads = running.filter(
      (one) => one.nodeNo === nodeNo && one.endPeriod > open.get(nodeNo)! && !isFollower(one, running),
    );
    for (const head of heads.toSorted((a, b) => Number(b.price - a.price))) {
      const taken = Math.min(left, head.storedBytes);
      if (taken === 0) continue;
      left -= taken;
      for (const one of chainFrom(head, running)) {
        removed.set(one, -Math.min(taken, one.storedBytes));
      }
    }
  }
  const legs = await amend(tx, money, removed, open);
  const available = await lockAvailable(tx, name.clientId);
  const freedMsat = -legs.reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
  await post(tx, { kind: 'release_hold' }, [...legs, { accountNo: available.accountNo, amountMsat: freedMsat }], nowMs);
  return freedMsat;
}

const isFollower = ({ renewedFrom }: AgreementRow, running: readonly AgreementRow[]): boolean =>
  renewedFrom !== null && running.some(({ agreementNo }) => agreementNo === renewedFrom);
