import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { msat } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { inTransaction } from '../adapters/postgres/database.ts';
import { post } from '../adapters/postgres/ledger.ts';
import { ledgerRules } from '../adapters/postgres/ledger-schema.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { at, commitBytes, FIRST, openTestLedger, openUpload, type TestLedger } from '../testing/test-ledger.ts';
import { type AccountKind, creditClient, TRANSFER_RULES, type TransferKind } from './index.ts';

const TB = 1e12;
let release: () => Promise<void>;
let test_: TestLedger;
beforeAll(async () => {
  release = await holdDatabaseServer();
  test_ = await openTestLedger();
});
afterAll(async () => {
  await test_.close();
  await release();
});
afterEach(async () => {
  expect(await test_.ledger.findFaults()).toEqual([]);
});

test('the worked example: one terabyte at a node for an hour', async () => {
  const { ledger, settlements } = test_;
  const clientId = freshId();
  const node = await test_.node(1000n);
  const vault = await test_.vault(clientId);
  await test_.credit(clientId, 3_000_000n);
  const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
  expect(await ledger.clientBalance(clientId)).toMatchObject({ reservedMsat: 1_000_036n, availableMsat: 1_999_964n });
  await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
  expect(await ledger.clientBalance(clientId)).toEqual({
    availableMsat: 1_999_964n,
    heldMsat: 1_000_000n,
    reservedMsat: 36n,
  });
  // not paid for the period in which it was committed
  expect(await settlements.settle(node.nodeId, FIRST, 'passed', at(FIRST + 1))).toMatchObject({
    dueMsat: 0n,
    agreementCount: 0,
  });
  expect(await settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2))).toMatchObject({
    isNew: true,
    agreementCount: 1,
    dueMsat: 1388n,
    commissionMsat: 69n,
    withheldMsat: 329n,
    earnedMsat: 990n,
  });
  expect(await settlements.settle(node.nodeId, FIRST + 2, 'missed', at(FIRST + 3))).toMatchObject({
    dueMsat: 1389n,
    earnedMsat: 0n,
  });
  expect(await ledger.clientBalance(clientId)).toMatchObject({
    availableMsat: 1_999_964n + 1389n,
    heldMsat: 1_000_000n - 1388n - 1389n,
  });
  expect(await ledger.nodeBalance(node.nodeId)).toEqual({ earnedMsat: 990n, withheldMsat: 329n });
});

test('every msat of an agreement is on its statement', async () => {
  const clientId = freshId();
  const node = await test_.node(1000n);
  const vault = await test_.vault(clientId);
  await test_.credit(clientId, 3_000_000n);
  const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
  await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
  await test_.settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2));
  const missed = await test_.settlements.settle(node.nodeId, FIRST + 2, 'missed', at(FIRST + 3));
  const [one] = await test_.agreements.listOfClient(clientId, { limit: 1 });
  const lines = await test_.ledger.agreementStatement(one!.agreementId, { limit: 10 });
  expect(lines.map(({ kind, amountMsat, period }) => [kind, amountMsat, period])).toEqual([
    ['void', -1389n, FIRST + 2],
    ['accrual', -1388n, FIRST + 1],
    ['hold', 1_000_000n, undefined],
  ]);
  const before = lines[0]!.transferNo;
  expect(await test_.ledger.agreementStatement(one!.agreementId, { before, limit: 1 })).toEqual([lines[1]]);
  expect(await test_.ledger.legs(missed.transferNo!, 10)).toMatchObject([
    { account: 'available', amountMsat: 1389n },
    { account: 'hold', amountMsat: -1389n },
  ]);
  expect((await test_.ledger.nodeStatement(node.nodeId, { limit: 5 })).map(({ account }) => account)).toEqual([
    'earned',
    'withheld',
  ]);
});

test('a settlement that dies half-way leaves nothing, and is made whole by the next one', async () => {
  const clientId = freshId();
  const node = await test_.node(1000n);
  const vault = await test_.vault(clientId);
  await test_.credit(clientId, 3_000_000n);
  const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
  await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
  const before = await test_.ledger.position();
  // Somebody else's lock on the hold stops it after its transfer and entries are written, before the balances are.
  const other = await test_.connect();
  await other.query('BEGIN');
  await other.query('SELECT FROM ledger_accounts WHERE node_no = $1 FOR UPDATE', [node.nodeNo]);
  const settling = await test_.connect();
  const outcome = settling.query("SELECT settle_node($1, $2, 'passed', 250000, 0)", [node.nodeNo, FIRST + 1]).then(
    () => 'settled',
    (error: unknown) => String((error as { code?: string }).code),
  );
  const pid = (settling as unknown as { processID: number }).processID;
  for (let waits = false; !waits;) {
    const { rows } = await other.query("SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'", [
      pid,
    ]);
    waits = rows.length > 0;
  }
  await other.query('SELECT pg_terminate_backend($1, 5000)', [pid]);
  expect(await outcome).toBe('57P01');
  await other.query('ROLLBACK');
  await other.end();
  expect(await test_.ledger.position()).toEqual(before);
  expect(await test_.settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2))).toMatchObject({
    isNew: true,
    dueMsat: 1388n,
  });
});

