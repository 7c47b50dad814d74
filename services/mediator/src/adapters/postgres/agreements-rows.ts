/** Rows of agreements and spans: read under lock, opened, rewritten. What changes money locks the nodes' ledgers first. */
import { periodAt, type PricedSpan, type PriceUnit, satPerTbMonth } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { type AgreementState, priceOf, rateOf } from '../../agreements/index.ts';
import type { VaultName } from '../../custody/index.ts';
import type { Transaction } from './database.ts';
import type { Money } from './ledger.ts';
import { agreements, agreementSpans, ledgerAccounts, ledgerNodes } from './ledger-schema.ts';

export interface AgreementRow {
  readonly agreementNo: number;
  readonly agreementId: string;
  readonly nodeNo: number;
  readonly price: bigint;
  readonly commissionPpm: number;
  readonly startPeriod: number;
  readonly endPeriod: number;
  readonly holdNo: number;
  readonly state: AgreementState;
  readonly renewedFrom: number | null;
  readonly storedBytes: number;
  /** Those that reach beyond the period asked for, in order. */
  readonly spans: readonly PricedSpan[];
}

/** Of each node: the first period from which its agreements may still change. */
export type OpenPeriods = ReadonlyMap<number, number>;

/**
 * Locks the ledgers of these nodes, in one order everywhere; makes those that are missing.
 * Resolves to the first period that is to come at `nowMs` and not settled yet: a transaction that waited over the turn
 * of a period, or a process whose clock is late, must not change what a settlement was made from.
 */
export async function lockLedgerNodes(
  tx: Transaction,
  { rules }: Money,
  nodeNos: Iterable<number>,
  nowMs: number,
): Promise<OpenPeriods> {
  const numbers = [...new Set(nodeNos)].sort((a, b) => a - b);
  if (numbers.length === 0) return new Map();
  await tx.execute(sql`
    SELECT open_ledger_node(node_no) FROM unnest(${sql.param(numbers)}::int[]) AS node_no ORDER BY node_no`);
  const { rows } = await tx.execute<{ node_no: number; last_settled_period: number }>(sql`
    SELECT node_no, last_settled_period FROM ${ledgerNodes}
    WHERE node_no = ANY(${sql.param(numbers)}::int[]) ORDER BY node_no FOR NO KEY UPDATE`);
  const next = periodAt(nowMs, rules.periodMs) + 1;
  return new Map(rows.map((row) => [row.node_no, Math.max(next, row.last_settled_period + 1)]));
}

export const earliest = (periods: OpenPeriods): number => Math.min(...periods.values());

interface JoinedRow extends Record<string, unknown> {
  agreement_no: number;
  agreement_id: Buffer;
  node_no: number;
  price: string;
  commission_ppm: number;
  start_period: number;
  end_period: number;
  hold_no: number;
  state: AgreementState;
  renewed_from: number | null;
  stored_bytes: string;
  from_period: number | null;
  until_period: number;
  span_bytes: string;
  carry: string;
}

/** The vault's agreements that reach beyond the start of `period` and have not ended; oldest term first. */
export async function readAgreements(
  tx: Transaction,
  name: VaultName,
  period: number,
  nodeNos?: readonly number[],
): Promise<AgreementRow[]> {
  const { rows } = await tx.execute<JoinedRow>(sql`
    SELECT a.agreement_no, a.agreement_id, a.node_no, a.price_sat_per_tb_month AS price, a.commission_ppm,
      a.start_period, a.end_period, a.hold_no, a.state, a.renewed_from, a.stored_bytes,
      s.from_period, s.until_period, s.stored_bytes AS span_bytes, s.carry
    FROM ${agreements} a
    LEFT JOIN ${agreementSpans} s ON s.agreement_no = a.agreement_no AND s.until_period > ${period}
    WHERE a.client_id = ${Buffer.from(name.clientId, 'hex')} AND a.vault_id = ${Buffer.from(name.vaultId, 'hex')}
      AND a.end_period > ${period} AND a.state <> 'ended'
      ${nodeNos === undefined ? sql`` : sql`AND a.node_no = ANY(${sql.param([...nodeNos])}::int[])`}
    ORDER BY a.start_period, a.agreement_no, s.from_period`);
  const found = new Map<number, AgreementRow & { spans: PricedSpan[] }>();
  for (const row of rows) {
    const price = BigInt(row.price);
    const agreement = found.get(row.agreement_no) ?? {
      agreementNo: row.agreement_no,
      agreementId: row.agreement_id.toString('hex'),
      nodeNo: row.node_no,
      price,
      commissionPpm: row.commission_ppm,
      startPeriod: row.start_period,
      endPeriod: row.end_period,
      holdNo: row.hold_no,
      state: row.state,
      renewedFrom: row.renewed_from,
      storedBytes: Number(row.stored_bytes),
      spans: [],
    };
    found.set(row.agreement_no, agreement);
    if (row.from_period === null) continue;
    agreement.spans.push({
      fromPeriod: row.from_period,
      untilPeriod: row.until_period,
      storedBytes: Number(row.span_bytes),
      price: satPerTbMonth(price),
      carry: BigInt(row.carry),
    });
  }
  return [...found.values()];
}

/** An agreement and those that renew it, in order. */
export function chainFrom(first: AgreementRow | undefined, running: readonly AgreementRow[]): AgreementRow[] {
  if (first === undefined) return [];
  const next = running.find(({ renewedFrom }) => renewedFrom === first.agreementNo);
  return [first, ...chainFrom(next, running)];
}

