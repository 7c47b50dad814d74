/** Booking in Postgres: transfers with their legs in one statement, accounts, balances and statements. */
import { fail, type HoldfastError, msat, type PriceUnit, priceUnit } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type {
  AccountKind,
  ClientBalance,
  Fault,
  LedgerStore,
  MoneyRules,
  NodeBalance,
  Position,
  StatementLine,
  TransferKind,
} from '../../ledger/index.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { agreements, ledgerAccounts, ledgerEntries, ledgerSettings, ledgerTransfers } from './ledger-schema.ts';

/** What everything that books goes by. */
export interface Money {
  readonly rules: MoneyRules;
  readonly unit: PriceUnit;
}

/**
 * Makes sure that this ledger counts in these periods; the first start decides.
 * @throws HoldfastError `money.wrong-period`
 */
export async function openMoney(database: Database, rules: MoneyRules): Promise<Money> {
  const unit = priceUnit(rules.periodMs);
  await database
    .insert(ledgerSettings)
    .values({ periodMs: rules.periodMs, priceNumerator: unit.numerator, priceDenominator: unit.denominator })
    .onConflictDoNothing();
  const [kept] = await database.select().from(ledgerSettings);
  const keptMs = kept?.periodMs ?? 0;
  if (keptMs !== rules.periodMs) throw fail('money.wrong-period', { keptMs, givenMs: rules.periodMs });
  return { rules, unit };
}

export interface Transfer {
  readonly kind: TransferKind;
  readonly reference?: string;
  readonly note?: string;
  readonly nodeNo?: number;
}
export interface Leg {
  readonly accountNo: number;
  readonly amountMsat: bigint;
}

/**
 * Books a transfer. Legs of one account are added up, and those of nothing left out; one without any is not booked.
 * @throws HoldfastError `money.refused` when a rule of the ledger forbids it; the transaction is lost then.
 */
export async function post(
  tx: Transaction,
  transfer: Transfer,
  legs: readonly Leg[],
  nowMs: number,
): Promise<bigint | undefined> {
  const sums = new Map<number, bigint>();
  for (const { accountNo, amountMsat } of legs) sums.set(accountNo, (sums.get(accountNo) ?? 0n) + amountMsat);
  const entries = [...sums].filter(([, amountMsat]) => amountMsat !== 0n);
  if (entries.length === 0) return undefined;
  try {
    const { rows } = await tx.execute<{ transfer_no: string }>(sql`
      WITH made AS (
        INSERT INTO ${ledgerTransfers} (kind, reference, note, node_no, made_at_ms) VALUES
          (${transfer.kind}, ${transfer.reference ?? null}, ${transfer.note ?? null}, ${transfer.nodeNo ?? null}, ${nowMs})
        RETURNING transfer_no)
      INSERT INTO ${ledgerEntries} (transfer_no, account_no, amount_msat)
      SELECT made.transfer_no, leg.* FROM made, unnest(
        ${sql.param(entries.map(([accountNo]) => accountNo))}::int[],
        ${sql.param(entries.map(([, amountMsat]) => amountMsat))}::bigint[]) AS leg
      RETURNING transfer_no`);
    return BigInt(rows[0]!.transfer_no);
  } catch (error) {
    throw refusal(error) ?? error;
  }
}

/** A broken rule of the ledger in the catalogue's words. */
function refusal(error: unknown): HoldfastError | undefined {
  const { cause } = error as { cause?: { constraint?: unknown; message?: unknown } };
  const { constraint, message } = cause ?? {};
  if (typeof constraint !== 'string' || !constraint.startsWith('ledger_')) return undefined;
  return fail('money.refused', { detail: `${constraint}: ${String(message)}` }, error);
}

/** The client's available money, made at need, its row locked. Lock the ledger of nodes first. */
export async function lockAvailable(
  tx: Transaction,
  clientId: string,
): Promise<{ accountNo: number; balanceMsat: bigint }> {
  const owner = Buffer.from(clientId, 'hex');
  for (;;) {
    const { rows } = await tx.execute<{ account_no: number; balance_msat: string }>(sql`
      SELECT account_no, balance_msat FROM ${ledgerAccounts}
      WHERE kind = 'available' AND client_id = ${owner} FOR NO KEY UPDATE`);
    const [row] = rows;
    if (row !== undefined) return { accountNo: row.account_no, balanceMsat: BigInt(row.balance_msat) };
    await tx.execute(sql`
      INSERT INTO ${ledgerAccounts} (kind, client_id) VALUES ('available', ${owner})
      ON CONFLICT (client_id) WHERE kind = 'available' DO NOTHING`);
  }
}

