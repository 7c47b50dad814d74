/** Settling periods in Postgres. The set-based work is the function `settle_node` of the migration `ledger_rules`. */
import { fail, type Msat, msat, periodAt } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { Settlement, SettlementStore, Verdict } from '../../ledger/index.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { type Money, mediatorAccount, post } from './ledger.ts';
import { ledgerAccounts, ledgerNodes, ledgerTransfers, settlements } from './ledger-schema.ts';
import { nodes } from './schema.ts';

interface SettlementRow extends Record<string, unknown> {
  is_new: boolean;
  node_no: number;
  period: number;
  verdict: Verdict;
  transfer_no: string | null;
  agreement_count: number;
  due_msat: string;
  commission_msat: string;
  earned_msat: string;
  withheld_msat: string;
  settled_at_ms: string;
}

const toSettlement = (row: SettlementRow): Settlement => ({
  nodeNo: row.node_no,
  period: row.period,
  verdict: row.verdict,
  ...(row.transfer_no !== null && { transferNo: BigInt(row.transfer_no) }),
  agreementCount: row.agreement_count,
  dueMsat: msat(BigInt(row.due_msat)),
  commissionMsat: msat(BigInt(row.commission_msat)),
  earnedMsat: msat(BigInt(row.earned_msat)),
  withheldMsat: msat(BigInt(row.withheld_msat)),
  settledAtMs: Number(row.settled_at_ms),
  isNew: row.is_new,
});

/**
 * Settles a node's period within the transaction that stores its verdict. Call it last: it locks the node's ledger and,
 * unless the verdict is `passed`, its clients' accounts.
 * @throws HoldfastError `node.unknown`
 */
export async function settleNode(
  tx: Transaction,
  { rules }: Money,
  { nodeId, period, verdict }: { nodeId: string; period: number; verdict: Verdict },
  nowMs: number,
): Promise<Settlement> {
  const { rows } = await tx.execute<SettlementRow>(sql`
    SELECT is_new, (settled).* FROM ${nodes} n, LATERAL settle_node(n.node_no, ${period}, ${verdict},
      CASE n.state WHEN 'vetting' THEN ${rules.vettingWithheldPpm}::int ELSE ${rules.withheldPpm}::int END, ${nowMs})
    WHERE n.node_id = ${Buffer.from(nodeId, 'hex')}`);
  if (rows[0] === undefined) throw fail('node.unknown', { nodeId });
  return toSettlement(rows[0]);
}

export function createSettlementStore(database: Database, money: Money): SettlementStore {
  return {
    settle: (nodeId, period, verdict, nowMs) =>
      inTransaction(database, (tx) => settleNode(tx, money, { nodeId, period, verdict }, nowMs)),
    async list(nodeId, { beforePeriod, limit }) {
      const { rows } = await database.execute<SettlementRow>(sql`
        SELECT false AS is_new, s.* FROM ${settlements} s
        WHERE s.node_no = (SELECT node_no FROM ${nodes} WHERE node_id = ${Buffer.from(nodeId, 'hex')})
          ${beforePeriod === undefined ? sql`` : sql`AND s.period < ${beforePeriod}`}
        ORDER BY s.period DESC LIMIT ${limit}`);
      return rows.map(toSettlement);
    },
    releaseWithheld: (nowMs) => releaseWithheld(database, money, nowMs),
    chargeRepair: (nodeId, charge, nowMs) => inTransaction(database, (tx) => chargeRepair(tx, nodeId, charge, nowMs)),
  };
}

/**
 * What is kept back has to cover the settlements of the last `withheldPeriods`; all beyond is released. So it needs no
 * marks, may run at any time, and running twice changes nothing.
 */
async function releaseWithheld(database: Database, { rules }: Money, nowMs: number): Promise<Msat> {
  const firstKept = periodAt(nowMs, rules.periodMs) - rules.withheldPeriods;
  const due = await database.execute<{ node_no: number }>(sql`
    SELECT n.node_no FROM ${ledgerNodes} n JOIN ${ledgerAccounts} a ON a.account_no = n.withheld_no
    WHERE a.balance_msat > 0 ORDER BY n.node_no`);
  let released = 0n;
  for (const { node_no: nodeNo } of due.rows) {
    released += await inTransaction(database, async (tx) => {
      const { rows } = await tx.execute<{ earned_no: number; withheld_no: number }>(sql`
        SELECT earned_no, withheld_no FROM ${ledgerNodes} WHERE node_no = ${nodeNo} FOR NO KEY UPDATE`);
      const node = rows[0]!;
      const excess = await tx.execute<{ amount: string }>(sql`
        SELECT a.balance_msat - coalesce((SELECT sum(s.withheld_msat) FROM ${settlements} s
          WHERE s.node_no = ${nodeNo} AND s.period >= ${firstKept}), 0) AS amount
        FROM ${ledgerAccounts} a WHERE a.account_no = ${node.withheld_no}`);
      const amountMsat = BigInt(excess.rows[0]!.amount);
      if (amountMsat <= 0n) return 0n;
      const legs = [
        { accountNo: node.withheld_no, amountMsat: -amountMsat },
        { accountNo: node.earned_no, amountMsat },
      ];
      await post(tx, { kind: 'release_withheld', nodeNo }, legs, nowMs);
      return amountMsat;
    });
  }
  return msat(released);
}

async function chargeRepair(
  tx: Transaction,
  nodeId: string,
  { amountMsat, reference }: { amountMsat: Msat; reference: string },
  nowMs: number,
): Promise<Msat> {
  const { rows } = await tx.execute<{ node_no: number; withheld_no: number }>(sql`
    SELECT l.node_no, l.withheld_no FROM ${ledgerNodes} l JOIN ${nodes} n ON n.node_no = l.node_no
    WHERE n.node_id = ${Buffer.from(nodeId, 'hex')} FOR NO KEY UPDATE OF l`);
  const [node] = rows;
  if (node === undefined) return msat(0n);
  const known = await tx.execute(
    sql`SELECT FROM ${ledgerTransfers} WHERE kind = 'repair_cost' AND reference = ${reference}`,
  );
  if (known.rows.length > 0) return msat(0n);
  // Read after the lock was had: what it waited for may have changed it.
  const kept = await tx.execute<{ balance_msat: string }>(sql`
    SELECT balance_msat FROM ${ledgerAccounts} WHERE account_no = ${node.withheld_no}`);
  const balanceMsat = BigInt(kept.rows[0]!.balance_msat);
  const charged = amountMsat < balanceMsat ? amountMsat : balanceMsat;
  const legs = [
    { accountNo: node.withheld_no, amountMsat: -charged },
    { accountNo: await mediatorAccount(tx, 'repair_reserve'), amountMsat: charged },
  ];
  await post(tx, { kind: 'repair_cost', reference, nodeNo: node.node_no }, legs, nowMs);
  return msat(charged);
}