test('a period is settled once, whatever is asked the second time', async () => {
  const clientId = freshId();
  const node = await test_.node(1000n);
  const vault = await test_.vault(clientId);
  await test_.credit(clientId, 3_000_000n);
  const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
  await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
  const settle = (verdict: 'passed' | 'failed') =>
    test_.settlements.settle(node.nodeId, FIRST + 5, verdict, at(FIRST + 6));
  const outcomes = await Promise.all([settle('passed'), settle('passed'), settle('failed'), settle('passed')]);
  expect(outcomes.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(new Set(outcomes.map(({ verdict }) => verdict)).size).toBe(1);
  expect(await test_.settlements.list(node.nodeId, { limit: 10 })).toHaveLength(1);
});

describe('a hand-written statement is refused when it', () => {
  let clientId: string;
  let numbers: { available: number; hold: number; earned: number; credits: number };
  beforeEach(async () => {
    clientId = freshId();
    const node = await test_.node(1000n);
    const vault = await test_.vault(clientId);
    await test_.credit(clientId, 3_000_000n);
    const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
    await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
    await test_.settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2));
    const { rows } = await test_.database.execute<{ kind: string; account_no: number }>(
      sql`SELECT * FROM ledger_accounts ORDER BY account_no DESC`,
    );
    // The newest are this test's.
    const of = (kind: string): number => rows.find((row) => row.kind === kind)!.account_no;
    numbers = { available: of('available'), hold: of('hold'), earned: of('earned'), credits: of('admin_credits') };
  });
  const run = async (statements: string[]): Promise<string> => {
    const client = await test_.connect();
    try {
      await client.query('BEGIN');
      for (const statement of statements) await client.query(statement);
      await client.query('COMMIT');
      return 'accepted';
    } catch (error) {
      return String((error as { constraint?: string }).constraint);
    } finally {
      await client.end();
    }
  };
  const transfer = (kind: string, more = '') =>
    `INSERT INTO ledger_transfers (kind, reference, note, made_at_ms${more && ', node_no, period'}) VALUES ('${kind}', gen_random_uuid(), 'by hand', 0${more})`;
  const LAST = "currval(pg_get_serial_sequence('ledger_transfers', 'transfer_no'))";
  const entries = (...legs: [number, number][]) =>
    `INSERT INTO ledger_entries (transfer_no, account_no, amount_msat) VALUES ${legs.map(([account, amount]) => `(${LAST}, ${account}, ${amount})`).join(', ')}`;

  test('books what it should (so that the refusals below mean something)', async () => {
    const { credits, available } = numbers;
    expect(await run([transfer('credit'), entries([credits, -5], [available, 5])])).toBe('accepted');
  });
  test('does not sum to zero', async () => {
    const { credits, available } = numbers;
    expect(await run([transfer('credit'), entries([credits, -5], [available, 6])])).toBe('ledger_transfer_balances');
    expect(await run([transfer('credit'), entries([available, 6])])).toBe('ledger_transfer_balances');
    // not even for a moment within its transaction
    expect(await run([transfer('credit'), entries([credits, -5]), entries([available, 5])])).toBe(
      'ledger_transfer_balances',
    );
  });
  test('adds to a transfer of before', async () => {
    const { credits, available } = numbers;
    expect(await run([transfer('credit'), entries([credits, -5], [available, 5])])).toBe('accepted');
    const old = `INSERT INTO ledger_entries (transfer_no, account_no, amount_msat) SELECT max(transfer_no), account_no, amount
      FROM ledger_transfers, (VALUES (${numbers.earned}, -5), (${numbers.hold}, 5)) v(account_no, amount) GROUP BY 2, 3`;
    expect(await run([old])).toBe('ledger_transfer_is_closed');
    expect(await run([old.replace('max(transfer_no)', '987654321')])).toBe('ledger_transfer_is_closed');
  });
  test('moves an account for two transfers at once', async () => {
    const { credits, available } = numbers;
    const both = `INSERT INTO ledger_entries (transfer_no, account_no, amount_msat) VALUES (${LAST}, ${credits}, -5),
      (${LAST}, ${available}, 5), (${LAST} - 1, ${credits}, -7), (${LAST} - 1, ${available}, 7)`;
    expect(await run([transfer('credit'), transfer('credit'), both])).toBe('ledger_entry_moves_an_account');
  });
  test('changes or deletes what is written', async () => {
    for (const statement of [
      'UPDATE ledger_entries SET amount_msat = amount_msat + 1',
      'UPDATE ledger_entries SET amount_msat = 0 WHERE false',
      'DELETE FROM ledger_entries',
      'TRUNCATE ledger_entries',
      "UPDATE ledger_transfers SET note = 'nothing happened'",
      'DELETE FROM ledger_transfers',
      'TRUNCATE ledger_transfers CASCADE',
      "UPDATE settlements SET verdict = 'passed'",
      'DELETE FROM settlements',
      'UPDATE ledger_settings SET period_ms = 1',
      'DELETE FROM mandates',
      "INSERT INTO ledger_rules VALUES ('credit', 'earned', 1)",
      'UPDATE ledger_accounts SET balance_msat = balance_msat + 1',
      `UPDATE ledger_accounts SET balance_msat = 0 WHERE account_no = ${numbers.earned}`,
      'DELETE FROM ledger_accounts',
      "INSERT INTO ledger_accounts (kind, node_no, balance_msat) VALUES ('earned', 1, 5)",
      'DO $$ BEGIN UPDATE ledger_accounts SET balance_msat = balance_msat + 1; END $$',
    ]) {
      expect([statement, await run([statement])]).toEqual([statement, 'ledger_append_only']);
    }
  });
  test('takes a balance below zero', async () => {
    const { rows } = await test_.database.execute<{ balance_msat: string }>(
      sql`SELECT balance_msat FROM ledger_accounts WHERE account_no = ${numbers.available}`,
    );
    const more = Number(rows[0]!.balance_msat) + 1;
    const { hold, available } = numbers;
    expect(await run([transfer('hold'), entries([available, -more], [hold, more])])).toBe('ledger_accounts_balance');
    expect(await run([transfer('release_hold'), entries([hold, -2_000_000], [available, 2_000_000])])).toBe(
      'ledger_accounts_balance',
    );
  });
  test('sends money a way that its kind does not go', async () => {
    const { credits, available, earned, hold } = numbers;
    const follows = 'ledger_transfer_follows_rules';
    expect(await run([transfer('credit'), entries([credits, -5], [earned, 5])])).toBe(follows);
    expect(await run([transfer('release_hold'), entries([available, -5], [hold, 5])])).toBe(follows);
    expect(await run([transfer('credit'), entries([credits, -5], [987_654, 5])])).toBe('ledger_entry_moves_an_account');
    expect(await run(["INSERT INTO ledger_transfers (kind, made_at_ms) VALUES ('gift', 0)"])).toBe(
      'ledger_transfers_kind',
    );
  });
  test('pays a second accrual for an agreement and period, or one at another node', async () => {
    const other = await test_.node(5n);
    await test_.settlements.settle(other.nodeId, FIRST, 'passed', at(FIRST));
    const { hold, earned } = numbers;
    const { rows } = await test_.database.execute<{ node_no: number }>(
      sql`SELECT node_no FROM ledger_accounts WHERE account_no = ${hold}`,
    );
    const own = rows[0]!.node_no;
    const accrue = (nodeNo: number, period: number) => [
      transfer('accrual', `, ${nodeNo}, ${period}`),
      `INSERT INTO ledger_entries VALUES (${LAST}, ${hold}, -5, true), (${LAST}, ${earned}, 5, false)`,
    ];
    expect(await run(accrue(own, FIRST + 1))).toBe('ledger_transfers_one_per_period');
    expect(await run(accrue(other.nodeNo, FIRST + 1))).toBe('ledger_transfer_follows_rules');
    const twice = `INSERT INTO ledger_entries VALUES (${LAST}, ${hold}, -5, true), (${LAST}, ${hold}, -5, true), (${LAST}, ${earned}, 10, false)`;
    expect(await run([transfer('accrual', `, ${own}, ${FIRST + 7}`), twice])).toBe(
      'ledger_entries_transfer_no_account_no_pk',
    );
  });
  test('and nothing of all that left a trace', async () => {
    const before = await test_.ledger.position();
    const { credits, available } = numbers;
    await run([transfer('credit'), entries([credits, -5], [available, 5]), 'DELETE FROM ledger_entries']);
    expect(await test_.ledger.position()).toEqual(before);
    expect(before.difference).toBe(0n);
  });
});

