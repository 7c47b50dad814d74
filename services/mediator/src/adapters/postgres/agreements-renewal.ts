/** The ends of terms in Postgres: renewals within mandate and money, agreements that ran out, early ends, the runway. */
import { fail, MONTH_MS, msat, periodAt } from '@holdfast/protocol';
import { eq, inArray, sql } from 'drizzle-orm';
import {
  allowsNode,
  cutSpans,
  type EndedBy,
  type GivenUp,
  type MandateRecord,
  nextState,
  planRenewals,
  type RenewalCandidate,
  type RenewalMeans,
  type RenewalReport,
} from '../../agreements/index.ts';
import type { VaultName } from '../../custody/index.ts';
import {
  type AgreementRow,
  chainFrom,
  earliest,
  lockLedgerNodes,
  openAgreements,
  readAgreements,
  shortenSpans,
} from './agreements-rows.ts';
import { findMandate, monthlyCost } from './agreements-mandates.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { type Leg, lockAvailable, type Money, post } from './ledger.ts';
import { agreements } from './ledger-schema.ts';
import { nodes, vaults } from './schema.ts';
import { isVault } from './vaults.ts';

/** Vault by vault, oldest first, each in a transaction of its own. */
export async function renewDue(database: Database, money: Money, nowMs: number): Promise<RenewalReport> {
  const period = periodAt(nowMs, money.rules.periodMs);
  const due = await database.execute<{ client_id: Buffer; vault_id: Buffer }>(sql`
    SELECT v.client_id, v.vault_id FROM ${vaults} v
    WHERE EXISTS (SELECT FROM ${agreements} a WHERE a.client_id = v.client_id AND a.vault_id = v.vault_id
      AND a.state IN ('active', 'grace') AND a.stored_bytes > 0
      AND a.end_period <= ${period + money.rules.gracePeriods})
    ORDER BY v.created_at_ms, v.client_id, v.vault_id`);
  const report = { renewed: 0, unfunded: [] as RenewalReport['unfunded'][number][] };
  for (const row of due.rows) {
    const name = { clientId: row.client_id.toString('hex'), vaultId: row.vault_id.toString('hex') };
    const { renewed, unfunded } = await inTransaction(database, (tx) => renewVault(tx, money, name, nowMs));
    report.renewed += renewed;
    report.unfunded.push(...unfunded);
  }
  return report;
}

async function renewVault(tx: Transaction, money: Money, name: VaultName, nowMs: number): Promise<RenewalReport> {
  const { rules, unit } = money;
  const period = periodAt(nowMs, rules.periodMs);
  await tx.select({ vaultId: vaults.vaultId }).from(vaults).where(isVault(name)).for('no key update');
  const isDue = ({ state, storedBytes, endPeriod }: AgreementRow): boolean =>
    (state === 'active' || state === 'grace') && storedBytes > 0 && endPeriod <= period + rules.gracePeriods;
  // Also those that ended while nobody was there to renew them.
  const seen = (await readAgreements(tx, name, 0)).filter(isDue);
  const seenAt = seen.map(({ nodeNo }) => nodeNo);
  const open = await lockLedgerNodes(tx, money, seenAt, nowMs);
  const due = (await readAgreements(tx, name, 0)).filter(isDue);
  const offers = await tx
    .select({
      nodeNo: nodes.nodeNo,
      price: nodes.priceSatPerTbMonth,
      state: nodes.state,
      region: nodes.region,
      operator: nodes.operator,
    })
    .from(nodes)
    .where(
      inArray(
        nodes.nodeNo,
        due.map(({ nodeNo }) => nodeNo),
      ),
    );
  const offerOf = new Map(offers.map((offer) => [offer.nodeNo, offer]));
  const mandate = await findMandate(tx, name);
  const available = await lockAvailable(tx, name.clientId);
  const means: RenewalMeans = {
    availableMsat: available.balanceMsat,
    ...(mandate !== undefined && mandate.expiresAtMs > nowMs && { mandate }),
    monthlyMsat: await monthlyCost(tx, name, period),
  };
  const candidates = due.map((one) => toCandidate(one, offerOf.get(one.nodeNo)!, mandate, period));
  const monthPeriods = Number(MONTH_MS / BigInt(rules.periodMs));
  const plan = planRenewals(candidates, means, { unit, termPeriods: rules.termPeriods, monthPeriods });
  const terms = {
    ...name,
    availableNo: available.accountNo,
    mandateHash: mandate?.mandateHash ?? '',
    commissionPpm: rules.commissionPpm,
  };
  const byNo = new Map(due.map((one) => [one.agreementNo, one]));
  const opened = plan.renewed.map(({ candidate }) => {
    const { nodeNo } = byNo.get(candidate.agreementNo)!;
    const startPeriod = Math.max(candidate.endPeriod, open.get(nodeNo)!);
    return {
      nodeNo,
      price: candidate.newPrice,
      startPeriod,
      endPeriod: startPeriod + rules.termPeriods,
      storedBytes: candidate.storedBytes,
      renewedFrom: candidate.agreementNo,
    };
  });
  const legs: Leg[] = (await openAgreements(tx, terms, opened, unit, nowMs)).flatMap(({ holdNo, costMsat }) => [
    { accountNo: holdNo, amountMsat: costMsat },
    { accountNo: available.accountNo, amountMsat: -costMsat },
  ]);
  await post(tx, { kind: 'hold', note: 'renewal' }, legs, nowMs);
  await setState(tx, byNo, plan.renewed, 'renewed');
  await setState(tx, byNo, plan.refused, 'unfunded');
  const unfunded = plan.refused
    .map(({ candidate, reason }) => ({ one: byNo.get(candidate.agreementNo)!, reason }))
    .filter(({ one }) => one.state === 'active')
    .map(({ one, reason }) => ({ ...name, agreementId: one.agreementId, reason }));
  return { renewed: plan.renewed.length, unfunded };
}

