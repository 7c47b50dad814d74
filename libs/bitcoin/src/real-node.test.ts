/** What is planned and signed here, judged by a real node: it relays it, and its numbers are ours. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { buildTransaction } from './build-transaction.ts';
import type { Coin, Payee, PayoutTransaction } from './coins.ts';
import { bip32 } from './curve.ts';
import { parseDepositKey } from './deposit-key.ts';
import { withChecksum } from './descriptor.ts';
import { finishTransaction, type SignedTransaction } from './finish-transaction.ts';
import { bitcoinNetwork } from './networks.ts';
import { planBump, type PreviousPayout } from './plan-bump.ts';
import { planChild } from './plan-child.ts';
import { planPayout } from './plan-payout.ts';
import { dustSats } from './scripts.ts';
import { satsOf, startTestNode, type TestNode } from './test-node.ts';
import { CHANGE, LAST_INDEX, payee, SEED, sign, WALLET } from './test-wallet.ts';
import { readTransaction } from './transactions.ts';

/** Of the four descriptors, the first two are P2WPKH. */
const P2WPKH_DESCRIPTORS = 2;

interface Accepted {
  readonly txid: string;
  readonly allowed: boolean;
  readonly vsize?: number;
  readonly fees?: { readonly base: number };
  readonly 'reject-reason'?: string;
}

interface MempoolEntry {
  readonly vsize: number;
  readonly descendantsize: number;
  readonly fees: { readonly base: number; readonly descendant: number };
}

/** Of every kind that an address can have. */
const SCRIPTS = [
  `0014${'a1'.repeat(20)}`,
  WALLET.addressAt('p2tr', 'receive', 9).script,
  `76a914${'a3'.repeat(20)}88ac`,
  `a914${'a4'.repeat(20)}87`,
  `0020${'a5'.repeat(32)}`,
];

const payeesOf = (count: number, sats: bigint): Payee[] =>
  Array.from({ length: count }, (_, index) => payee(index, sats, SCRIPTS[index % SCRIPTS.length]));

function planOf(coins: readonly Coin[], payees: readonly Payee[], satPerKvb: bigint): PayoutTransaction {
  const plan = planPayout({ coins, payees, satPerKvb, changeScript: CHANGE });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
}

const previousOf = ({ inputs, designated, change }: PayoutTransaction, { hex }: SignedTransaction): PreviousPayout => ({
  hex,
  inputs,
  designated,
  ...(change && { changeVout: change.vout }),
});