test('the database has the rules that the code shows', async () => {
  const rows = await test_.database.select().from(ledgerRules);
  const expected = Object.entries(TRANSFER_RULES).flatMap(([kind, { from, to }]) => [
    ...from.map((account) => `${kind} ${account} -1`),
    ...to.map((account) => `${kind} ${account} 1`),
  ]);
  expect(rows.map((row) => `${row.transferKind} ${row.accountKind} ${row.direction}`).sort()).toEqual(expected.sort());
});

test('a credit is booked once per reference', async () => {
  const clientId = freshId();
  const credit = { clientId, amountMsat: msat(5n), reference: 'invoice 1', note: 'by hand' };
  const options = { ledger: test_.ledger, clock: createSimulatedClock(at(FIRST)) };
  const booked = await Promise.all([1, 2, 3].map(() => creditClient(options, credit)));
  expect(booked.filter(Boolean)).toHaveLength(1);
  expect((await test_.ledger.clientBalance(clientId)).availableMsat).toBe(5n);
  expect(await test_.ledger.clientStatement(clientId, { limit: 5 })).toMatchObject([
    { kind: 'credit', amountMsat: 5n, note: 'by hand', account: 'available' },
  ]);
  for (const amountMsat of [0n, -5n, 10n ** 18n]) {
    const wrong = creditClient(options, { ...credit, reference: 'invoice 2', amountMsat: msat(amountMsat) });
    await expect(wrong).rejects.toEqual(expect.objectContaining({ code: 'money.bad-amount' }));
  }
});

