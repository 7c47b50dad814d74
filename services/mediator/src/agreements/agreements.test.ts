import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { agreement, amendment, createSigningKey, mandate, signMessage, termination, toHex } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { growUnderMandate, shrinkAgreements } from '../adapters/postgres/agreements-growth.ts';
import { releaseUpload, settleUpload } from '../adapters/postgres/agreements-uploads.ts';
import { inTransaction } from '../adapters/postgres/database.ts';
import { createVaultStore } from '../adapters/postgres/vaults.ts';
import { at, commitBytes, FIRST, openTestLedger, openUpload, type TestLedger } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { agreementTerms, endAgreement, putMandate, signAgreement, signAmendment } from './index.ts';

const TB = 1e12;
const MONTH = 720;
const HOUR_MS = 3_600_000;
/** A sat is 1000 msat; 1 TB at 1000 sat a month. */
const TB_MONTH = 1_000_000n;
const SLACK = 36n;

let release: () => Promise<void>;
let money: TestLedger;
beforeAll(async () => {
  release = await holdDatabaseServer();
  money = await openTestLedger();
});
afterAll(async () => {
  await money.close();
  await release();
});
afterEach(async () => {
  expect(await money.ledger.findFaults()).toEqual([]);
});

const failure = (code: string): unknown => expect.objectContaining({ code });
async function setUp(credit: bigint, options: { limit?: bigint; cap?: bigint; prices?: bigint[] } = {}) {
  const clientId = freshId();
  const vault = await money.vault(clientId, options);
  const nodes = [];
  for (const price of options.prices ?? [1000n]) nodes.push(await money.node(price));
  if (credit > 0n) await money.credit(clientId, credit);
  const mine = () => money.agreements.listOfClient(clientId, { limit: 100 });
  const balance = () => money.ledger.clientBalance(clientId);
  return { clientId, vault, nodes, node: nodes[0]!, mine, balance };
}
const store = async (world: Awaited<ReturnType<typeof setUp>>, bytes: number, period: number) => {
  const uploadId = await openUpload(money, world.vault, world.nodes, bytes, at(period));
  await commitBytes(money, world.vault, uploadId, world.nodes, bytes, at(period));
  await inTransaction(money.database, (tx) => releaseUpload(tx, money.money, uploadId, at(period)));
  await inTransaction(money.database, (tx) => settleUpload(tx, money.money, uploadId, [], at(period)));
};

