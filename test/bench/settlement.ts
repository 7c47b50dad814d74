/**
 * Settlement at scale: a million (client, node) pairs, one transaction per node and period, in a real Postgres that
 * writes durably: npm run bench -- --only settlement --pairs 1000000
 */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMediator } from '@holdfast/mediator';
import { createSilentLogger, type EmbeddedPostgres, startEmbeddedPostgres } from '@holdfast/platform';
import { priceUnit } from '@holdfast/protocol';
import pg from 'pg';

interface SettlementBench {
  readonly pairs: number;
  readonly nodes: number;
  /** Settlements in flight at once. */
  readonly workers: number;
  readonly verdict: 'passed' | 'missed';
}
interface SettlementRun {
  readonly period: number;
  readonly wallSeconds: number;
  /** Of all of Postgres' processes. */
  readonly databaseCpuSeconds: number;
  /** Of this process, which only asks. */
  readonly ownCpuSeconds: number;
}

const PERIOD_MS = 3_600_000;
const FIRST = 500_000;
/** In a row; the first one also pays for what is done once per page and plan. */
const PERIODS = 2;

/** Fills a fresh database and settles every node, period after period. Throws unless the ledger is right afterwards. */
async function benchSettlement(bench: SettlementBench, report: (line: string) => void): Promise<SettlementRun[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-settlement-'));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres'), logger: createSilentLogger() });
  const pool = new pg.Pool({ connectionString: server.url, max: bench.workers });
  // Connections that are being closed when the server stops are no loss.
  pool.on('error', () => {});
  try {
    await migrate(server, dataDir);
    await fill(pool, bench);
    report(`${bench.pairs} pairs at ${bench.nodes} nodes are in place, ${bench.workers} settle at once`);
    const runs: SettlementRun[] = [];
    for (let period = FIRST + 1; period <= FIRST + PERIODS; period += 1) {
      runs.push(await settleAll(pool, server, bench, period));
      report(describe(runs.at(-1)!));
    }
    await checkLedger(pool, bench);
    return runs;
  } finally {
    await pool.end();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A mediator brings the database to its schema when it starts. */
async function migrate(server: EmbeddedPostgres, dataDir: string): Promise<void> {
  const mediator = await startMediator({
    dataDir: join(dataDir, 'mediator'),
    databaseUrl: server.url,
    listen: { host: '127.0.0.1', port: 0 },
    network: 'regtest',
    subnetRule: 'local',
    logger: createSilentLogger(),
    processMetrics: false,
  });
  await mediator.stop();
}

/** Every client has one agreement with each node: different sizes, so that fractions differ. Money moves by transfers. */
async function fill(pool: pg.Pool, { pairs, nodes }: SettlementBench): Promise<void> {
  const clients = Math.ceil(pairs / nodes);
  const unit = priceUnit(PERIOD_MS);
  await pool.query(
    `INSERT INTO ledger_settings (period_ms, price_numerator, price_denominator) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
    [PERIOD_MS, unit.numerator, unit.denominator],
  );
  const client = `sha256(convert_to('client ' || c, 'UTF8'))`;
  const vault = `substr(sha256(convert_to('vault ' || c, 'UTF8')), 1, 16)`;
  const statements = [
    `INSERT INTO accounts SELECT ${client}, 0, 0 FROM generate_series(1, ${clients}) c`,
    `INSERT INTO vaults (client_id, vault_id, data_shards, parity_shards, regions, avoid_operators, created_at_ms)
      SELECT ${client}, ${vault}, 4, 4, '{}', '{}', 0 FROM generate_series(1, ${clients}) c`,
    `INSERT INTO mandates SELECT ${client}, ${vault}, 1, sha256(${client}), '', 1000000, '{}', '{}', 1, 1, 0
      FROM generate_series(1, ${clients}) c`,
    `INSERT INTO nodes (node_id, operator, region, addresses, price_sat_per_tb_month, egress_sat_per_tb, capacity_bytes,
        state, registered_at_ms, registration_signed_at_ms, last_seen_at_ms)
      SELECT sha256(convert_to('node ' || n, 'UTF8')), n::text, '', '{}', 1000, 0, 0, 'active', 0, 0, 0
      FROM generate_series(1, ${nodes}) n`,
    `SELECT open_ledger_node(node_no) FROM nodes`,
    `INSERT INTO ledger_accounts (kind, client_id) SELECT 'available', ${client} FROM generate_series(1, ${clients}) c`,
    // 1 GB and up to 1 MB more, at 1,000,000 sat/TB·month: about 1,400 msat an hour
    `WITH pair AS (
        SELECT c.client_id, c.account_no AS available_no, n.node_no, row_number() OVER (ORDER BY n.node_no, c.account_no) AS pair_no
        FROM ledger_accounts c CROSS JOIN ledger_nodes n WHERE c.kind = 'available' LIMIT ${pairs}
      ), hold AS (
        INSERT INTO ledger_accounts (kind, available_no, node_no) SELECT 'hold', available_no, node_no FROM pair ORDER BY pair_no
        RETURNING account_no, available_no, node_no)
      INSERT INTO agreements (agreement_id, client_id, vault_id, node_no, mandate_hash, price_sat_per_tb_month,
        commission_ppm, start_period, end_period, hold_no, state, stored_bytes, opened_at_ms)
      SELECT substr(sha256(int4send(h.account_no)), 1, 16), c.client_id, m.vault_id, h.node_no, m.mandate_hash, 1000000,
        50000, ${FIRST}, ${FIRST} + 720, h.account_no, 'active', 1000000000 + h.account_no % 1000003, 0
      FROM hold h JOIN ledger_accounts c ON c.account_no = h.available_no JOIN mandates m ON m.client_id = c.client_id`,
    `INSERT INTO agreement_spans (agreement_no, from_period, until_period, node_no, hold_no, commission_ppm, stored_bytes,
        rate_msat, rate_rest, carry)
      SELECT agreement_no, start_period, end_period, node_no, hold_no, commission_ppm, stored_bytes,
        stored_bytes * 1000000 / ${unit.denominator}, stored_bytes * 1000000 % ${unit.denominator}, 0 FROM agreements`,
    `WITH made AS (
        INSERT INTO ledger_transfers (kind, reference, note, made_at_ms) VALUES ('credit', 'bench', 'bench', 0) RETURNING transfer_no),
      cost AS (
        SELECT h.available_no, sum(s.rate_msat * 720 + s.rate_rest * 720 / ${unit.denominator})::bigint AS msat
        FROM agreement_spans s JOIN ledger_accounts h ON h.account_no = s.hold_no GROUP BY 1)
      INSERT INTO ledger_entries (transfer_no, account_no, amount_msat)
      SELECT transfer_no, available_no, msat FROM made, cost
      UNION ALL SELECT transfer_no, (SELECT account_no FROM ledger_accounts WHERE kind = 'admin_credits'),
        -(SELECT sum(msat) FROM cost)::bigint FROM made`,
    `WITH made AS (INSERT INTO ledger_transfers (kind, made_at_ms) VALUES ('hold', 0) RETURNING transfer_no),
      cost AS (
        SELECT h.account_no, h.available_no, s.rate_msat * 720 + s.rate_rest * 720 / ${unit.denominator} AS msat
        FROM agreement_spans s JOIN ledger_accounts h ON h.account_no = s.hold_no)
      INSERT INTO ledger_entries (transfer_no, account_no, amount_msat)
      SELECT transfer_no, account_no, msat FROM made, cost
      UNION ALL SELECT transfer_no, available_no, -sum(msat)::bigint FROM made, cost GROUP BY 1, 2`,
    `VACUUM ANALYZE`,
    `CHECKPOINT`,
  ];
  for (const statement of statements) await pool.query(statement);
}

async function settleAll(
  pool: pg.Pool,
  server: EmbeddedPostgres,
  { nodes, workers, verdict }: SettlementBench,
  period: number,
): Promise<SettlementRun> {
  const databaseBefore = databaseCpuSeconds(server.pid);
  const ownBefore = process.cpuUsage();
  const started = performance.now();
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= nodes) {
      const nodeNo = next++;
      await pool.query({
        name: 'settle',
        text: 'SELECT is_new FROM settle_node($1, $2, $3, 250000, $4)',
        values: [nodeNo, period, verdict, (period + 1) * PERIOD_MS],
      });
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  const own = process.cpuUsage(ownBefore);
  return {
    period,
    wallSeconds: (performance.now() - started) / 1000,
    databaseCpuSeconds: databaseCpuSeconds(server.pid) - databaseBefore,
    ownCpuSeconds: (own.user + own.system) / 1e6,
  };
}

async function checkLedger(pool: pg.Pool, { pairs }: SettlementBench): Promise<void> {
  const { rows } = await pool.query<{ difference: string; settled: string }>(`
    SELECT (SELECT difference FROM ledger_position) AS difference,
      (SELECT sum(agreement_count) FROM settlements) AS settled`);
  const { difference, settled } = rows[0]!;
  if (difference !== '0' || Number(settled) !== pairs * PERIODS) {
    throw new Error(`the ledger is off by ${difference} msat after ${settled} settlements`);
  }
}

/** User and system time of the server's process, its children, and those that have ended. Linux only. */
function databaseCpuSeconds(serverPid: number): number {
  let ticks = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const fields = processFields(pid);
    if (fields === undefined) continue;
    const [parent, user, system, childUser, childSystem] = fields;
    if (Number(pid) === serverPid) ticks += user + system + childUser + childSystem;
    else if (parent === serverPid) ticks += user + system;
  }
  return ticks / 100;
}

function processFields(pid: string): [number, number, number, number, number] | undefined {
  try {
    const [, rest] = /\) \S+ (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    const fields = rest!.split(' ').map(Number);
    return [fields[0]!, fields[10]!, fields[11]!, fields[12]!, fields[13]!];
  } catch {
    return undefined; // it has just ended
  }
}

const describe = ({ period, wallSeconds, databaseCpuSeconds: cpu, ownCpuSeconds }: SettlementRun): string =>
  `period ${period}: ${wallSeconds.toFixed(1)} s wall, ${cpu.toFixed(1)} CPU s in Postgres, ${ownCpuSeconds.toFixed(1)} in the asker`;

const WORKERS = 4;
/** What a node of the market has: so many agreements. */
const PAIRS_PER_NODE = 100;

/** Prints what two periods of so many pairs cost, with 100 agreements for each node and with 1,000. */
export async function benchSettlements(pairs: number, verdict: 'passed' | 'missed'): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(
    `\nsettlement of ${pairs.toLocaleString('en-GB')} pairs of client and node, each node ${verdict} in a transaction of its own`,
  );
  for (const perNode of [PAIRS_PER_NODE, 10 * PAIRS_PER_NODE]) {
    const nodes = Math.max(1, Math.floor(pairs / perNode));
    await benchSettlement({ pairs, nodes, workers: WORKERS, verdict }, say);
  }
}
