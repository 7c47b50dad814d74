/** What every rail does, the fake and the real one alike. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createHotWallet, finishTransaction, type HotWallet, parseAddress, planPayout } from '@holdfast/bitcoin';
import type { TestChain } from '../testing/test-chain.ts';
import type { Outpoint, Sightings, UnspentOutput, WalletName } from './index.ts';

const LAST_INDEX = 4;

/** A wallet of the test's own, so that tests on one chain do not see each other's money. */
interface Purse {
  readonly name: WalletName;
  readonly wallet: HotWallet;
  address(index?: number, branch?: 'receive' | 'change'): string;
  /** What the rail sees of this wallet only. */
  sightings(cursor?: string): Promise<Sightings>;
  unspent(): Promise<UnspentOutput[]>;
  /** Spends that coin, all of it. Signed. */
  spend(coin: UnspentOutput, to: string, satPerKvb?: bigint): { txid: string; hex: string };
}

let purses = 0;

async function openPurse(chain: TestChain, name: WalletName, sinceMs?: number): Promise<Purse> {
  purses += 1;
  const wallet = createHotWallet(createHash('sha256').update(`purse ${purses}`).digest(), 'regtest');
  const address = (index = 0, branch: 'receive' | 'change' = 'receive'): string =>
    wallet.addressAt('p2wpkh', branch, index).address;
  const isOurs = (script: string): boolean => wallet.ownerOf(script, LAST_INDEX) !== undefined;
  const descriptors = wallet.publicDescriptors;
  await chain.rail.watch(name, { descriptors, lastIndex: LAST_INDEX, ...(sinceMs !== undefined && { sinceMs }) });
  const told = new Map<string, boolean>();
  return {
    name,
    wallet,
    address,
    async sightings(cursor) {
      const found = await chain.rail.sightings(name, cursor);
      const seen = found.seen.filter((output) => isOurs(parseAddress(output.address, 'regtest').script));
      for (const { txid } of seen) told.set(txid, true);
      return { ...found, seen, gone: found.gone.filter(({ txid }) => told.has(txid)) };
    },
    unspent: async () => (await chain.rail.unspent(name)).filter(({ script }) => isOurs(script)),
    spend(coin, to, satPerKvb = 2_000n) {
      const plan = planPayout({
        coins: [{ ...coin, confirmations: Math.max(1, coin.confirmations) }],
        payees: [{ id: 'all', script: parseAddress(to, 'regtest').script, sats: coin.sats }],
        satPerKvb,
        changeScript: wallet.addressAt('p2wpkh', 'change', 0).script,
        designated: coin,
      });
      if (plan.outcome !== 'planned') throw new Error(`not planned: ${plan.outcome}`);
      const { psbt } = plan.transaction;
      return finishTransaction(psbt, wallet.sign(psbt, LAST_INDEX));
    },
  };
}

const byKey = (a: Outpoint, b: Outpoint): number => (`${a.txid}:${a.vout}` < `${b.txid}:${b.vout}` ? -1 : 1);