/** The number of an account that there is one of. */
export async function mediatorAccount(tx: Transaction, kind: AccountKind): Promise<number> {
  const { rows } = await tx.execute<{ account_no: number }>(sql`
    SELECT account_no FROM ${ledgerAccounts}
    WHERE kind = ${kind} AND client_id IS NULL AND available_no IS NULL AND node_no IS NULL`);
  return rows[0]!.account_no;
}

export function createLedgerStore(database: Database): LedgerStore {
  return {
    credit: ({ clientId, amountMsat, reference, note }, nowMs) =>
      inTransaction(database, async (tx) => {
        const { accountNo } = await lockAvailable(tx, clientId);
        const known = await tx.execute(sql`
          SELECT FROM ${ledgerTransfers} WHERE kind = 'credit' AND reference = ${reference}`);
        if (known.rows.length > 0) return false;
        const credits = await mediatorAccount(tx, 'admin_credits');
        const legs = [
          { accountNo: credits, amountMsat: -BigInt(amountMsat) },
          { accountNo, amountMsat },
        ];
        await post(tx, { kind: 'credit', reference, note }, legs, nowMs);
        return true;
      }),
    clientBalance: (clientId) => clientBalance(database, clientId),
    nodeBalance: (nodeId) => nodeBalance(database, nodeId),
    clientStatement: (clientId, page) =>
      statement(database, sql`a.kind = 'available' AND a.client_id = ${Buffer.from(clientId, 'hex')}`, page),
    nodeStatement: (nodeId, page) =>
      statement(
        database,
        sql`a.kind IN ('earned', 'withheld')
          AND a.node_no = (SELECT node_no FROM nodes WHERE node_id = ${Buffer.from(nodeId, 'hex')})`,
        page,
      ),
    agreementStatement: (agreementId, page) => agreementStatement(database, agreementId, page),
    async legs(transferNo, limit) {
      const { rows } = await database.execute<StatementRow>(sql`
        SELECT ${LINE} FROM ${ledgerTransfers} t JOIN ${ledgerEntries} e USING (transfer_no)
        JOIN ${ledgerAccounts} a USING (account_no)
        WHERE t.transfer_no = ${transferNo} ORDER BY e.account_no LIMIT ${limit}`);
      return rows.map(toLine);
    },
    position: () => position(database),
    async findFaults() {
      const { rows } = await database.execute<{ rule: string; subject: string; detail: string }>(
        sql`SELECT * FROM ledger_faults() UNION ALL SELECT * FROM deposit_faults() UNION ALL SELECT * FROM payout_faults()`,
      );
      return rows.map(({ rule, subject, detail }): Fault => ({ rule, subject, detail }));
    },
  };
}

async function clientBalance(database: Database, clientId: string): Promise<ClientBalance> {
  const { rows } = await database.execute<{ available: string; held: string; reserved: string }>(sql`
    SELECT coalesce(sum(own.balance_msat), 0) AS available,
      coalesce(sum((SELECT sum(balance_msat) FROM ${ledgerAccounts} h
        WHERE h.available_no = own.account_no AND h.kind = 'hold')), 0) AS held,
      coalesce(sum((SELECT sum(balance_msat) FROM ${ledgerAccounts} u
        WHERE u.available_no = own.account_no AND u.kind = 'upload')), 0) AS reserved
    FROM ${ledgerAccounts} own WHERE own.kind = 'available' AND own.client_id = ${Buffer.from(clientId, 'hex')}`);
  const { available, held, reserved } = rows[0]!;
  return {
    availableMsat: msat(BigInt(available)),
    heldMsat: msat(BigInt(held)),
    reservedMsat: msat(BigInt(reserved)),
  };
}