describe('what is kept back', () => {
  const store = async (credit: bigint, state = 'active') => {
    const clientId = freshId();
    const node = await test_.node(1000n, state);
    const vault = await test_.vault(clientId);
    await test_.credit(clientId, credit);
    const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
    await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
    return node;
  };
  test('is released after 30 days, and only then', async () => {
    const node = await store(3_000_000n);
    for (let period = FIRST + 1; period <= FIRST + 4; period += 1) {
      await test_.settlements.settle(node.nodeId, period, 'passed', at(period + 1));
    }
    const before = await test_.ledger.nodeBalance(node.nodeId);
    const [fourth, third, , first] = await test_.settlements.list(node.nodeId, { limit: 4 });
    await test_.settlements.releaseWithheld(at(FIRST + 1 + 720));
    expect(await test_.ledger.nodeBalance(node.nodeId)).toEqual(before);
    await test_.settlements.releaseWithheld(at(FIRST + 2 + 720));
    await test_.settlements.releaseWithheld(at(FIRST + 2 + 720));
    expect(await test_.ledger.nodeBalance(node.nodeId)).toEqual({
      earnedMsat: before.earnedMsat + first!.withheldMsat,
      withheldMsat: before.withheldMsat - first!.withheldMsat,
    });
    // repair takes the rest of the third hour's share and a part of the fourth's: less than what is to be kept stays, so nothing is free yet
    const charge = { amountMsat: msat(third!.withheldMsat + 400n), reference: 'repair 1' };
    expect(await test_.settlements.chargeRepair(node.nodeId, charge, at(FIRST + 800))).toBe(charge.amountMsat);
    expect(await test_.settlements.chargeRepair(node.nodeId, charge, at(FIRST + 800))).toBe(0n);
    const kept = (await test_.ledger.nodeBalance(node.nodeId)).withheldMsat;
    expect(kept < fourth!.withheldMsat).toBe(true);
    await test_.settlements.releaseWithheld(at(FIRST + 4 + 720));
    expect((await test_.ledger.nodeBalance(node.nodeId)).withheldMsat).toBe(kept);
    await test_.settlements.releaseWithheld(at(FIRST + 5 + 720));
    expect((await test_.ledger.nodeBalance(node.nodeId)).withheldMsat).toBe(0n);
  });
  test('is more of a node that is vetted, and a repair takes no more than there is', async () => {
    const node = await store(3_000_000n, 'vetting');
    const settled = await test_.settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2));
    expect(settled).toMatchObject({ dueMsat: 1388n, commissionMsat: 69n, withheldMsat: 989n, earnedMsat: 330n });
    const charge = { amountMsat: msat(5000n), reference: 'repair 2' };
    expect(await test_.settlements.chargeRepair(node.nodeId, charge, at(FIRST + 3))).toBe(989n);
    expect(await test_.ledger.nodeBalance(node.nodeId)).toEqual({ earnedMsat: 330n, withheldMsat: 0n });
  });
  test('and the commission lose no fraction over time', async () => {
    const node = await store(3_000_000n);
    let due = 0n;
    const sums = { commission: 0n, withheld: 0n };
    for (let period = FIRST + 1; period <= FIRST + 100; period += 1) {
      const one = await test_.settlements.settle(node.nodeId, period, 'passed', at(period + 1));
      due += one.dueMsat;
      sums.commission += one.commissionMsat;
      sums.withheld += one.withheldMsat;
      expect(sums.commission).toBe((due * 50_000n) / 1_000_000n);
    }
    expect(due).toBe(138_888n);
    expect(sums.withheld).toBe(((due - sums.commission) * 250_000n) / 1_000_000n);
  });
});