export function describeRail(title: string, open: () => Promise<TestChain>): void {
  describe(`rail contract: ${title}`, () => {
    let chain: TestChain;
    beforeAll(async () => {
      chain = await open();
    });
    afterAll(() => chain.close());

    describe('before anything is watched', () => {
      test('it says so, rather than that there is nothing', async () => {
        for (const name of ['deposits', 'payouts'] as const) {
          await expect(chain.rail.sightings(name)).rejects.toMatchObject({ code: 'rail.not-watched' });
          await expect(chain.rail.unspent(name)).rejects.toMatchObject({ code: 'rail.not-watched' });
        }
        expect(await chain.rail.transaction('11'.repeat(32))).toBeUndefined();
        expect(await chain.rail.spender({ txid: '11'.repeat(32), vout: 0 })).toBeUndefined();
        expect(await chain.rail.rival('11'.repeat(32))).toBeUndefined();
        expect(await chain.rail.transactionHex('11'.repeat(32))).toBeUndefined();
      });
    });

    describe('sightings', () => {
      test('a payment is seen in the mempool, then in its block, then no more as the chain goes on', async () => {
        const purse = await openPurse(chain, 'deposits');
        const first = await purse.sightings();
        expect(first.seen).toEqual([]);
        const paid = await chain.pay(purse.address(2), 123_456n);
        const waiting = await purse.sightings(first.cursor);
        expect(waiting.seen).toEqual([{ ...paid, address: purse.address(2), sats: 123_456n, confirmations: 0 }]);
        const tip = await chain.mine();
        const mined = await purse.sightings(waiting.cursor);
        expect(mined.seen).toEqual([
          { ...paid, address: purse.address(2), sats: 123_456n, confirmations: 1, blockHash: tip.hash },
        ]);
        await chain.mine(20);
        const { cursor } = await purse.sightings(mined.cursor);
        const later = await purse.sightings(cursor);
        expect(later).toMatchObject({ seen: [], gone: [] });
        expect(await chain.rail.transaction(paid.txid)).toEqual({ confirmations: 21, blockHash: tip.hash });
      });

      test('without a cursor, or with one that means nothing, everything is told of', async () => {
        const purse = await openPurse(chain, 'deposits');
        const old = await chain.pay(purse.address(0), 10_000n);
        await chain.mine(15);
        const young = await chain.pay(purse.address(1), 20_000n);
        for (const cursor of [undefined, 'of some other rail', '00'.repeat(32)]) {
          const { seen } = await purse.sightings(cursor);
          expect(seen.map(({ txid, vout, confirmations }) => ({ txid, vout, confirmations })).sort(byKey)).toEqual(
            [
              { ...old, confirmations: 15 },
              { ...young, confirmations: 0 },
            ].sort(byKey),
          );
        }
      });

      test('several outputs of one transaction, and the smallest amounts, to the satoshi', async () => {
        const purse = await openPurse(chain, 'deposits');
        const amounts = [294n, 100_000_001n, 2_099_999n];
        const payees = amounts.map((sats, index) => ({ address: purse.address(index), sats }));
        const outpoints = await chain.payMany(payees);
        await chain.mine();
        const { seen } = await purse.sightings();
        expect(seen.toSorted(byKey).map(({ txid, vout, sats, address }) => ({ txid, vout, sats, address }))).toEqual(
          outpoints.map((outpoint, index) => ({ ...outpoint, ...payees[index]! })).sort(byKey),
        );
      });

      test('a payment that its sender takes back is gone, and what replaced it is nothing to us', async () => {
        const purse = await openPurse(chain, 'deposits');
        const paid = await chain.pay(purse.address(), 50_000n);
        const { cursor } = await purse.sightings();
        await chain.takeBack(paid.txid);
        const after = await purse.sightings(cursor);
        expect(after).toMatchObject({ seen: [], gone: [paid] });
        expect(await chain.rail.transaction(paid.txid)).toBeUndefined();
        await chain.mine();
        expect((await purse.sightings(after.cursor)).seen).toEqual([]);
      });

      test('a payment that loses against one that was never in our mempool is gone', async () => {
        const purse = await openPurse(chain, 'deposits');
        const paid = await chain.pay(purse.address(), 50_000n);
        const { cursor } = await purse.sightings();
        const other = await chain.takeBack(paid.txid);
        const rival = await chain.transactionHex(other);
        const twin = await chain.pay(purse.address(1), 60_000n);
        const seen = await purse.sightings(cursor);
        expect(seen.seen.map(({ txid }) => txid)).toEqual([twin.txid]);
        await chain.mineOnly([rival]);
        const after = await purse.sightings(seen.cursor);
        expect(after.seen.map(({ txid, confirmations }) => ({ txid, confirmations }))).toEqual([
          { txid: twin.txid, confirmations: 0 },
        ]);
        expect(await chain.rail.transaction(paid.txid)).toBeUndefined();
      });

      test.each([1, 2, 3, 4, 5, 6, 8])(
        'a reorganisation of %d blocks puts it back into the mempool and then into another block',
        async (depth) => {
          const purse = await openPurse(chain, 'deposits');
          const paid = await chain.pay(purse.address(), 70_000n);
          await chain.mine(depth);
          const { cursor, seen } = await purse.sightings();
          expect(seen).toMatchObject([{ ...paid, confirmations: depth }]);
          await chain.disconnect(depth);
          const loose = await purse.sightings(cursor);
          expect(loose).toMatchObject({ seen: [{ ...paid, confirmations: 0 }], gone: [] });
          const tip = await chain.mine(1);
          const again = await purse.sightings(loose.cursor);
          expect(again.seen).toMatchObject([{ ...paid, confirmations: 1, blockHash: tip.hash }]);
          expect(again.gone).toEqual([]);
        },
      );

      test.each([1, 2, 3, 4, 5, 6, 8])(
        'a reorganisation of %d blocks in which it is spent otherwise takes it away',
        async (depth) => {
          const purse = await openPurse(chain, 'deposits');
          const paid = await chain.pay(purse.address(), 80_000n);
          const kept = await chain.pay(purse.address(1), 90_000n);
          await chain.mine(depth);
          const { cursor } = await purse.sightings();
          await chain.reorganise(depth, { without: [paid.txid] });
          const after = await purse.sightings(cursor);
          expect(after.gone).toEqual([paid]);
          expect(after.seen).toMatchObject([{ ...kept }]);
          expect(await chain.rail.transaction(paid.txid)).toBeUndefined();
          expect(await chain.rail.transaction(kept.txid)).toMatchObject({ confirmations: depth + 1 });
          // Who did not keep that cursor asks with the old one again.
          expect((await purse.sightings(cursor)).gone).toEqual([paid]);
        },
      );

      test('what was gone may come back', async () => {
        const purse = await openPurse(chain, 'deposits');
        const paid = await chain.pay(purse.address(), 40_000n);
        const hex = await chain.transactionHex(paid.txid);
        await chain.mine(2);
        const { cursor } = await purse.sightings();
        await chain.disconnect(2);
        await chain.takeBack(paid.txid);
        const without = await purse.sightings(cursor);
        expect(without.gone).toEqual([paid]);
        const tip = await chain.mineOnly([hex]);
        const again = await purse.sightings(without.cursor);
        expect(again).toMatchObject({ seen: [{ ...paid, confirmations: 1, blockHash: tip.hash }], gone: [] });
      });
    });

    describe('watching', () => {
      test('again and again changes nothing, a narrower range takes nothing away', async () => {
        const purse = await openPurse(chain, 'deposits');
        const paid = await chain.pay(purse.address(LAST_INDEX), 30_000n);
        const descriptors = purse.wallet.publicDescriptors;
        for (const lastIndex of [LAST_INDEX, 0, LAST_INDEX + 3]) {
          await chain.rail.watch('deposits', { descriptors, lastIndex });
          expect((await purse.sightings()).seen).toMatchObject([{ ...paid }]);
        }
      });

      test('from a time in the past on, it finds what was paid before', async () => {
        const stranger = createHotWallet(createHash('sha256').update(`old ${purses}`).digest(), 'regtest');
        const { address } = stranger.addressAt('p2wpkh', 'receive', 1);
        const paid = await chain.pay(address, 12_345n);
        await chain.mine(3);
        const descriptors = stranger.publicDescriptors;
        await chain.rail.watch('deposits', { descriptors, lastIndex: LAST_INDEX, sinceMs: 0 });
        const { seen } = await chain.rail.sightings('deposits');
        expect(seen.filter((output) => output.address === address)).toMatchObject([{ ...paid, confirmations: 3 }]);
      });

      test('a range that grows finds with a time in the past what lay beyond it', async () => {
        const purse = await openPurse(chain, 'deposits');
        const far = LAST_INDEX + 40;
        const { address } = purse.wallet.addressAt('p2wpkh', 'receive', far);
        const paid = await chain.pay(address, 54_321n);
        await chain.mine(2);
        const descriptors = purse.wallet.publicDescriptors.slice(0, 1);
        await chain.rail.watch('deposits', { descriptors, lastIndex: far, sinceMs: 0 });
        const { seen } = await chain.rail.sightings('deposits');
        expect(seen.filter((output) => output.address === address)).toMatchObject([{ ...paid, confirmations: 2 }]);
      });

      test('another process finds the wallets watched', async () => {
        const purse = await openPurse(chain, 'deposits');
        const paid = await chain.pay(purse.address(), 1_000n);
        const { seen } = await chain.otherRail().sightings('deposits');
        expect(seen.find(({ txid }) => txid === paid.txid)).toMatchObject({ ...paid, confirmations: 0 });
      });
    });

    describe('spending', () => {
      const funded = async (sats = 500_000n): Promise<{ purse: Purse; coin: UnspentOutput }> => {
        const purse = await openPurse(chain, 'payouts');
        await chain.pay(purse.address(), sats);
        await chain.mine();
        const [coin] = await purse.unspent();
        return { purse, coin: coin! };
      };

      test('unspent outputs come with their scripts, unconfirmed ones included, to taproot addresses too', async () => {
        const purse = await openPurse(chain, 'payouts');
        const { address, script, path } = purse.wallet.addressAt('p2tr', 'receive', 3);
        const paid = await chain.pay(address, 77_777n);
        const origin = path.replace(/^m/, purse.wallet.fingerprint);
        expect(await purse.unspent()).toEqual([{ ...paid, address, script, origin, sats: 77_777n, confirmations: 0 }]);
        const tip = await chain.mine();
        expect(await purse.unspent()).toMatchObject([{ ...paid, confirmations: 1 }]);
        expect(await chain.rail.transaction(paid.txid)).toEqual({ confirmations: 1, blockHash: tip.hash });
      });

      test('a broadcast spends, is known by its outpoint, and may be repeated at any time', async () => {
        const { purse, coin } = await funded();
        const sent = purse.spend(coin, await chain.outsideAddress());
        expect(await chain.rail.spender(coin)).toBeUndefined();
        await chain.rail.broadcast(sent.hex);
        await chain.rail.broadcast(sent.hex);
        expect(await purse.unspent()).toEqual([]);
        expect(await chain.rail.transaction(sent.txid)).toEqual({ confirmations: 0 });
        expect(await chain.rail.spender(coin)).toEqual({ txid: sent.txid, confirmations: 0 });
        const tip = await chain.mine(2);
        const { blockHash } = (await chain.rail.transaction(sent.txid))!;
        expect(blockHash).not.toBe(tip.hash);
        expect(await chain.rail.spender(coin)).toEqual({ txid: sent.txid, confirmations: 2, blockHash });
        await chain.rail.broadcast(sent.hex);
      });

      test('a payment to ourselves is seen, and mined with all its outputs spent it still counts as there', async () => {
        const { purse, coin } = await funded();
        const toSelf = purse.spend(coin, purse.address(0, 'change'));
        await chain.rail.broadcast(toSelf.hex);
        const { seen } = await purse.sightings();
        expect(seen.find(({ txid }) => txid === toSelf.txid)).toMatchObject({ address: purse.address(0, 'change') });
        const [change] = await purse.unspent();
        expect(change).toMatchObject({ txid: toSelf.txid, confirmations: 0 });
        const next = purse.spend(change!, await chain.outsideAddress());
        await chain.rail.broadcast(next.hex);
        await chain.mine();
        expect(await chain.rail.spender(coin)).toMatchObject({ txid: toSelf.txid, confirmations: 1 });
        expect(await chain.rail.spender(change!)).toMatchObject({ txid: next.txid, confirmations: 1 });
        await chain.rail.broadcast(toSelf.hex);
        expect(await purse.unspent()).toEqual([]);
      });

      test('a replacement that pays enough takes the place; one that does not is refused', async () => {
        const { purse, coin } = await funded();
        const to = await chain.outsideAddress();
        const first = purse.spend(coin, to, 2_000n);
        const poor = purse.spend(coin, to, 2_100n);
        const rich = purse.spend(coin, to, 8_000n);
        await chain.rail.broadcast(first.hex);
        await expect(chain.rail.broadcast(poor.hex)).rejects.toMatchObject({ code: 'rail.rejected' });
        await chain.rail.broadcast(rich.hex);
        expect(await chain.rail.transaction(first.txid)).toBeUndefined();
        expect(await chain.rail.spender(coin)).toEqual({ txid: rich.txid, confirmations: 0 });
        await chain.mine();
        expect(await chain.rail.spender(coin)).toMatchObject({ txid: rich.txid, confirmations: 1 });
        await expect(chain.rail.broadcast(first.hex)).rejects.toMatchObject({ code: 'rail.rejected' });
      });

      test('a foreign transaction that takes our input is found as its spender, and what else we had comes free', async () => {
        const { purse, coin } = await funded();
        const ours = purse.spend(coin, await chain.outsideAddress());
        const foreign = purse.spend(coin, await chain.outsideAddress(), 3_000n);
        await chain.rail.broadcast(ours.hex);
        await chain.mineOnly([foreign.hex]);
        expect(await chain.rail.transaction(ours.txid)).toBeUndefined();
        expect(await chain.rail.spender(coin)).toMatchObject({ txid: foreign.txid, confirmations: 1 });
        expect(await chain.rail.transactionHex(foreign.txid)).toBe(foreign.hex);
        expect(await chain.rail.transactionHex(ours.txid)).toBeUndefined();
        await expect(chain.rail.broadcast(ours.hex)).rejects.toMatchObject({ code: 'rail.rejected' });
        await chain.mine(5);
        expect(await chain.rail.spender(coin)).toMatchObject({ txid: foreign.txid, confirmations: 6 });
        await chain.disconnect(6);
        // Its block is gone and it waits again, or ours has its place: one of the two spends the coin.
        const spender = await chain.rail.spender(coin);
        expect([ours.txid, foreign.txid]).toContain(spender?.txid);
        await chain.mine();
      });

      test('what keeps a payment to us out of the chain is found, and how deep it is', async () => {
        const { purse, coin } = await funded();
        const toSelf = purse.spend(coin, purse.address(1), 1_000n);
        await chain.rail.broadcast(toSelf.hex);
        await chain.mine();
        const [next] = await purse.unspent();
        const child = purse.spend(next!, await chain.outsideAddress(), 1_000n);
        await chain.rail.broadcast(child.hex);
        expect(await chain.rail.rival(coin.txid)).toBeUndefined();
        expect(await chain.rail.rival(child.txid)).toBeUndefined();
        await chain.disconnect(2);
        // It waits again: nothing keeps it out yet.
        expect(await chain.rail.transaction(coin.txid)).toEqual({ confirmations: 0 });
        expect(await chain.rail.rival(coin.txid)).toBeUndefined();
        const replaced = await chain.takeBack(coin.txid);
        expect(await chain.rail.rival(coin.txid)).toBeUndefined();
        const tip = await chain.mine();
        const rival = { txid: replaced, confirmations: 1, blockHash: tip.hash };
        for (const { txid } of [coin, toSelf, child]) expect(await chain.rail.rival(txid)).toEqual(rival);
        await chain.mine(5);
        for (const { txid } of [coin, child]) {
          expect(await chain.rail.rival(txid)).toEqual({ ...rival, confirmations: 6 });
        }
        await chain.disconnect(6);
        expect(await chain.rail.rival(coin.txid)).toBeUndefined();
        await chain.mine();
      });

      test('a transaction is refused with the reason', async () => {
        const { purse, coin } = await funded();
        const sent = purse.spend({ ...coin, sats: coin.sats + 1_000n }, await chain.outsideAddress());
        await expect(chain.rail.broadcast(sent.hex)).rejects.toMatchObject({
          code: 'rail.rejected',
          params: { reason: expect.stringMatching(/\S/) },
        });
        expect(await chain.rail.transaction(sent.txid)).toBeUndefined();
        expect(await purse.unspent()).toHaveLength(1);
      });
    });

    describe('fees and the audit', () => {
      test('a fee rate is a whole number of satoshi above zero', async () => {
        const { satPerKvb } = await chain.rail.feeRate(6);
        expect(satPerKvb).toBeGreaterThanOrEqual(1_000n);
      });

      test('the audit finds what is confirmed and unspent, without any wallet', async () => {
        const stranger = createHotWallet(createHash('sha256').update(`audit ${purses}`).digest(), 'regtest');
        const descriptors = stranger.publicDescriptors.map((descriptor) => ({ descriptor, lastIndex: LAST_INDEX }));
        expect(await chain.rail.audit(descriptors)).toEqual({ sats: 0n, outputs: [], tip: await chain.tip() });
        const within = stranger.addressAt('p2wpkh', 'receive', LAST_INDEX).address;
        const beyond = stranger.addressAt('p2wpkh', 'receive', LAST_INDEX + 1).address;
        const paid = await chain.pay(within, 100_000_001n);
        await chain.pay(beyond, 5_000n);
        expect((await chain.rail.audit(descriptors)).sats).toBe(0n);
        const tip = await chain.mine();
        expect(await chain.rail.audit(descriptors)).toEqual({
          sats: 100_000_001n,
          outputs: [{ ...paid, sats: 100_000_001n }],
          tip,
        });
        expect(await chain.rail.audit([])).toMatchObject({ sats: 0n, outputs: [] });
      });
    });

    describe('trouble', () => {
      test('when nobody answers, every question says so, and afterwards nothing is missing', async () => {
        const purse = await openPurse(chain, 'deposits');
        const { cursor } = await purse.sightings();
        await chain.goAway();
        expect(await chain.rail.state()).toMatchObject({ state: 'away' });
        for (const ask of everything(chain, purse)) await expect(ask()).rejects.toMatchObject({ code: 'rail.away' });
        const paid = await chain.pay(purse.address(), 15_000n);
        await chain.mine();
        await chain.comeBack();
        expect(await chain.rail.state()).toEqual({ state: 'ready', tip: await chain.tip() });
        expect((await purse.sightings(cursor)).seen).toMatchObject([{ ...paid, confirmations: 1 }]);
      });

      test('a broadcast whose answer is lost has happened all the same', async () => {
        const purse = await openPurse(chain, 'payouts');
        await chain.pay(purse.address(), 200_000n);
        await chain.mine();
        const [coin] = await purse.unspent();
        const sent = purse.spend(coin!, await chain.outsideAddress());
        chain.loseNextAnswer();
        await expect(chain.rail.broadcast(sent.hex)).rejects.toMatchObject({ code: 'rail.away' });
        expect(await chain.rail.transaction(sent.txid)).toEqual({ confirmations: 0 });
        await chain.rail.broadcast(sent.hex);
        await chain.mine();
        expect(await chain.rail.spender(coin!)).toMatchObject({ txid: sent.txid, confirmations: 1 });
      });

      test('a node that is behind answers nothing else, until it has caught up', async () => {
        const purse = await openPurse(chain, 'deposits');
        await chain.fallBehind();
        const state = await chain.rail.state();
        expect(state).toMatchObject({ state: 'syncing', tip: await chain.tip() });
        for (const ask of everything(chain, purse)) await expect(ask()).rejects.toMatchObject({ code: 'rail.syncing' });
        await chain.mine();
        expect(await chain.rail.state()).toMatchObject({ state: 'ready' });
        expect((await purse.sightings()).seen).toEqual([]);
      });

      test('a node that is killed comes back with its chain, and what it forgot can be sent again', async () => {
        const purse = await openPurse(chain, 'payouts');
        await chain.pay(purse.address(), 300_000n);
        await chain.mine(2);
        const [coin] = await purse.unspent();
        const { cursor } = await purse.sightings();
        const sent = purse.spend(coin!, await chain.outsideAddress());
        await chain.rail.broadcast(sent.hex);
        await chain.crash();
        expect(await chain.rail.state()).toEqual({ state: 'ready', tip: await chain.tip() });
        expect((await purse.sightings(cursor)).gone).toEqual([]);
        expect(await chain.rail.transaction(coin!.txid)).toMatchObject({ confirmations: 2 });
        await chain.rail.broadcast(sent.hex);
        expect(await chain.rail.spender(coin!)).toEqual({ txid: sent.txid, confirmations: 0 });
        await chain.mine();
        expect(await chain.rail.spender(coin!)).toMatchObject({ txid: sent.txid, confirmations: 1 });
      });

      test('what is forgotten is not there, and what it would have spent is free again', async () => {
        const purse = await openPurse(chain, 'payouts');
        await chain.pay(purse.address(), 400_000n);
        await chain.mine();
        const [coin] = await purse.unspent();
        const sent = purse.spend(coin!, await chain.outsideAddress());
        await chain.rail.broadcast(sent.hex);
        await chain.crash();
        const state = await chain.rail.transaction(sent.txid);
        const left = await purse.unspent();
        // A node may know its wallet's transactions again after a crash; what it says must fit together.
        const free = state === undefined ? [{ txid: coin!.txid, vout: coin!.vout }] : [];
        expect(left.map(({ txid, vout }) => ({ txid, vout }))).toEqual(free);
        expect((await chain.rail.spender(coin!))?.txid).toBe(state === undefined ? undefined : sent.txid);
      });
    });
  });
}

/** Each question that a rail may be asked. */
const everything = ({ rail }: TestChain, { name, wallet }: Purse): (() => Promise<unknown>)[] => [
  () => rail.watch(name, { descriptors: wallet.publicDescriptors, lastIndex: LAST_INDEX, sinceMs: 0 }),
  () => rail.sightings(name),
  () => rail.unspent(name),
  () => rail.transaction('11'.repeat(32)),
  () => rail.spender({ txid: '11'.repeat(32), vout: 0 }),
  () => rail.rival('11'.repeat(32)),
  () => rail.transactionHex('11'.repeat(32)),
  () => rail.broadcast('00'),
  () => rail.feeRate(6),
  () => rail.audit([{ descriptor: wallet.publicDescriptors[0]!, lastIndex: 0 }]),
];
