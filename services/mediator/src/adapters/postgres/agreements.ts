/** Agreements in Postgres: read, signed by nodes, ended early, renewed. */
import { msat } from '@holdfast/protocol';
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { AgreementRecord, AgreementState, AgreementStore, EndedBy } from '../../agreements/index.ts';
import { listLowRunways, readRunways } from './agreements-runway.ts';
import { endTerms, planEnd, renewDue, terminate } from './agreements-renewal.ts';
import { type Database, inTransaction } from './database.ts';
import type { Money } from './ledger.ts';
import { agreements, agreementSpans, ledgerAccounts } from './ledger-schema.ts';
import { nodes } from './schema.ts';

export function createAgreementStore(database: Database, money: Money): AgreementStore {
  return {
    async find(agreementId) {
      const [found] = await read(database, sql`a.agreement_id = ${Buffer.from(agreementId, 'hex')}`, 1);
      return found;
    },
    listOfClient: (clientId, page) =>
      read(database, sql`a.client_id = ${Buffer.from(clientId, 'hex')} ${after(page.after)}`, page.limit),
    listOfNode: (nodeId, page) =>
      read(database, sql`n.node_id = ${Buffer.from(nodeId, 'hex')} ${after(page.after)}`, page.limit),
    async listUnsigned(nodeId, limit) {
      const isOwn = sql`n.node_id = ${Buffer.from(nodeId, 'hex')}`;
      const unsigned = await read(database, sql`${isOwn} AND a.node_token IS NULL`, limit);
      const spans = await database
        .select({
          agreementId: agreements.agreementId,
          fromPeriod: agreementSpans.fromPeriod,
          storedBytes: agreementSpans.storedBytes,
        })
        .from(agreementSpans)
        .innerJoin(agreements, eq(agreements.agreementNo, agreementSpans.agreementNo))
        .innerJoin(nodes, eq(nodes.nodeNo, agreements.nodeNo))
        .where(and(eq(nodes.nodeId, nodeId), isNull(agreementSpans.nodeToken)))
        .orderBy(asc(agreementSpans.fromPeriod), asc(agreementSpans.agreementNo))
        .limit(limit);
      return { agreements: unsigned, amendments: spans };
    },
    async sign(agreementId, token) {
      await database.update(agreements).set({ nodeToken: token }).where(eq(agreements.agreementId, agreementId));
    },
    async signSpan({ agreementId, fromPeriod, storedBytes }, token) {
      const signed = await database.execute(sql`
        UPDATE ${agreementSpans} s SET node_token = ${token} FROM ${agreements} a
        WHERE a.agreement_no = s.agreement_no AND a.agreement_id = ${Buffer.from(agreementId, 'hex')}
          AND s.from_period = ${fromPeriod} AND s.stored_bytes = ${storedBytes} RETURNING s.from_period`);
      return signed.rows.length > 0;
    },
    foretellEnd: (agreementId, nowMs) =>
      inTransaction(database, async (tx) => {
        const { fromPeriod, storedBytes, releasedMsat } = await planEnd(tx, money, agreementId, nowMs);
        return { fromPeriod, storedBytes, releasedMsat };
      }),
    terminate: (agreementId, by, token, nowMs) =>
      inTransaction(database, (tx) => terminate(tx, money, { agreementId, by, token }, nowMs)),
    renewDue: (nowMs) => renewDue(database, money, nowMs),
    runway: async (clientId, nowMs) => (await readRunways(database, money, nowMs, [clientId]))[0]!,
    listLowRunways: (nowMs, page) => listLowRunways(database, money, nowMs, page),
    endTerms: (nowMs) => endTerms(database, money, nowMs),
  };
}

const after = (agreementId: string | undefined) =>
  agreementId === undefined
    ? sql``
    : sql`AND a.agreement_no < (SELECT agreement_no FROM ${agreements}
        WHERE agreement_id = ${Buffer.from(agreementId, 'hex')})`;

interface Row extends Record<string, unknown> {
  agreement_id: Buffer;
  client_id: Buffer;
  vault_id: Buffer;
  node_id: Buffer;
  mandate_hash: Buffer;
  price: string;
  commission_ppm: number;
  start_period: number;
  end_period: number;
  state: AgreementState;
  ended_by: EndedBy | null;
  stored_bytes: string;
  held: string;
  is_signed: boolean;
}

async function read(database: Database, condition: ReturnType<typeof sql>, limit: number): Promise<AgreementRecord[]> {
  const { rows } = await database.execute<Row>(sql`
    SELECT a.agreement_id, a.client_id, a.vault_id, n.node_id, a.mandate_hash, a.price_sat_per_tb_month AS price,
      a.commission_ppm, a.start_period, a.end_period, a.state, a.ended_by, a.stored_bytes, h.balance_msat AS held,
      a.node_token IS NOT NULL AS is_signed
    FROM ${agreements} a JOIN ${nodes} n ON n.node_no = a.node_no JOIN ${ledgerAccounts} h ON h.account_no = a.hold_no
    WHERE ${condition} ORDER BY a.agreement_no DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    agreementId: row.agreement_id.toString('hex'),
    clientId: row.client_id.toString('hex'),
    vaultId: row.vault_id.toString('hex'),
    nodeId: row.node_id.toString('hex'),
    mandateHash: row.mandate_hash.toString('hex'),
    priceSatPerTbMonth: BigInt(row.price),
    commissionPpm: row.commission_ppm,
    startPeriod: row.start_period,
    endPeriod: row.end_period,
    state: row.state,
    ...(row.ended_by !== null && { endedBy: row.ended_by }),
    storedBytes: Number(row.stored_bytes),
    heldMsat: msat(BigInt(row.held)),
    isSigned: row.is_signed,
  }));
}
