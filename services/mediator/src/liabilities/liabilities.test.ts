/** What is published is exactly what the ledger owes, everybody can prove its own, and nobody anything else. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSeededRandomness, createSimulatedClock } from '@holdfast/platform';
import {
  createSigningKey,
  liabilitiesRoot,
  msat,
  openMessage,
  toHex,
  verifyLiability,
  type CreditorKind,
} from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { createLiabilityStore } from '../adapters/postgres/liabilities.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { at, commitBytes, FIRST, openUpload } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import { publishLiabilities } from './publish-liabilities.ts';
import type { LiabilityStore, PublishedRoot } from './ports.ts';

const TB = 1e12;
const key = createSigningKey(new Uint8Array(32).fill(5));
const context = { network: 'regtest', mediatorId: toHex(key.publicKey) } as const;
const clock = createSimulatedClock(at(FIRST));
const randomness = createSeededRandomness('liabilities');

let release: () => Promise<void>;
let money: TestPayouts;
let store: LiabilityStore;
beforeAll(async () => {
  release = await holdDatabaseServer();
  money = await openTestPayouts(createFakeRail());
  store = createLiabilityStore(money.database);
});
afterAll(async () => {
  await money.close();
  await release();
});

const publish = () => publishLiabilities({ store, signer: { context, key }, clock, randomness });

/** As its owner does it: with the signed root, its own id and the proof, and nothing else. Resolves to the amount. */
async function prove({ sequence, token }: PublishedRoot, kind: CreditorKind, ownerId: string): Promise<bigint> {
  const root = openMessage(liabilitiesRoot, context, token);
  const proof = await store.proof(sequence, kind, ownerId);
  if (proof === undefined) return 0n;
  const amountMsat = msat(proof.freeMsat + proof.boundMsat + proof.inFlightMsat);
  verifyLiability(root, { kind, ownerId, amountMsat, salt: proof.salt }, proof);
  return amountMsat;
}

const owedBy = async (): Promise<bigint> => {
  const { available, held, earned, withheld, payoutsInFlight, withdrawalsInFlight } = await money.ledger.position();
  return available + held + earned + withheld + payoutsInFlight + withdrawalsInFlight;
};