describe('an upload', () => {
  test('reserves a term of all its bytes; what it commits moves to a hold, the rest goes back', async () => {
    const world = await setUp(5n * TB_MONTH);
    const { vault, nodes, balance } = world;
    const uploadId = await openUpload(money, vault, nodes, 2 * TB, at(FIRST));
    expect(await balance()).toMatchObject({
      availableMsat: 3n * TB_MONTH - SLACK,
      reservedMsat: 2n * TB_MONTH + SLACK,
    });
    await commitBytes(money, vault, uploadId, nodes, TB / 2, at(FIRST));
    await commitBytes(money, vault, uploadId, nodes, TB / 2, at(FIRST));
    expect(await balance()).toMatchObject({ heldMsat: TB_MONTH, reservedMsat: TB_MONTH + SLACK });
    // closed: what may still lie at the node for 36 hours is kept back
    const close = () => inTransaction(money.database, (tx) => releaseUpload(tx, money.money, uploadId, at(FIRST)));
    const kept = (TB_MONTH * 36n) / 720n + 1n;
    expect(await close()).toBe(TB_MONTH + SLACK - kept);
    expect(await close()).toBe(0n);
    // the node says that half a terabyte lay there for 10 hours
    const lay = [{ nodeNo: world.node.nodeNo, sizeBytes: TB / 2, lainMs: 10 * HOUR_MS }];
    const discard = () =>
      inTransaction(money.database, (tx) => settleUpload(tx, money.money, uploadId, lay, at(FIRST + 30)));
    const charged = ((TB_MONTH / 2n) * 10n) / 720n;
    expect(await discard()).toBe(charged);
    expect(await discard()).toBe(0n);
    expect(await balance()).toEqual({ availableMsat: 4n * TB_MONTH - charged, heldMsat: TB_MONTH, reservedMsat: 0n });
    const commission = (charged * 50_000n) / 1_000_000n;
    expect((await money.ledger.nodeBalance(world.node.nodeId)).earnedMsat).toBe(charged - commission);
  });

  test('is never charged more than what it left uncommitted, whatever a node says', async () => {
    const world = await setUp(5n * TB_MONTH);
    const uploadId = await openUpload(money, world.vault, world.nodes, TB, at(FIRST));
    await commitBytes(money, world.vault, uploadId, world.nodes, TB - 65_536, at(FIRST));
    const lies = [{ nodeNo: world.node.nodeNo, sizeBytes: 1000 * TB, lainMs: 1e12 }];
    const charged = await inTransaction(money.database, (tx) =>
      settleUpload(tx, money.money, uploadId, lies, at(FIRST)),
    );
    // 64 KiB for 36 hours are worth less than a millisatoshi
    expect(charged).toBe(0n);
  });

  test.each([
    ['without a mandate', 'mandate.missing', {}],
    ['above the price cap', 'mandate.price', { cap: 999n }],
    ['above the spending limit', 'mandate.limit', { limit: TB_MONTH }],
    ['without the money', 'money.insufficient', { credit: TB_MONTH }],
  ])('is refused %s', async (_, code, options: { cap?: bigint; limit?: bigint; credit?: bigint }) => {
    const world = await setUp(options.credit ?? 5n * TB_MONTH, options);
    const name =
      code === 'mandate.missing' ? { ...world.vault, vaultId: await unmandated(world.clientId) } : world.vault;
    await expect(openUpload(money, name, world.nodes, TB, at(FIRST))).rejects.toEqual(failure(code));
    expect((await world.balance()).reservedMsat).toBe(0n);
  });
  const unmandated = async (clientId: string): Promise<string> => {
    const vaultId = freshId(16);
    await money.database.execute(sql`
      INSERT INTO vaults (client_id, vault_id, data_shards, parity_shards, regions, avoid_operators, created_at_ms)
      VALUES (${Buffer.from(clientId, 'hex')}, ${Buffer.from(vaultId, 'hex')}, 1, 1, '{}', '{}', 0)`);
    return vaultId;
  };

  test('is refused when the mandate has expired', async () => {
    const world = await setUp(5n * TB_MONTH);
    const late = openUpload(money, world.vault, world.nodes, TB, at(FIRST) * 3);
    await expect(late).rejects.toEqual(failure('mandate.expired'));
  });

  test('counts against the spending limit together with what is stored', async () => {
    const world = await setUp(9n * TB_MONTH, { limit: 2n * TB_MONTH + SLACK });
    await store(world, TB, FIRST);
    await openUpload(money, world.vault, world.nodes, TB, at(FIRST));
    const third = openUpload(money, world.vault, world.nodes, 65_536, at(FIRST));
    await expect(third).rejects.toEqual(failure('mandate.limit'));
  });
});