test('money from and to the chain fits in: every way there is, and the two sides of the invariant move together', async () => {
  const clientId = freshId();
  const node = await test_.node(1000n);
  const vault = await test_.vault(clientId);
  await test_.credit(clientId, 3_000_000n);
  const uploadId = await openUpload(test_, vault, [node], TB, at(FIRST));
  await commitBytes(test_, vault, uploadId, [node], TB, at(FIRST));
  for (let period = FIRST + 1; period < FIRST + 20; period += 1) {
    await test_.settlements.settle(node.nodeId, period, 'passed', at(period + 1));
  }
  const { rows } = await test_.database.execute<{ kind: AccountKind; account_no: number }>(
    sql`SELECT kind, account_no FROM ledger_accounts ORDER BY account_no`,
  );
  // The newest of each kind are this test's.
  const account = new Map(rows.map((row) => [row.kind, row.account_no]));
  const before = await test_.ledger.position();
  const move = (kind: TransferKind, ...legs: [AccountKind, bigint][]) =>
    inTransaction(test_.database, (tx) =>
      post(
        tx,
        { kind },
        legs.map(([name, amountMsat]) => ({ accountNo: account.get(name)!, amountMsat })),
        at(FIRST + 21),
      ),
    );
  await move('deposit', ['deposits', -900_000n], ['available', 900_000n]);
  await move('withdrawal', ['available', -400_000n], ['withdrawals_in_flight', 400_000n]);
  await move('withdrawal_voided', ['withdrawals_in_flight', -100_000n], ['available', 100_000n]);
  await move(
    'withdrawal_confirmed',
    ['withdrawals_in_flight', -300_000n],
    ['withdrawals_paid', 299_000n],
    ['network_fees', 1000n],
  );
  await move('deposit_reversed', ['available', -600_000n], ['bad_debt', -300_000n], ['deposits', 900_000n]);
  await move('debt_repaid', ['available', -50_000n], ['bad_debt', 50_000n]);
  await test_.database.execute(sql`
    INSERT INTO client_debts (client_id, owed_msat, changed_at_ms) VALUES (${Buffer.from(freshId(), 'hex')}, 250000, 0)`);
  await move('payout', ['earned', -9000n], ['payouts_in_flight', 9000n]);
  await move('payout_voided', ['payouts_in_flight', -1000n], ['earned', 1000n]);
  await move('payout_confirmed', ['payouts_in_flight', -8000n], ['payouts_paid', 7500n], ['network_fees', 500n]);
  await move('fee_bump', ['commission', -100n], ['network_fees', 100n]);
  await move('repair_cost', ['withheld', -500n], ['repair_reserve', 500n]);
  await move('repair_paid', ['repair_reserve', -300n], ['earned', 285n], ['commission', 15n]);
  const after = await test_.ledger.position();
  expect(after.difference).toBe(0n);
  const change = Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]),
  );
  expect(change).toEqual({
    available: 900_000n - 300_000n - 600_000n - 50_000n,
    held: 0n,
    earned: -8000n + 285n,
    withheld: -500n,
    commission: -100n + 15n,
    repairReserve: 200n,
    payoutsInFlight: 0n,
    withdrawalsInFlight: 0n,
    float: 0n,
    deposits: 0n,
    adminCredits: 0n,
    capital: 0n,
    badDebt: 250_000n,
    payoutsPaid: 7500n,
    withdrawalsPaid: 299_000n,
    networkFees: 1600n,
    difference: 0n,
  });
});