describe('a published root', () => {
  test('owes nothing to nobody at first', async () => {
    const root = await publish();
    expect(root).toMatchObject({ sequence: 1, totalMsat: 0n, leafCount: 0 });
    expect(await prove(root, 'client', freshId())).toBe(0n);
  });

  test('counts in what is available, held, reserved, earned, withheld, and on its way', async () => {
    const clientId = freshId();
    const name = await money.vault(clientId);
    await money.credit(clientId, 9_000_000n);
    const node = await money.node(1_000n);
    const uploadId = await openUpload(money, name, [node], TB, at(FIRST));
    await commitBytes(money, name, uploadId, [node], TB / 2, at(FIRST));
    await money.settlements.settle(node.nodeId, FIRST + 1, 'passed', at(FIRST + 2));
    await money.withdraw(clientId, 2_000n);
    const paid = await money.earner(90_000n);
    await money.fund(500_000n);
    await money.run();
    const others = await Promise.all(Array.from({ length: 6 }, () => money.client(7n)));

    const root = await publish();
    expect(root.totalMsat).toBe(await owedBy());
    const { availableMsat, heldMsat, reservedMsat } = await money.ledger.clientBalance(clientId);
    expect(heldMsat).toBeGreaterThan(0n);
    expect(reservedMsat).toBeGreaterThan(0n);
    expect(await prove(root, 'client', clientId)).toBe(availableMsat + heldMsat + reservedMsat + 2_000_000n);
    const { earnedMsat, withheldMsat } = await money.ledger.nodeBalance(node.nodeId);
    expect(withheldMsat).toBeGreaterThan(0n);
    expect(await prove(root, 'node', node.nodeId)).toBe(earnedMsat + withheldMsat);
    expect(await prove(root, 'node', paid.nodeId)).toBe(90_000_000n);
    for (const other of others) expect(await prove(root, 'client', other)).toBe(7_000n);
    // the same id in another part is somebody else
    expect(await prove(root, 'node', clientId)).toBe(0n);
    expect(root.leafCount).toBe(9);
  });

  test('is an exact cut: all that was booked up to its transfer, and nothing after', async () => {
    const clientId = freshId();
    await money.credit(clientId, 1_000n);
    // somebody is just booking: the cut waits for it
    const client = await money.connect();
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO ledger_transfers (kind, reference, note, made_at_ms) VALUES ('credit', 'slow', 'slow', 1)`,
    );
    const published = publish();
    await money.database.execute(sql`SELECT pg_sleep(0.2)`);
    await client.query(
      `INSERT INTO ledger_entries (transfer_no, account_no, amount_msat)
       SELECT t.transfer_no, l.* FROM ledger_transfers t, LATERAL (
         SELECT account_no, CASE kind WHEN 'available' THEN 500 ELSE -500 END FROM ledger_accounts
         WHERE kind = 'admin_credits' OR client_id = $1) l WHERE t.reference = 'slow'`,
      [Buffer.from(clientId, 'hex')],
    );
    await client.query('COMMIT');
    await client.end();
    const root = await published;
    await money.credit(clientId, 30_000n);
    expect(await prove(root, 'client', clientId)).toBe(1_500n);
    const lines = await money.ledger.clientStatement(clientId, { limit: 50 });
    const stated = lines
      .filter(({ transferNo }) => transferNo <= root.throughTransferNo)
      .reduce((sum, { amountMsat }) => sum + amountMsat, 0n);
    expect(stated).toBe(1_500n);
    expect(await prove(await publish(), 'client', clientId)).toBe(31_500n);
  });

  test('names the one before it, and has fresh salts', async () => {
    const clientId = freshId();
    await money.credit(clientId, 5n);
    const one = await publish();
    const two = await publish();
    expect(two.sequence).toBe(one.sequence + 1);
    expect(openMessage(liabilitiesRoot, context, two.token).previousHash).toEqual([one.messageHash]);
    expect(two.root).not.toBe(one.root);
    const [a, b] = await Promise.all([one, two].map(({ sequence }) => store.proof(sequence, 'client', clientId)));
    expect(a!.salt).not.toBe(b!.salt);
  });

  test('is published once by two processes at once', async () => {
    const before = (await store.newest())!.sequence;
    const roots = await Promise.all([publish(), publish(), publish()]);
    expect(roots.map(({ sequence }) => sequence - before).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    const hashes = roots.toSorted((a, b) => a.sequence - b.sequence).map(({ messageHash }) => messageHash);
    const previous = await Promise.all(
      roots.map(async ({ sequence }) => openMessage(liabilitiesRoot, context, (await store.find(sequence))!.token)),
    );
    for (const { sequence, previousHash } of previous) {
      if (sequence > before + 1) expect(previousHash).toEqual([hashes[sequence - before - 2]]);
    }
  });

  test('stays for ever, its tree does not', async () => {
    const clientId = freshId();
    await money.credit(clientId, 5n);
    const old = await publish();
    await clock.advance(1_000);
    const root = await publish();
    expect(await store.forgetTrees(clock.nowMs())).toBeGreaterThan(0);
    await expect(store.proof(old.sequence, 'client', clientId)).rejects.toMatchObject({ code: 'liabilities.unknown' });
    expect(await store.find(old.sequence)).toEqual(old);
    expect(await prove(root, 'client', clientId)).toBe(5n);
    const change = money.database.execute(
      sql`UPDATE liability_roots SET total_msat = 1 WHERE sequence = ${old.sequence}`,
    );
    await expect(change).rejects.toMatchObject({ cause: { constraint: 'published_stays' } });
    const leaf = money.database.execute(sql`UPDATE liability_leaves SET salt = salt`);
    await expect(leaf).rejects.toMatchObject({ cause: { constraint: 'published_stays' } });
  });
});