describe('an agreement', () => {
  test('is one per vault, node, price and term: later commits grow it, another price opens another', async () => {
    const world = await setUp(20n * TB_MONTH);
    await store(world, TB, FIRST);
    await store(world, TB, FIRST + 10);
    expect(await world.mine()).toMatchObject([
      {
        state: 'active',
        storedBytes: 2 * TB,
        startPeriod: FIRST + 1,
        endPeriod: FIRST + 1 + MONTH,
        priceSatPerTbMonth: 1000n,
      },
    ]);
    await store({ ...world, nodes: [{ ...world.node, priceSatPerTbMonth: 900n }] }, TB, FIRST + 10);
    expect(
      (await world.mine()).map(({ priceSatPerTbMonth, startPeriod }) => [priceSatPerTbMonth, startPeriod]),
    ).toEqual([
      [900n, FIRST + 11],
      [1000n, FIRST + 1],
    ]);
  });

  test('pays what was committed from the next period on, and stops paying for what was dropped', async () => {
    const world = await setUp(20n * TB_MONTH);
    await store(world, TB, FIRST);
    await store(world, 719 * 1e9, FIRST + 2);
    const drop = new Map([[world.node.nodeNo, TB]]);
    await inTransaction(money.database, (tx) => shrinkAgreements(tx, money.money, world.vault, drop, at(FIRST + 4)));
    const due = [];
    for (let period = FIRST; period <= FIRST + 6; period += 1) {
      due.push((await money.settlements.settle(world.node.nodeId, period, 'passed', at(period + 1))).dueMsat);
    }
    // 1388.8 msat for a terabyte; 998.6 for what is left
    expect(due).toEqual([0n, 1388n, 1389n, 2388n, 2387n, 999n, 999n]);
  });

  test('ends early at the word of either party: what is held for later goes back, what is earned stays', async () => {
    const world = await setUp(2n * TB_MONTH);
    await store(world, TB, FIRST);
    const [one] = await world.mine();
    await money.agreements.terminate(one!.agreementId, 'client', 'token', at(FIRST + 3));
    expect(await world.mine()).toMatchObject([
      { state: 'ended', endedBy: 'client', endPeriod: FIRST + 4, heldMsat: 4166n },
    ]);
    for (let period = FIRST + 1; period < FIRST + 9; period += 1) {
      await money.settlements.settle(world.node.nodeId, period, 'passed', at(period + 1));
    }
    expect(await world.balance()).toMatchObject({ availableMsat: 2n * TB_MONTH - 4166n, heldMsat: 0n });
    const again = money.agreements.terminate(one!.agreementId, 'client', 'token', at(FIRST + 9));
    await expect(again).rejects.toEqual(failure('agreement.ended'));
  });

  test('is placed without an upload by repair, under the mandate and from what is available', async () => {
    const world = await setUp(2n * TB_MONTH);
    const { nodeNo, priceSatPerTbMonth: price } = world.node;
    const place = (bytes: number) =>
      inTransaction(money.database, (tx) =>
        growUnderMandate(tx, money.money, { ...world.vault, bytesAt: [{ nodeNo, bytes, price }] }, at(FIRST)),
      );
    expect(await place(TB)).toBe(TB_MONTH);
    expect(await world.balance()).toMatchObject({ availableMsat: TB_MONTH, heldMsat: TB_MONTH });
    await expect(place(2 * TB)).rejects.toEqual(failure('money.insufficient'));
  });

  test('is not placed by repair beyond cap, limit, regions and operators of the mandate', async () => {
    const world = await setUp(9n * TB_MONTH, { cap: 1000n, limit: TB_MONTH });
    const place = (bytes: number, price: bigint) =>
      inTransaction(money.database, (tx) =>
        growUnderMandate(
          tx,
          money.money,
          { ...world.vault, bytesAt: [{ nodeNo: world.node.nodeNo, bytes, price }] },
          at(FIRST),
        ),
      );
    await expect(place(1, 1001n)).rejects.toEqual(failure('mandate.price'));
    await expect(place(TB + 1e6, 1000n)).rejects.toEqual(failure('mandate.limit'));
    await place(TB, 1000n);
    const next = { ...world.vault, mandateHash: freshId(), monthlyLimitMsat: 9n * TB_MONTH };
    await money.mandates.put({ ...next, sequence: 2, regions: ['elsewhere'] }, at(FIRST));
    await expect(place(TB, 1000n)).rejects.toEqual(failure('mandate.node'));
    await money.mandates.put({ ...next, sequence: 3, mandateHash: freshId(), avoidOperators: ['o'] }, at(FIRST));
    await expect(openUpload(money, world.vault, world.nodes, TB, at(FIRST))).rejects.toEqual(failure('mandate.node'));
    await money.mandates.put({ ...next, sequence: 4, mandateHash: freshId(), regions: ['r'] }, at(FIRST));
    await place(TB, 1000n);
  });
});

describe('the runway', () => {
  test('says how many days are left, and is warned of in time', async () => {
    const world = await setUp(2n * TB_MONTH + SLACK);
    await store(world, TB, FIRST);
    const end = FIRST + 1 + MONTH;
    const runway = (period: number) => money.agreements.runway(world.clientId, at(period));
    // enough for one renewal: lasts to the end of the second term
    expect(await runway(FIRST)).toMatchObject({ daysLeft: 60 + 1 / 24 });
    expect(await runway(end + MONTH - 14 * 24)).toMatchObject({ warningDays: 14 });
    const low = await money.agreements.listLowRunways(at(end + MONTH - 24), { limit: 100 });
    expect(low).toContainEqual(expect.objectContaining({ clientId: world.clientId, daysLeft: 1, warningDays: 1 }));
    await money.credit(world.clientId, 20n * TB_MONTH);
    const covered = await runway(FIRST);
    expect(covered).toEqual({ clientId: world.clientId, missingMsat: 0n });
    expect(await money.agreements.runway(freshId(), at(FIRST))).toMatchObject({ missingMsat: 0n });
  });
});