export interface NewAgreement {
  readonly nodeNo: number;
  readonly price: bigint;
  readonly startPeriod: number;
  readonly endPeriod: number;
  readonly storedBytes: number;
  readonly renewedFrom?: number;
}
export interface Terms extends VaultName {
  readonly availableNo: number;
  readonly mandateHash: string;
  readonly commissionPpm: number;
}

/** The one span of a new agreement. */
const firstSpan = (opened: NewAgreement): PricedSpan => ({
  fromPeriod: opened.startPeriod,
  untilPeriod: opened.endPeriod,
  storedBytes: opened.storedBytes,
  price: satPerTbMonth(opened.price),
  carry: 0n,
});

/** Opens agreements with their holds and spans. Resolves to what has to be put into each hold. */
export async function openAgreements(
  tx: Transaction,
  terms: Terms,
  list: readonly NewAgreement[],
  unit: PriceUnit,
  nowMs: number,
): Promise<{ holdNo: number; costMsat: bigint }[]> {
  const opened: { holdNo: number; costMsat: bigint }[] = [];
  for (const one of list) {
    const span = firstSpan(one);
    const { rows } = await tx.execute<{ agreement_no: number; hold_no: number }>(sql`
      WITH hold AS (
        INSERT INTO ${ledgerAccounts} (kind, available_no, node_no) VALUES ('hold', ${terms.availableNo}, ${one.nodeNo})
        RETURNING account_no)
      INSERT INTO ${agreements} (agreement_id, client_id, vault_id, node_no, mandate_hash, price_sat_per_tb_month,
        commission_ppm, start_period, end_period, hold_no, state, renewed_from, stored_bytes, opened_at_ms)
      SELECT substr(sha256(convert_to(concat('holdfast agreement ', ${terms.clientId}::text, hold.account_no), 'UTF8')), 1, 16),
        ${Buffer.from(terms.clientId, 'hex')}, ${Buffer.from(terms.vaultId, 'hex')}, ${one.nodeNo},
        ${Buffer.from(terms.mandateHash, 'hex')}, ${one.price}, ${terms.commissionPpm}, ${one.startPeriod},
        ${one.endPeriod}, hold.account_no, 'active', ${one.renewedFrom ?? null}, ${one.storedBytes}, ${nowMs} FROM hold
      RETURNING agreement_no, hold_no`);
    const { agreement_no: agreementNo, hold_no: holdNo } = rows[0]!;
    const { commissionPpm } = terms;
    await writeSpans(tx, [{ agreementNo, nodeNo: one.nodeNo, holdNo, commissionPpm, span }], unit);
    opened.push({ holdNo, costMsat: priceOf(span, unit) });
  }
  return opened;
}

export interface SpanToWrite {
  readonly agreementNo: number;
  readonly nodeNo: number;
  readonly holdNo: number;
  readonly commissionPpm: number;
  readonly span: PricedSpan;
}

/** Writes spans, over those with the same first period: the node's signature there is void then. */
export async function writeSpans(tx: Transaction, list: readonly SpanToWrite[], unit: PriceUnit): Promise<void> {
  if (list.length === 0) return;
  const rates = list.map(({ span }) => rateOf(span, unit));
  const column = <T>(of: (item: SpanToWrite) => T) => sql.param(list.map(of));
  await tx.execute(sql`
    INSERT INTO ${agreementSpans} (agreement_no, from_period, until_period, node_no, hold_no, commission_ppm,
      stored_bytes, carry, rate_msat, rate_rest)
    SELECT * FROM unnest(
      ${column(({ agreementNo }) => agreementNo)}::int[],
      ${column(({ span }) => span.fromPeriod)}::int[],
      ${column(({ span }) => span.untilPeriod)}::int[],
      ${column(({ nodeNo }) => nodeNo)}::int[],
      ${column(({ holdNo }) => holdNo)}::int[],
      ${column(({ commissionPpm }) => commissionPpm)}::int[],
      ${column(({ span }) => span.storedBytes)}::bigint[],
      ${column(({ span }) => span.carry)}::bigint[],
      ${sql.param(rates.map(({ rateMsat }) => rateMsat))}::bigint[],
      ${sql.param(rates.map(({ rateRest }) => rateRest))}::bigint[])
    ON CONFLICT (agreement_no, from_period) DO UPDATE SET
      until_period = excluded.until_period, stored_bytes = excluded.stored_bytes, carry = excluded.carry,
      rate_msat = excluded.rate_msat, rate_rest = excluded.rate_rest, node_token = NULL`);
}

/** Cuts the agreements' spans off at the start of a period. */
export async function shortenSpans(
  tx: Transaction,
  cuts: readonly { agreementNo: number; atPeriod: number }[],
): Promise<void> {
  if (cuts.length === 0) return;
  const given = sql`unnest(
    ${sql.param(cuts.map(({ agreementNo }) => agreementNo))}::int[],
    ${sql.param(cuts.map(({ atPeriod }) => atPeriod))}::int[]) AS cut(agreement_no, at_period)`;
  await tx.execute(sql`
    DELETE FROM ${agreementSpans} s USING ${given}
    WHERE s.agreement_no = cut.agreement_no AND s.from_period >= cut.at_period`);
  await tx.execute(sql`
    UPDATE ${agreementSpans} s SET until_period = cut.at_period FROM ${given}
    WHERE s.agreement_no = cut.agreement_no AND s.until_period > cut.at_period`);
}