async function nodeBalance(database: Database, nodeId: string): Promise<NodeBalance> {
  const { rows } = await database.execute<{ earned: string; withheld: string }>(sql`
    SELECT coalesce(sum(balance_msat) FILTER (WHERE kind = 'earned'), 0) AS earned,
      coalesce(sum(balance_msat) FILTER (WHERE kind = 'withheld'), 0) AS withheld
    FROM ${ledgerAccounts} WHERE kind IN ('earned', 'withheld')
      AND node_no = (SELECT node_no FROM nodes WHERE node_id = ${Buffer.from(nodeId, 'hex')})`);
  const { earned, withheld } = rows[0]!;
  return { earnedMsat: msat(BigInt(earned)), withheldMsat: msat(BigInt(withheld)) };
}

interface StatementRow extends Record<string, unknown> {
  transfer_no: string;
  made_at_ms: string;
  kind: TransferKind;
  account: AccountKind;
  account_no: number;
  amount_msat: string;
  period: number | null;
  note: string | null;
}

async function statement(
  database: Database,
  accounts: ReturnType<typeof sql>,
  { before, limit }: { before?: bigint; limit: number },
): Promise<StatementLine[]> {
  const { rows } = await database.execute<StatementRow>(sql`
    SELECT ${LINE} FROM ${ledgerAccounts} a
    JOIN ${ledgerEntries} e ON e.account_no = a.account_no AND NOT e.is_settlement
    JOIN ${ledgerTransfers} t ON t.transfer_no = e.transfer_no
    WHERE ${accounts} ${before === undefined ? sql`` : sql`AND t.transfer_no < ${before}`}
    ORDER BY t.transfer_no DESC, a.account_no LIMIT ${limit}`);
  return rows.map(toLine);
}

const LINE = sql`t.transfer_no, t.made_at_ms, t.kind, a.kind AS account, a.account_no, e.amount_msat, t.period, t.note`;

const toLine = (row: StatementRow): StatementLine => ({
  transferNo: BigInt(row.transfer_no),
  madeAtMs: Number(row.made_at_ms),
  kind: row.kind,
  account: row.account,
  accountNo: row.account_no,
  amountMsat: msat(BigInt(row.amount_msat)),
  ...(row.period !== null && { period: row.period }),
  ...(row.note !== null && { note: row.note }),
});

/** Accruals are found by the node's settlements of the agreement's periods: their entries stand in no other index. */
async function agreementStatement(
  database: Database,
  agreementId: string,
  { before, limit }: { before?: bigint; limit: number },
): Promise<StatementLine[]> {
  const { rows } = await database.execute<StatementRow>(sql`
    SELECT ${LINE} FROM (
      SELECT e.transfer_no, g.hold_no FROM ${agreements} g
      JOIN ${ledgerEntries} e ON e.account_no = g.hold_no AND NOT e.is_settlement
      WHERE g.agreement_id = ${Buffer.from(agreementId, 'hex')}
      UNION ALL
      SELECT s.transfer_no, g.hold_no FROM ${agreements} g
      JOIN ${ledgerTransfers} s ON s.node_no = g.node_no AND s.period >= g.start_period AND s.period < g.end_period
        AND s.kind IN ('accrual', 'void')
      WHERE g.agreement_id = ${Buffer.from(agreementId, 'hex')}) AS found
    JOIN ${ledgerTransfers} t USING (transfer_no)
    JOIN ${ledgerEntries} e ON e.transfer_no = found.transfer_no AND e.account_no = found.hold_no
    JOIN ${ledgerAccounts} a ON a.account_no = found.hold_no
    ${before === undefined ? sql`` : sql`WHERE t.transfer_no < ${before}`}
    ORDER BY t.transfer_no DESC LIMIT ${limit}`);
  return rows.map(toLine);
}

async function position(database: Database): Promise<Position> {
  const { rows } = await database.execute<Record<string, string>>(sql`SELECT * FROM ledger_position`);
  const of = (name: string) => msat(BigInt(rows[0]![name]!));
  return {
    available: of('available'),
    held: of('held'),
    earned: of('earned'),
    withheld: of('withheld'),
    commission: of('commission'),
    repairReserve: of('repair_reserve'),
    payoutsInFlight: of('payouts_in_flight'),
    withdrawalsInFlight: of('withdrawals_in_flight'),
    float: of('float'),
    deposits: of('deposits'),
    adminCredits: of('admin_credits'),
    capital: of('capital'),
    badDebt: of('bad_debt'),
    payoutsPaid: of('payouts_paid'),
    withdrawalsPaid: of('withdrawals_paid'),
    networkFees: of('network_fees'),
    difference: of('difference'),
  };
}