describe('at the end of a term', () => {
  // Each in a time of its own: terms of all vaults are renewed together.
  let START = FIRST + 10_000;
  let END = START + 1 + MONTH;
  beforeEach(async () => {
    START += 10_000;
    END = START + 1 + MONTH;
    await money.database.execute(sql`UPDATE agreements SET state = 'ended', ended_by = 'term' WHERE state <> 'ended'`);
  });
  test('an agreement is renewed a week before, at the price that the node asks then, and grows with its successor', async () => {
    const world = await setUp(20n * TB_MONTH);
    await store(world, TB, START);
    await money.database.execute(
      sql`UPDATE nodes SET price_sat_per_tb_month = 500 WHERE node_no = ${world.node.nodeNo}`,
    );
    expect(await money.agreements.renewDue(at(END - 169))).toEqual({ renewed: 0, unfunded: [] });
    expect(await money.agreements.renewDue(at(END - 168))).toMatchObject({ renewed: 1 });
    expect(await money.agreements.renewDue(at(END - 168))).toMatchObject({ renewed: 0 });
    await store(world, TB, END - 100);
    expect(await world.mine()).toMatchObject([
      {
        state: 'active',
        startPeriod: END,
        endPeriod: END + MONTH,
        priceSatPerTbMonth: 500n,
        storedBytes: 2 * TB,
        heldMsat: TB_MONTH,
      },
      { state: 'renewed', endPeriod: END, storedBytes: 2 * TB },
    ]);
    expect(await money.agreements.endTerms(at(END))).toEqual([]);
    expect((await world.mine()).map(({ state }) => state)).toEqual(['active', 'ended']);
    const drop = new Map([[world.node.nodeNo, TB / 2]]);
    await inTransaction(money.database, (tx) => shrinkAgreements(tx, money.money, world.vault, drop, at(END)));
    expect((await world.mine())[0]).toMatchObject({ storedBytes: 1.5 * TB });
  });

  test('without the money the node is paid to the end, uploads are refused, and then the data is given up', async () => {
    const world = await setUp(TB_MONTH + SLACK, { prices: [1000n] });
    await store(world, TB, START);
    const report = await money.agreements.renewDue(at(END - 168));
    expect(report.unfunded).toMatchObject([{ reason: 'money', vaultId: world.vault.vaultId }]);
    expect((await money.agreements.renewDue(at(END - 168))).unfunded).toEqual([]);
    await money.credit(world.clientId, TB_MONTH / 2n);
    const upload = () => openUpload(money, world.vault, world.nodes, 65_536, at(END - 100));
    await expect(upload()).rejects.toEqual(failure('money.insufficient'));
    // It is the money that is missing: where the node leaves, nothing is to be renewed there.
    await money.database.execute(sql`UPDATE nodes SET state = 'leaving' WHERE node_no = ${world.node.nodeNo}`);
    await upload();
    expect((await money.settlements.settle(world.node.nodeId, END - 1, 'passed', at(END))).dueMsat).toBe(1389n);
    expect(await money.agreements.endTerms(at(END - 1))).toEqual([]);
    expect(await money.agreements.endTerms(at(END))).toMatchObject([{ nodeId: world.node.nodeId, storedBytes: TB }]);
    expect((await money.settlements.settle(world.node.nodeId, END, 'passed', at(END + 1))).dueMsat).toBe(0n);
  });

  test('money that comes within the week saves it', async () => {
    const world = await setUp(TB_MONTH + SLACK);
    await store(world, TB, START);
    await money.agreements.renewDue(at(END - 168));
    await money.credit(world.clientId, TB_MONTH);
    expect(await money.agreements.renewDue(at(END - 1))).toMatchObject({ renewed: 1 });
    expect(await money.agreements.endTerms(at(END))).toEqual([]);
  });

  test('a mediator that was away when a term ended renews it late, and gives nothing up', async () => {
    const world = await setUp(3n * TB_MONTH);
    await store(world, TB, START);
    expect(await money.agreements.endTerms(at(END + 50))).toEqual([]);
    expect(await money.agreements.renewDue(at(END + 50))).toMatchObject({ renewed: 1 });
    expect(await world.mine()).toMatchObject([
      { state: 'active', startPeriod: END + 51, endPeriod: END + 51 + MONTH },
      { state: 'renewed', endPeriod: END },
    ]);
    expect(await money.agreements.endTerms(at(END + 50))).toEqual([]);
  });

  test('what a client ends goes with all that was renewed', async () => {
    const world = await setUp(3n * TB_MONTH);
    await store(world, TB, START);
    await money.agreements.renewDue(at(END - 168));
    const [, first] = await world.mine();
    await money.agreements.terminate(first!.agreementId, 'client', undefined, at(END - 10));
    expect(await world.mine()).toMatchObject([
      { state: 'ended', endPeriod: END, heldMsat: 0n },
      { state: 'ended', endPeriod: END - 9 },
    ]);
  });
});

