/** For tests: what must become of deposits on any chain; run on the one in memory and on a real regtest node. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Outpoint } from '../rail/index.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';
import { commitBytes, openUpload } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';

const TB = 1e12;
const SATS = 15_000n;
const DEPTHS = [1, 2, 3, 4, 5, 6];

export function defineDepositCases(openChain: () => Promise<TestChain>, timeoutMs: number): void {
  let release: () => Promise<void>;
  let chain: TestChain;
  let world: TestDeposits;
  beforeAll(async () => {
    release = await holdDatabaseServer();
    chain = await openChain();
    world = await openTestDeposits(chain);
  }, timeoutMs);
  afterAll(async () => {
    await world.close();
    await chain.close();
    await release();
  });
  afterEach(async () => {
    expect(await world.ledger.findFaults()).toEqual([]);
  });

  const balance = (clientId: string) => world.ledger.clientBalance(clientId);
  const availableOf = async (clientId: string) => (await balance(clientId)).availableMsat;
  /** Paid in and credited. */
  async function deposit(clientId: string, sats: bigint, blocks = 3): Promise<Outpoint> {
    const address = await world.address(clientId);
    await world.look();
    const outpoint = await chain.pay(address, sats);
    await chain.mine(blocks);
    await world.look();
    expect((await world.list(clientId))[0]).toBe(`credited ${sats}`);
    return outpoint;
  }
  const takeAway = async (outpoint: Outpoint, blocks: number): Promise<void> => {
    await chain.reorganise(blocks, { without: [outpoint.txid] });
    await world.look();
  };

  test(
    'a deposit is seen at once, credited with the third block, and only once',
    async () => {
      const clientId = freshId();
      const address = await world.address(clientId);
      await world.look();
      await chain.pay(address, SATS);
      await world.look();
      expect(await world.list(clientId)).toEqual([`seen ${SATS}`]);
      await chain.mine(2);
      await world.look();
      expect(await availableOf(clientId)).toBe(0n);
      await chain.mine(1);
      // three processes at the same time, one of them with a connection of its own
      await Promise.all([world.look(), world.look(), world.watchOver(chain.otherRail())()]);
      await world.look();
      expect(await availableOf(clientId)).toBe(SATS * 1000n);
      await chain.mine(4);
      await world.look();
      expect(await availableOf(clientId)).toBe(SATS * 1000n);
      expect(await world.events(clientId)).toEqual(['deposit.seen', 'deposit.credited']);
    },
    timeoutMs,
  );

  test(
    'deposits in one transaction, one of them to another client',
    async () => {
      const clients = [freshId(), freshId()] as const;
      const addresses = [await world.address(clients[0]), await world.address(clients[1])] as const;
      await world.look();
      await chain.payMany([
        { address: addresses[0], sats: 7_000n },
        { address: addresses[1], sats: 8_000n },
        { address: await world.address(clients[0], true), sats: 9_000n },
      ]);
      await chain.mine(3);
      await world.look();
      expect(await availableOf(clients[0])).toBe(16_000_000n);
      expect(await availableOf(clients[1])).toBe(8_000_000n);
    },
    timeoutMs,
  );

  test(
    'a double-spent deposit that was not credited yet is gone, and nothing was ever booked',
    async () => {
      const clientId = freshId();
      const address = await world.address(clientId);
      await world.look();
      const { txid } = await chain.pay(address, SATS);
      await world.look();
      await chain.takeBack(txid);
      await chain.mine(1);
      await world.look();
      expect(await world.list(clientId)).toEqual([`gone ${SATS}`]);
      expect(await world.events(clientId)).toEqual(['deposit.seen', 'deposit.gone']);
    },
    timeoutMs,
  );

  describe.each(DEPTHS)('a reorganisation of %i blocks', (depth) => {
    test(
      'that confirms the deposit again changes nothing',
      async () => {
        const clientId = freshId();
        await deposit(clientId, SATS, Math.max(3, depth));
        await chain.reorganise(depth);
        await world.look();
        expect(await availableOf(clientId)).toBe(SATS * 1000n);
        expect(await world.events(clientId)).toEqual(['deposit.seen', 'deposit.credited']);
      },
      timeoutMs,
    );

    test(
      'that double-spends it takes it back',
      async () => {
        const clientId = freshId();
        const address = await world.address(clientId);
        await world.look();
        const outpoint = await chain.pay(address, SATS);
        // so that exactly the deposit's block and those after it are replaced
        await chain.mine(depth);
        await world.look();
        await takeAway(outpoint, depth);
        expect(await availableOf(clientId)).toBe(0n);
        expect(await world.list(clientId)).toEqual([depth < 3 ? `gone ${SATS}` : `reversed ${SATS}`]);
        expect(await world.store.owedMsat(clientId)).toBe(0n);
      },
      timeoutMs,
    );
  });

  test(
    'taken back and confirmed after all, it is credited again',
    async () => {
      const clientId = freshId();
      const outpoint = await deposit(clientId, SATS);
      const hex = await chain.transactionHex(outpoint.txid);
      await takeAway(outpoint, 3);
      expect(await availableOf(clientId)).toBe(0n);
      await chain.disconnect(4);
      await chain.mineOnly([hex]);
      await chain.mine(5);
      await world.look();
      expect(await availableOf(clientId)).toBe(SATS * 1000n);
      await takeAway(outpoint, 6);
      expect(await availableOf(clientId)).toBe(0n);
      expect((await world.events(clientId)).filter((kind) => kind !== 'deposit.seen')).toEqual([
        'deposit.credited',
        'deposit.reversed',
        'deposit.credited',
        'deposit.reversed',
      ]);
    },
    timeoutMs,
  );

  test(
    'spent meanwhile: what nodes earned stays, holds give up what lies behind the grace, the rest is owed and repaid first',
    async () => {
      const clientId = freshId();
      const name = await world.vault(clientId);
      const nodes = [await world.node(10_000n), await world.node(10_000n)];
      const outpoint = await deposit(clientId, 25_000n, 6);
      const nowMs = world.clock.nowMs();
      const uploadId = await openUpload(world, name, nodes, TB, nowMs);
      await commitBytes(world, name, uploadId, nodes, TB, nowMs);
      const from = Math.floor(nowMs / 3_600_000) + 1;
      await world.clock.advance(10 * 3_600_000);
      for (let period = from; period < from + 10; period += 1) {
        await world.settlements.settle(nodes[0]!.nodeId, period, 'passed', world.clock.nowMs());
      }
      const paid = await world.ledger.nodeBalance(nodes[0]!.nodeId);
      await takeAway(outpoint, 6);
      expect(await world.ledger.nodeBalance(nodes[0]!.nodeId)).toEqual(paid);
      const after = await balance(clientId);
      expect(after.availableMsat).toBe(0n);
      // the settled node is paid for: now, the grace of 168 periods; the other one for ten periods more
      const held = await world.agreements.listOfClient(clientId, { limit: 10 });
      expect(held.map(({ state }) => state)).toEqual(['grace', 'grace']);
      const open = from + 10;
      expect(held.map(({ endPeriod }) => endPeriod)).toEqual([open + 168, open + 168]);
      // 72 of the upload's reserve lie there for fractions: they went first
      const owed = await world.store.owedMsat(clientId);
      // ten hours of it were paid for
      expect(after.heldMsat + 138_888n).toBe(owed);
      expect((await world.ledger.position()).badDebt).toBe(owed);

      await deposit(clientId, owed / 1000n - 1_000n);
      expect(await availableOf(clientId)).toBe(0n);
      expect(await world.store.owedMsat(clientId)).toBe(owed - (owed / 1000n - 1_000n) * 1000n);
      await deposit(clientId, 6_000n);
      expect(await world.store.owedMsat(clientId)).toBe(0n);
      expect(await availableOf(clientId)).toBe(6_000_000n - (1_000_000n + (owed % 1000n)));
      expect((await world.ledger.position()).badDebt).toBe(0n);
    },
    timeoutMs,
  );

  test(
    'agreements that were cut at the same period are all renewed when the money is there again',
    async () => {
      const clientId = freshId();
      const name = await world.vault(clientId);
      const node = await world.node(10_000n);
      const outpoint = await deposit(clientId, 25_000n, 6);
      for (const price of [10_000n, 11_000n]) {
        const nodes = [{ ...node, priceSatPerTbMonth: price }];
        const uploadId = await openUpload(world, name, nodes, TB, world.clock.nowMs());
        await commitBytes(world, name, uploadId, nodes, TB, world.clock.nowMs());
        await world.clock.advance(3_600_000);
      }
      await takeAway(outpoint, 6);
      const cut = await world.agreements.listOfClient(clientId, { limit: 10 });
      expect(new Set(cut.map(({ endPeriod, state }) => `${endPeriod} ${state}`)).size).toBe(1);
      await deposit(clientId, 60_000n);
      expect(await world.agreements.renewDue(world.clock.nowMs())).toEqual({ renewed: 0, unfunded: [] });
      await world.clock.advance(3_600_000);
      expect((await world.agreements.renewDue(world.clock.nowMs())).renewed).toBe(2);
      const renewed = await world.agreements.listOfClient(clientId, { limit: 10 });
      expect(renewed.map(({ state }) => state)).toEqual(['active', 'active', 'renewed', 'renewed']);
    },
    timeoutMs,
  );

  test(
    'open uploads give their reserve before anything that is stored',
    async () => {
      const clientId = freshId();
      const name = await world.vault(clientId);
      const nodes = [await world.node(10_000n)];
      await deposit(clientId, 12_000n);
      const outpoint = await deposit(clientId, 11_000n);
      const nowMs = world.clock.nowMs();
      const stored = await openUpload(world, name, nodes, TB, nowMs);
      await commitBytes(world, name, stored, nodes, TB, nowMs);
      await world.clock.advance(1);
      await openUpload(world, name, nodes, TB, world.clock.nowMs());
      await takeAway(outpoint, 3);
      // what 36 hours of the uncommitted terabyte cost stays reserved: its node may have it already
      const { reservedMsat, heldMsat, availableMsat } = await balance(clientId);
      expect(heldMsat).toBe(10_000_000n);
      expect(reservedMsat).toBe(500_000n + 1n + 36n);
      expect(availableMsat).toBe(12_000_000n - heldMsat - reservedMsat);
      expect((await world.agreements.listOfClient(clientId, { limit: 10 })).map(({ state }) => state)).toEqual([
        'active',
      ]);
    },
    timeoutMs,
  );

  test(
    'while the node is away, behind, or on a shorter chain, nothing is credited or taken back',
    async () => {
      const clientId = freshId();
      const outpoint = await deposit(clientId, SATS);
      await chain.goAway();
      expect((await world.look()).rail).toBe('away');
      await chain.comeBack();
      await chain.disconnect(3);
      await chain.takeBack(outpoint.txid);
      await chain.mine(2);
      expect(await world.look()).toMatchObject({ credited: 0, reversed: 0 });
      expect(await availableOf(clientId)).toBe(SATS * 1000n);
      await chain.mine(2);
      expect(await world.look()).toMatchObject({ waiting: 0, reversed: 1 });
      expect(await availableOf(clientId)).toBe(0n);
    },
    timeoutMs,
  );

  test(
    'money at an address that nobody was given waits for an admin, and the address is never given to anybody',
    async () => {
      const clientId = freshId();
      await world.address(clientId);
      await world.look();
      const { nextIndex } = (await world.store.listKeys())[0]!;
      const lost = world.key.addressAt(nextIndex + 2).address;
      await chain.pay(lost, SATS);
      await chain.mine(3);
      await world.look();
      const [newest] = await world.store.list({ limit: 1 });
      expect(newest).toMatchObject({ address: lost, state: 'seen', confirmations: 3 });
      expect(newest!.clientId).toBeUndefined();
      expect(await world.address(freshId())).toBe(world.key.addressAt(nextIndex + 3).address);
    },
    timeoutMs,
  );

  // The last one: a node that is killed may have lost blocks, and whatever else was paid.
  test(
    'the node is killed: whatever it forgot of chain and mempool, nothing is taken back for it',
    async () => {
      const clientId = freshId();
      await deposit(clientId, SATS);
      const other = freshId();
      const address = await world.address(other);
      await world.look();
      await chain.pay(address, SATS);
      await world.look();
      await chain.crash();
      await world.look();
      expect(await availableOf(clientId)).toBe(SATS * 1000n);
      await chain.mine(2);
      await world.look();
      expect(await world.list(clientId)).toEqual([`credited ${SATS}`]);
      expect(await availableOf(other)).toBe(0n);
    },
    timeoutMs,
  );
}