const toCandidate = (
  one: AgreementRow,
  offer: { price: bigint; state: string; region: string; operator: string },
  mandate: MandateRecord | undefined,
  period: number,
): RenewalCandidate => ({
  agreementNo: one.agreementNo,
  endPeriod: one.endPeriod,
  storedBytes: one.storedBytes,
  // A term that is over costs nothing any more.
  oldPrice: one.endPeriod > period ? one.price : 0n,
  newPrice: offer.price,
  isNodeGood: offer.state !== 'disqualified' && offer.state !== 'leaving',
  isAllowed: mandate === undefined || allowsNode(mandate, offer),
});

async function setState(
  tx: Transaction,
  byNo: ReadonlyMap<number, AgreementRow>,
  changed: readonly { candidate: RenewalCandidate }[],
  event: 'renewed' | 'unfunded',
): Promise<void> {
  for (const { candidate } of changed) {
    const { agreementNo, agreementId, state } = byNo.get(candidate.agreementNo)!;
    const next = nextState(state, event, agreementId);
    if (next !== state) await tx.update(agreements).set({ state: next }).where(eq(agreements.agreementNo, agreementNo));
  }
}

/**
 * Agreements whose term is over. What is not settled of them yet still will be: spans stay. One whose renewal was never
 * tried, because the mediator was away, is left to `renewDue`: an outage gives nobody's data up.
 */
export async function endTerms(database: Database, money: Money, nowMs: number): Promise<GivenUp[]> {
  const period = periodAt(nowMs, money.rules.periodMs);
  const { rows } = await inTransaction(database, (tx) =>
    tx.execute<{
      agreement_id: Buffer;
      client_id: Buffer;
      vault_id: Buffer;
      node_id: Buffer;
      stored_bytes: string;
      was: string;
    }>(sql`
    WITH over AS (
      SELECT agreement_no, state AS was FROM ${agreements}
      WHERE (state IN ('renewed', 'grace') OR state = 'active' AND stored_bytes = 0) AND end_period <= ${period}
      ORDER BY agreement_no FOR NO KEY UPDATE)
    UPDATE ${agreements} a SET state = 'ended', ended_by = 'term' FROM over, ${nodes} n
    WHERE a.agreement_no = over.agreement_no AND n.node_no = a.node_no
    RETURNING a.agreement_id, a.client_id, a.vault_id, n.node_id, a.stored_bytes, over.was`),
  );
  return rows
    .filter(({ was, stored_bytes }) => was !== 'renewed' && stored_bytes !== '0')
    .map((row) => ({
      agreementId: row.agreement_id.toString('hex'),
      clientId: row.client_id.toString('hex'),
      vaultId: row.vault_id.toString('hex'),
      nodeId: row.node_id.toString('hex'),
      storedBytes: Number(row.stored_bytes),
    }));
}

/**
 * What an early end of the agreement, and of those that renewed it, comes to.
 * @throws HoldfastError `agreement.unknown`, `agreement.ended`
 */
export async function planEnd(tx: Transaction, money: Money, agreementId: string, nowMs: number) {
  const [found] = await tx.select().from(agreements).where(eq(agreements.agreementId, agreementId));
  if (found === undefined) throw fail('agreement.unknown', { agreementId });
  const open = await lockLedgerNodes(tx, money, [found.nodeNo], nowMs);
  const fromPeriod = earliest(open);
  const running = await readAgreements(tx, found, fromPeriod - 1, [found.nodeNo]);
  const first = running.find(({ agreementNo }) => agreementNo === found.agreementNo);
  if (first === undefined) throw fail('agreement.ended', { agreementId });
  const parts = chainFrom(first, running).map((agreement) => ({
    agreement,
    state: nextState(agreement.state, 'terminated', agreement.agreementId),
    freedMsat: cutSpans(agreement.spans, fromPeriod, money.unit).freedMsat,
  }));
  const releasedMsat = msat(parts.reduce((sum, { freedMsat }) => sum + freedMsat, 0n));
  return { clientId: found.clientId, fromPeriod, storedBytes: found.storedBytes, releasedMsat, parts };
}

/**
 * Ends an agreement, and those that renewed it, from the next period on.
 * @throws HoldfastError `agreement.unknown`, `agreement.ended`
 */
export async function terminate(
  tx: Transaction,
  money: Money,
  { agreementId, by, token }: { agreementId: string; by: Exclude<EndedBy, 'term'>; token: string | undefined },
  nowMs: number,
): Promise<void> {
  const { clientId, fromPeriod, parts, releasedMsat } = await planEnd(tx, money, agreementId, nowMs);
  for (const { agreement: one, state } of parts) {
    // One that has not begun is over before it does.
    const endPeriod = Math.max(one.startPeriod, Math.min(one.endPeriod, fromPeriod));
    await tx
      .update(agreements)
      .set({ state, endedBy: by, endPeriod, terminationToken: token ?? null })
      .where(eq(agreements.agreementNo, one.agreementNo));
  }
  await shortenSpans(
    tx,
    parts.map(({ agreement }) => ({ agreementNo: agreement.agreementNo, atPeriod: fromPeriod })),
  );
  const legs: Leg[] = parts.map(({ agreement, freedMsat }) => ({
    accountNo: agreement.holdNo,
    amountMsat: -freedMsat,
  }));
  const { accountNo } = await lockAvailable(tx, clientId);
  await post(tx, { kind: 'release_hold' }, [...legs, { accountNo, amountMsat: releasedMsat }], nowMs);
}