describe('signatures', () => {
  const key = createSigningKey(new Uint8Array(32).fill(5));
  const nodeKey = createSigningKey(new Uint8Array(32).fill(6));
  const context = { network: 'regtest' as const, mediatorId: '11'.repeat(32) };
  const clock = createSimulatedClock(at(FIRST));
  const clientId = toHex(key.publicKey);
  const order = (vaultId: string, changes: object = {}) => ({
    clientId,
    vaultId,
    sequence: 2,
    dataShards: 1,
    parityShards: 1,
    maxPriceSatPerTbMonth: 5000n,
    regions: [],
    avoidOperators: [],
    monthlyLimitMsat: 2n ** 64n - 1n,
    expiresAtMs: at(FIRST) * 2,
    signedAtMs: at(FIRST),
    ...changes,
  });

  test('a mandate counts from its sequence on; an older one, another policy or a stranger’s is refused', async () => {
    const vault = await money.vault(clientId);
    const options = { vaults: createVaultStore(money.database), mandates: money.mandates, context, clock };
    const put = (changes: object = {}, signer = key) =>
      putMandate(options, vault, signMessage(mandate, context, order(vault.vaultId, changes), signer));
    const kept = await put();
    expect(await put()).toEqual(kept);
    expect(await money.mandates.find(vault)).toMatchObject({ sequence: 2, monthlyLimitMsat: 9n * 10n ** 18n });
    await expect(put({ sequence: 1 })).rejects.toEqual(failure('mandate.outdated'));
    await expect(put({ maxPriceSatPerTbMonth: 1n })).rejects.toEqual(failure('mandate.outdated'));
    await expect(put({ sequence: 3, dataShards: 2, parityShards: 2 })).rejects.toEqual(failure('mandate.wrong-policy'));
    await expect(put({ sequence: 3 }, nodeKey)).rejects.toEqual(failure('message.bad-signature'));
    await expect(put({ sequence: 3, vaultId: freshId(16) })).rejects.toEqual(failure('auth.not-yours'));
    await expect(put({ sequence: 3, signedAtMs: 1 })).rejects.toEqual(failure('message.clock-skew'));
  });

  test('a node signs what it is paid for, and nothing else', async () => {
    const world = await setUp(9n * TB_MONTH);
    const nodeId = toHex(nodeKey.publicKey);
    await money.database.execute(sql`
      UPDATE nodes SET node_id = ${Buffer.from(nodeId, 'hex')} WHERE node_no = ${world.node.nodeNo}`);
    await store(world, TB, FIRST);
    const { rules } = money.money;
    const options = { agreements: money.agreements, rules, context, clock };
    const { agreements, amendments } = await money.agreements.listUnsigned(nodeId, 10);
    expect(amendments).toEqual([{ agreementId: agreements[0]!.agreementId, fromPeriod: FIRST + 1, storedBytes: TB }]);
    const terms = { ...agreementTerms(agreements[0]!, rules), endsAtMs: at(FIRST + 1 + MONTH), signedAtMs: at(FIRST) };
    const sign = (changes: object) =>
      signAgreement(options, nodeId, signMessage(agreement, context, { ...terms, ...changes }, nodeKey));
    await expect(sign({ priceSatPerTbMonth: 1001n })).rejects.toEqual(failure('agreement.mismatch'));
    await expect(sign({ endsAtMs: at(FIRST) })).rejects.toEqual(failure('agreement.mismatch'));
    await expect(sign({ agreementId: freshId(16) })).rejects.toEqual(failure('agreement.unknown'));
    await sign({});
    const { agreementId } = terms;
    const amend = (changes: object) => {
      const body = {
        agreementId,
        nodeId,
        effectiveAtMs: at(FIRST + 1),
        storedBytes: TB,
        signedAtMs: at(FIRST),
        ...changes,
      };
      return signAmendment(options, nodeId, signMessage(amendment, context, body, nodeKey));
    };
    await expect(amend({ storedBytes: TB + 1 })).rejects.toEqual(failure('agreement.mismatch'));
    await expect(amend({ effectiveAtMs: at(FIRST + 1) + 1 })).rejects.toEqual(failure('agreement.mismatch'));
    await amend({});
    expect(await money.agreements.listUnsigned(nodeId, 10)).toEqual({ agreements: [], amendments: [] });
    // bytes that come later need another signature
    await store(world, TB, FIRST);
    expect((await money.agreements.listUnsigned(nodeId, 10)).amendments).toMatchObject([{ storedBytes: 2 * TB }]);
    const end = (party: string, role: 'client' | 'node') =>
      endAgreement(options, party, {
        agreementId,
        token: signMessage(termination, context, { agreementId, party, role, signedAtMs: at(FIRST) }, nodeKey),
      });
    await expect(end(nodeId, 'client')).rejects.toEqual(failure('agreement.unknown'));
    await end(nodeId, 'node');
    expect(await money.agreements.find(agreementId)).toMatchObject({ state: 'ended', endedBy: 'node', isSigned: true });
  });
});
