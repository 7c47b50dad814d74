import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHotWallet, type HotWallet } from '@holdfast/bitcoin';
import { describeWith } from '@holdfast/testkit';
import { describeRail } from '../../rail/rail.contract.ts';
import { startTestBitcoin, type TestBitcoin } from '../../testing/test-bitcoin.ts';

const walletOf = (seed: string): HotWallet => createHotWallet(createHash('sha256').update(seed).digest(), 'regtest');

await describeWith(['bitcoind'], 'Bitcoin Core', (program = '') => {
  describeRail('a real node', () => startTestBitcoin(program));

  describe('in trouble that only a real node has', () => {
    let chain: TestBitcoin;
    beforeAll(async () => {
      chain = await startTestBitcoin(program);
    });
    afterAll(() => chain.close());

    test('a node that lost its last blocks is behind: nothing that was in them is called gone', async () => {
      const wallet = walletOf('lost blocks');
      const { address } = wallet.addressAt('p2wpkh', 'receive', 0);
      await chain.rail.watch('deposits', { descriptors: wallet.publicDescriptors, lastIndex: 0 });
      const paid = await chain.pay(address, 25_000n);
      await chain.mine(4);
      const { cursor } = await chain.rail.sightings('deposits');
      const before = await chain.tip();
      const other = chain.otherRail();
      const giveBack = await chain.crashAlone();
      expect((await chain.tip()).height).toBeLessThan(before.height);
      expect(await chain.rail.state()).toMatchObject({ state: 'syncing' });
      await expect(chain.rail.transaction(paid.txid)).rejects.toMatchObject({ code: 'rail.syncing' });
      // Another process knows by the cursor.
      await expect(other.sightings('deposits', cursor)).rejects.toMatchObject({ code: 'rail.syncing' });
      await giveBack();
      expect(await chain.rail.state()).toEqual({ state: 'ready', tip: before });
      const { gone, seen } = await other.sightings('deposits', cursor);
      expect({ gone, seen }).toMatchObject({ gone: [], seen: [{ ...paid, confirmations: 4 }] });
    });

    test('a node on another network answers nothing', async () => {
      const wrong = chain.openRail({ network: 'mainnet' });
      expect(await wrong.state()).toMatchObject({
        state: 'wrong-network',
        detail: expect.stringMatching(/regtest.*mainnet/),
      });
      await expect(wrong.broadcast('00')).rejects.toMatchObject({ code: 'rail.wrong-network' });
      await expect(wrong.sightings('deposits')).rejects.toMatchObject({ code: 'rail.wrong-network' });
    });

    test('a node that takes questions and never answers is away, after the time that it is given', async () => {
      const impatient = chain.openRail({ timeoutMs: 200 });
      chain.hang();
      expect(await impatient.state()).toEqual({ state: 'away', detail: expect.stringMatching(/in time/) });
      await expect(impatient.feeRate(6)).rejects.toMatchObject({ code: 'rail.away' });
      await chain.comeBack();
      // On a busy machine its time may be too short for once.
      while ((await impatient.state()).state !== 'ready') await sleep(20);
    });

    test('a restart with another cookie, and with wallets that are not loaded, is nobody’s business', async () => {
      const wallet = walletOf('restart');
      await chain.rail.watch('payouts', { descriptors: wallet.publicDescriptors, lastIndex: 0 });
      const paid = await chain.pay(wallet.addressAt('p2tr', 'receive', 0).address, 35_000n);
      await chain.restart();
      expect(await chain.rail.unspent('payouts')).toMatchObject([{ ...paid, sats: 35_000n, confirmations: 0 }]);
      await chain.rpc().call('unloadwallet', ['holdfast-payouts', false], { isWrite: true });
      expect(await chain.rail.unspent('payouts')).toMatchObject([{ ...paid }]);
    });

    test('a block’s own reward comes and goes with its block', async () => {
      const wallet = walletOf('reward');
      const { address } = wallet.addressAt('p2wpkh', 'receive', 0);
      await chain.rail.watch('deposits', { descriptors: wallet.publicDescriptors, lastIndex: 0 });
      const ours = async (cursor?: string) => {
        const told = await chain.rail.sightings('deposits', cursor);
        return { ...told, seen: told.seen.filter((output) => output.address === address) };
      };
      await chain.rpc().call('generatetoaddress', [1, address], { isWrite: true });
      const { seen, cursor } = await ours();
      expect(seen).toMatchObject([{ address, confirmations: 1 }]);
      const { txid, vout, sats } = seen[0]!;
      expect(sats).toBeGreaterThan(0n);
      // Not to be spent for a hundred blocks.
      expect(await chain.rail.unspent('deposits')).not.toContainEqual(expect.objectContaining({ txid }));
      await chain.reorganise(1);
      const after = await ours(cursor);
      expect(after.seen).toEqual([]);
      expect(after.gone).toContainEqual({ txid, vout });
    });

    test('a node without its wallet says what it lacks', async () => {
      await chain.restart({ disablewallet: '1' });
      const lacking = { code: 'rail.unsuitable', message: expect.stringContaining('disablewallet') };
      await expect(chain.rail.sightings('deposits')).rejects.toMatchObject(lacking);
      await expect(chain.rail.watch('deposits', { descriptors: [], lastIndex: 0 })).rejects.toMatchObject(lacking);
      await chain.restart();
      expect(await chain.rail.sightings('deposits')).toMatchObject({ gone: expect.anything() });
    });

    test('the wallets hold no private keys', async () => {
      const wallet = 'holdfast-payouts';
      const info = await chain.rpc().call<object>('getwalletinfo', [], { wallet });
      expect(info).toMatchObject({ private_keys_enabled: false, descriptors: true });
    });

    test('the fallback of the fee rate holds where there is no estimate', async () => {
      expect(await chain.rail.feeRate(6)).toEqual({ satPerKvb: 2_000n, source: 'fallback' });
    });

    test('an import that was cut short is not taken for a watched wallet', async () => {
      const other = await startTestBitcoin(program);
      try {
        await other.rpc().call('createwallet', ['holdfast-deposits', true, true], { isWrite: true });
        await expect(other.rail.sightings('deposits')).rejects.toMatchObject({ code: 'rail.not-watched' });
        const wallet = walletOf('cut short');
        await other.rail.watch('deposits', { descriptors: wallet.publicDescriptors, lastIndex: 0, sinceMs: 0 });
        expect(await other.rail.sightings('deposits')).toMatchObject({ seen: [], gone: [] });
      } finally {
        await other.close();
      }
    });

    test('two processes that begin to watch at once both end up watching', async () => {
      const other = await startTestBitcoin(program);
      try {
        const wallet = walletOf('at once');
        const watched = { descriptors: wallet.publicDescriptors, lastIndex: 0 };
        const results = await Promise.allSettled([
          other.rail.watch('deposits', watched),
          other.otherRail().watch('deposits', watched),
        ]);
        // Each of them may find the wallet busy with the other's import, and tries again in its next round.
        const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
        for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'rail.away' });
        await other.otherRail().watch('deposits', watched);
        const paid = await other.pay(wallet.addressAt('p2wpkh', 'change', 0).address, 1_000n);
        expect((await other.rail.sightings('deposits')).seen).toMatchObject([{ ...paid }]);
      } finally {
        await other.close();
      }
    });
  });
});
