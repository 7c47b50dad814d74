/** What must be found when ledger and chain are compared, on any chain: the one in memory and a real regtest node. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { parseAddress, transactionId } from '@holdfast/bitcoin';
import { sql } from 'drizzle-orm';
import { inTransaction } from '../adapters/postgres/database.ts';
import { lockAvailable, mediatorAccount, post } from '../adapters/postgres/ledger.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { openTestReconciliation, type TestReconciliation } from '../testing/test-reconciliation.ts';

/** @param openChain a new chain for each case: a node has one wallet of each name */
export function defineReconciliationCases(openChain: () => Promise<TestChain>, timeoutMs: number): void {
  let release: () => Promise<void>;
  let chain: TestChain;
  let world: TestReconciliation;
  beforeAll(async () => {
    release = await holdDatabaseServer();
  }, timeoutMs);
  afterAll(async () => {
    await release();
  }, timeoutMs);
  beforeEach(async () => {
    chain = await openChain();
    world = await openTestReconciliation(chain);
  }, timeoutMs);
  afterEach(async () => {
    expect(await world.faults()).toEqual([]);
    await world.close();
    await chain.close();
  }, timeoutMs);
  const scriptOf = (address: string) => parseAddress(address, 'regtest').script;
  const submit = async (hex: string): Promise<string> => {
    await chain.submit(hex);
    return transactionId(hex);
  };
  const agree = async (chainSats: bigint, pendingSats = 0n): Promise<void> => {
    const found = await world.check();
    expect(found.differences).toEqual([]);
    expect(found).toMatchObject({ state: 'balanced', chainSats, pendingSats });
    // Whatever is not pending is booked, to the millisatoshi.
    expect(found.ledgerMsat).toBe((chainSats - pendingSats) * 1_000n);
  };
  const differ = async (...expected: [string, bigint][]) => {
    const found = await world.check();
    expect(found.differences.map(({ subject, sats }) => [subject, sats])).toEqual(expected);
    expect(await world.pauses()).toEqual(['reconciliation']);
    return found;
  };

  test(
    'deposits: pending until they are credited, nothing while they are in the mempool',
    async () => {
      await agree(0n);
      await chain.pay(await world.depositAddress(), 70_000n);
      await agree(0n);
      await chain.mine();
      await agree(70_000n, 70_000n);
      await chain.mine(2);
      await agree(70_000n);
      expect((await world.ledger.position()).deposits).toBe(70_000_000n);
    },
    timeoutMs,
  );

  test(
    'a deposit that the chain takes away is no difference, before and after it was credited',
    async () => {
      const { txid } = await chain.pay(await world.depositAddress(), 70_000n);
      await chain.mine(4);
      await agree(70_000n);
      await chain.disconnect(4);
      await agree(0n, (await world.ledger.position()).deposits === 0n ? 0n : -70_000n);
      await chain.mine(4);
      await agree(70_000n);
      await chain.reorganise(4, { without: [txid] });
      await agree(0n);
      expect(await world.told()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'what the operator puts into the hot wallet is booked as its own when it is deep, and only once',
    async () => {
      await chain.pay(world.hotAddress().address, 500_000n);
      await agree(0n);
      await chain.mine(5);
      await agree(500_000n, 500_000n);
      await chain.mine();
      await agree(500_000n);
      await agree(500_000n);
      expect(await world.ledger.position()).toMatchObject({ capital: 500_000_000n, float: 500_000_000n });
    },
    timeoutMs,
  );

  test(
    'payouts with their change: pending until they are final, then settled to the satoshi',
    async () => {
      await world.fund(1_000_000n);
      await agree(1_000_000n);
      const node = await world.earner(50_000n);
      const clientId = await world.client(30_000n);
      await world.withdraw(clientId, 20_000n);
      await world.run();
      await agree(1_000_000n);
      await chain.mine();
      await world.run();
      await agree(930_000n, -70_000n);
      for (let block = 0; block < 5; block += 1) {
        await chain.mine();
        await world.run();
      }
      await agree(930_000n);
      expect(await world.received(node.address)).toBeGreaterThan(0n);
    },
    timeoutMs,
  );

  test(
    'a replacement that cost more: the mediator’s part is pending until the commission covers it',
    async () => {
      await world.fund(1_000_000n);
      await agree(1_000_000n);
      await world.earner(90_000n);
      await world.run();
      world.fee.satPerKvb = 30_000n;
      for (let block = 0; block < 6; block += 1) await chain.mineOnly([]);
      await world.run();
      for (let block = 0; block < 6; block += 1) {
        await chain.mine();
        await world.run();
      }
      const [batch] = await world.batches();
      expect(batch!.state).toBe('final');
      expect(batch!.extraFeeSats).toBeGreaterThan(0n);
      const held = 1_000_000n - 90_000n - batch!.extraFeeSats;
      const { networkFees } = await world.ledger.position();
      const isBooked = networkFees > batch!.feeSats * 1_000n;
      await agree(held, isBooked ? 0n : -batch!.extraFeeSats);
      await world.earn(await world.node(1n), 900_000n);
      await world.run();
      await agree(held);
    },
    timeoutMs,
  );

  test(
    'moving deposits to the hot wallet costs its fee, from the mediator’s own money',
    async () => {
      await world.fund(100_000n);
      await chain.pay(await world.depositAddress(), 400_000n);
      await chain.mine(6);
      await agree(500_000n);
      await submit(await world.spend('deposits', world.hotAddress().script));
      await chain.mine();
      const { chainSats, pendingSats, differences } = await world.check();
      expect(differences).toEqual([]);
      expect(chainSats).toBe(500_000n + pendingSats);
      expect(pendingSats).toBeLessThan(0n);
      await chain.mine(5);
      await agree(chainSats);
      const { networkFees, float } = await world.ledger.position();
      expect(networkFees).toBe(-pendingSats * 1_000n);
      expect(float).toBe((100_000n + pendingSats) * 1_000n);
    },
    timeoutMs,
  );

  test(
    'money that leaves without a payout is found at once, stops payouts, and stays until an admin has it booked',
    async () => {
      await world.fund(300_000n);
      await chain.pay(await world.depositAddress(), 200_000n);
      await chain.mine(6);
      await agree(500_000n);
      const theft = await submit(await world.spend('payouts', scriptOf(await chain.outsideAddress()), 120_000n));
      await agree(500_000n);
      await chain.mine();
      const found = await differ([theft, -120_000n]);
      expect(found.differences[0]!.what).toBe('it left the wallets, and no payout explains it');
      expect(await world.told()).toEqual(['reconciliation.differs']);
      await world.earner(50_000n);
      await world.run();
      expect(await world.batches()).toEqual([]);
      // time alone does not heal it
      await chain.mine(10);
      await differ([theft, -120_000n]);
      const resolution = { resolvedBy: freshId(), note: 'taken as profit', book: true };
      await expect(world.audit.resolve(99, resolution)).rejects.toMatchObject({ code: 'reconciliation.unknown' });
      const open = (await world.reconciliations.list({ limit: 10 })).filter(({ state }) => state === 'differs');
      expect(open).toHaveLength(2);
      await world.audit.resolve(open[0]!.number, resolution);
      const { resolvedBy, note } = resolution;
      for (const { number } of open) {
        const resolved = await world.reconciliations.find(number);
        expect(resolved).toMatchObject({ state: 'resolved', resolution: { resolvedBy, note } });
      }
      const again = world.audit.resolve(open[0]!.number, resolution);
      await expect(again).rejects.toMatchObject({ code: 'reconciliation.no-difference' });
      expect(await world.pauses()).toEqual([]);
      expect(await world.told()).toEqual([
        'reconciliation.differs',
        'reconciliation.differs',
        'reconciliation.resolved',
      ]);
      await agree(380_000n);
      expect(await world.ledger.position()).toMatchObject({ capital: 180_000_000n, float: 180_000_000n });
      await world.run();
      expect(await world.batches()).toHaveLength(1);
    },
    timeoutMs,
  );

  test(
    'deposits that are moved elsewhere are no sweep, whatever reaches the hot wallet with them',
    async () => {
      await chain.pay(await world.depositAddress(), 400_000n);
      await chain.mine(6);
      await agree(400_000n);
      const elsewhere = await submit(await world.spend('deposits', scriptOf(await chain.outsideAddress())));
      await chain.mine(6);
      const { number } = await differ([elsewhere, -400_000n]);
      // more than the mediator has of its own: nobody else's money makes up for it
      const resolution = { resolvedBy: freshId(), note: 'moved to the vault', book: true };
      const refused = world.audit.resolve(number, resolution);
      await expect(refused).rejects.toMatchObject({ code: 'reconciliation.not-covered' });
      await differ([elsewhere, -400_000n]);
      await world.audit.resolve(number + 1, { ...resolution, book: false });
      expect(await world.pauses()).toEqual([]);
      await differ([elsewhere, -400_000n]);
    },
    timeoutMs,
  );

  test(
    'a payout’s input spent by a stranger: the payout is void, the chain has less, and that is said',
    async () => {
      await world.fund(300_000n);
      await agree(300_000n);
      await world.earner(90_000n);
      const foreign = await world.spend('payouts', scriptOf(await chain.outsideAddress()));
      await world.run();
      await chain.mineOnly([foreign]);
      for (let block = 0; block < 6; block += 1) {
        await world.run();
        await chain.mineOnly([]);
      }
      await world.run();
      expect((await world.batches())[0]).toMatchObject({ state: 'voided' });
      await differ([transactionId(foreign), -300_000n]);
    },
    timeoutMs,
  );

  test(
    'a satoshi too much in the ledger is a difference',
    async () => {
      await chain.pay(await world.depositAddress(), 70_000n);
      await chain.mine(3);
      await agree(70_000n);
      await inTransaction(world.database, async (tx) => {
        const legs = [
          { accountNo: await mediatorAccount(tx, 'capital'), amountMsat: -1n },
          { accountNo: await mediatorAccount(tx, 'float'), amountMsat: 1n },
        ];
        await post(tx, { kind: 'funding', reference: 'out of thin air' }, legs, 1);
      });
      const { differences } = await differ(['ledger', -1n]);
      expect(differences[0]!.what).toContain('the ledger says 70000001 msat');
    },
    timeoutMs,
  );

  test(
    'a deposit that nobody sent is a difference',
    async () => {
      const clientId = freshId();
      const address = await world.depositAddress(clientId);
      await agree(0n);
      const txid = freshId();
      await world.database.execute(sql`
        INSERT INTO deposits (txid, vout, address, client_id, sats, state, confirmations, required_confirmations, credits,
          seen_at_ms, credited_at_ms, changed_at_ms)
        VALUES (${Buffer.from(txid, 'hex')}, 0, ${address}, ${Buffer.from(clientId, 'hex')}, 5000, 'credited', 200, 3, 1, 1,
          1, 1)`);
      await inTransaction(world.database, async (tx) => {
        const { accountNo } = await lockAvailable(tx, clientId);
        const legs = [
          { accountNo: await mediatorAccount(tx, 'deposits'), amountMsat: -5_000_000n },
          { accountNo, amountMsat: 5_000_000n },
        ];
        await post(tx, { kind: 'deposit', reference: `${txid}:0` }, legs, 1);
      });
      const { differences } = await differ([txid, -5_000n]);
      expect(differences[0]!.what).toBe('the books have more credited than the chain has');
    },
    timeoutMs,
  );

  test(
    'an output that no wallet was told of is found by the audit alone',
    async () => {
      await world.depositAddress();
      const [deposits, payouts] = await world.options.wallets();
      const { address } = world.wallet.addressAt('p2wpkh', 'receive', 60);
      const outpoint = await chain.pay(address, 8_000n);
      await chain.mine();
      await agree(0n);
      const wider = payouts!.descriptors.map(({ descriptor }) => ({ descriptor, lastIndex: 60 }));
      const found = await world.check({ wallets: async () => [deposits!, { name: 'payouts', descriptors: wider }] });
      expect(found.differences).toEqual([
        { subject: `${outpoint.txid}:${outpoint.vout}`, what: 'an output that no wallet has seen', sats: 8_000n },
      ]);
    },
    timeoutMs,
  );

  test(
    'nothing is judged while the node is away or behind',
    async () => {
      await world.depositAddress();
      await chain.goAway();
      await expect(world.check()).rejects.toThrow('rail-not-ready');
      await chain.comeBack();
      expect(await world.reconciliations.newest()).toBeUndefined();
      await agree(0n);
    },
    timeoutMs,
  );

  test(
    'two processes never compare at once',
    async () => {
      let answers: unknown[] = [];
      await world.reconciliations.alone(async () => {
        answers = [await world.check().catch((error: Error) => error.message)];
      });
      expect(answers).toEqual(['there was nothing to compare: busy']);
      await agree(0n);
    },
    timeoutMs,
  );
}