await describeWith(['bitcoind'], 'a real node', (program = '') => {
  let node: TestNode;
  let coins: Coin[];
  const take = (count: number): Coin[] => coins.splice(0, count);
  const judge = async (hex: string): Promise<Accepted> => {
    const [verdict] = await node.call<Accepted[]>('testmempoolaccept', [[hex]]);
    if (verdict === undefined) throw new Error('no verdict');
    return verdict;
  };
  const send = (hex: string): Promise<string> => node.call<string>('sendrawtransaction', [hex]);
  const entryOf = (txid: string): Promise<MempoolEntry> => node.call<MempoolEntry>('getmempoolentry', [txid]);

  beforeAll(async () => {
    node = await startTestNode(program);
    coins = await node.coins(24);
  }, 120_000);
  afterAll(() => node.stop());

  test('derives the same addresses from our descriptors, and knows their checksums', async () => {
    for (const [position, descriptor] of WALLET.publicDescriptors.entries()) {
      const kind = position < P2WPKH_DESCRIPTORS ? 'p2wpkh' : 'p2tr';
      const branch = position % 2 === 0 ? 'receive' : 'change';
      const ours = [0, 1, 2, 3].map((index) => WALLET.addressAt(kind, branch, index).address);
      expect(await node.call('deriveaddresses', [descriptor, [0, 3]])).toEqual(ours);
    }
    const account = bip32.fromSeed(SEED, bitcoinNetwork('regtest').params).derivePath("m/84'/1'/0'").neutered();
    const key = parseDepositKey(account.toBase58(), 'regtest');
    const deposits = [0, 1, 2, 3].map((index) => key.addressAt(index).address);
    expect(await node.call('deriveaddresses', [key.descriptor, [0, 3]])).toEqual(deposits);
  });

  test('relays a payout to every kind of address, and measures what we reckoned', async () => {
    const planned = planOf(take(2), payeesOf(5, 1_100_000_000n), 3000n);
    expect(planned.inputs.length).toBe(2);
    const signed = sign(planned.psbt);
    expect(await judge(signed.hex)).toMatchObject({ allowed: true, txid: planned.txid, vsize: signed.vsize });
    expect(await send(signed.hex)).toBe(planned.txid);
    const { fees, vsize } = await entryOf(planned.txid);
    expect(satsOf(fees.base)).toBe(planned.feeSats);
    expect(planned.vsize - vsize).toBeLessThanOrEqual(1);
  });

  test('relays a replacement, and nothing that pays less', async () => {
    const planned = planOf(take(1), payeesOf(3, 100_000n), 1000n);
    const signed = sign(planned.psbt);
    await send(signed.hex);
    const request = { previous: previousOf(planned, signed), satPerKvb: 1100n, changeScript: CHANGE };
    // One satoshi per kvB less than the node's increment is a satoshi too little.
    const cheap = planBump({ ...request, incrementalSatPerKvb: 990n });
    const bump = planBump(request);
    if (cheap.outcome !== 'planned' || bump.outcome !== 'planned') throw new Error('not planned');
    expect(await judge(sign(cheap.transaction.psbt).hex)).toMatchObject({ allowed: false });
    const replacement = sign(bump.transaction.psbt);
    await send(replacement.hex);
    await expect(entryOf(planned.txid)).rejects.toThrow('not in mempool');
    expect(satsOf((await entryOf(replacement.txid)).fees.base)).toBe(planned.feeSats + bump.addedFeeSats);
    expect(readTransaction(replacement.hex).outputs.slice(0, 3)).toEqual(
      readTransaction(signed.hex).outputs.slice(0, 3),
    );
  });

  test('relays a replacement of a replacement with another coin, and mines only that', async () => {
    const [own, extra] = take(2) as [Coin, Coin];
    // Comes out even: there is no change that could pay.
    const planned = planOf([own], [payee(1, own.sats)], 1000n);
    const first = sign(planned.psbt);
    await send(first.hex);
    const bump = planBump({
      previous: previousOf(planned, first),
      satPerKvb: 5000n,
      additionalCoins: [extra],
      changeScript: CHANGE,
    });
    if (bump.outcome !== 'planned') throw new Error(bump.outcome);
    const second = sign(bump.transaction.psbt);
    await send(second.hex);
    const again = planBump({
      previous: previousOf({ ...planned, ...bump.transaction }, second),
      satPerKvb: 20_000n,
      changeScript: CHANGE,
    });
    if (again.outcome !== 'planned') throw new Error(again.outcome);
    const third = sign(again.transaction.psbt);
    await send(third.hex);
    const [block] = await node.mine(1);
    const { tx } = await node.call<{ tx: string[] }>('getblock', [block]);
    expect(tx).toContain(third.txid);
    expect(tx).not.toContain(second.txid);
    expect((await judge(first.hex)).allowed).toBe(false);
  });

  test('counts a child for its parent', async () => {
    const planned = planOf(take(1), payeesOf(10, 100_000n), 1000n);
    const parent = sign(planned.psbt);
    await send(parent.hex);
    const { change } = planned;
    if (change === undefined) throw new Error('no change');
    const child = planChild({
      parent: { vsize: parent.vsize, feeSats: planned.feeSats },
      coin: { txid: parent.txid, ...change, confirmations: 0 },
      satPerKvb: 8000n,
      changeScript: CHANGE,
    });
    if (child.outcome !== 'planned') throw new Error(child.outcome);
    await send(sign(child.transaction.psbt).hex);
    const { descendantsize, fees } = await entryOf(parent.txid);
    expect(satsOf(fees.descendant) * 1000n).toBeGreaterThanOrEqual(8000n * BigInt(descendantsize));
    expect(satsOf(fees.descendant) * 1000n).toBeLessThan(8050n * BigInt(descendantsize));
  });

  test('relays a thousand payees in one transaction', async () => {
    const planned = planOf(take(1), payeesOf(1000, 100_000n), 1000n);
    const signed = sign(planned.psbt);
    expect(await judge(signed.hex)).toMatchObject({ allowed: true, vsize: signed.vsize });
  });

  test('calls dust what we call dust', async () => {
    const [own] = take(1) as [Coin];
    for (const script of SCRIPTS) {
      const least = dustSats(script);
      const pay = (sats: bigint) =>
        buildTransaction(
          [own],
          [
            { script, sats },
            { script: CHANGE, sats: own.sats - sats - 1000n },
          ],
        );
      expect(await judge(sign(pay(least).psbt).hex)).toMatchObject({ allowed: true });
      expect(await judge(sign(pay(least - 1n).psbt).hex)).toMatchObject({
        allowed: false,
        'reject-reason': expect.stringMatching(/^dust/),
      });
    }
  });

  test('signs for us as a signer in a process of its own would', async () => {
    await node.call('createwallet', ['signer', false, true, '', false, true]);
    const master = bip32.fromSeed(SEED, bitcoinNetwork('regtest').params).toBase58();
    const descriptors = ['wpkh', 'tr'].flatMap((wrap) =>
      [0, 1].map((branch) => {
        const path = `${wrap === 'tr' ? 86 : 84}h/1h/0h/${branch}/*`;
        return { desc: withChecksum(`${wrap}(${master}/${path})`), timestamp: 'now', range: [0, LAST_INDEX] };
      }),
    );
    await node.call('importdescriptors', [descriptors], 'signer');
    // The node has never seen these coins as its own: paths in the PSBT are all that it goes by.
    const planned = planOf(take(2), payeesOf(2, 4_000_000_000n), 1000n);
    expect(planned.inputs).toHaveLength(2);
    for (const isFinal of [true, false]) {
      const { psbt } = await node.call<{ psbt: string }>(
        'walletprocesspsbt',
        [WALLET.describe(planned.psbt, LAST_INDEX), true, 'DEFAULT', true, isFinal],
        'signer',
      );
      const signed = finishTransaction(planned.psbt, psbt);
      expect(signed.txid).toBe(planned.txid);
      expect((await judge(signed.hex)).allowed).toBe(true);
    }
  });
});
