/** A process that pays out on a real node is killed, for real, at every moment that matters. */
import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { startTestBitcoin, type TestBitcoin } from '../testing/test-bitcoin.ts';
import type { PayoutProcess } from '../testing/test-payout-process.ts';
import { foreignSpend, openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import { PAYOUT_MOMENTS, type PayoutMoment } from './index.ts';

const PROGRAM = fileURLToPath(new URL('../testing/test-payout-process.ts', import.meta.url));
const FIRST_SEED = 101;

/** Resolves to what ended it: `SIGKILL`, or nothing when it came to its own end. */
async function runProcess(given: PayoutProcess): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, ['-C', '@holdfast/source', PROGRAM, JSON.stringify(given)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const { promise, resolve, reject } = Promise.withResolvers<NodeJS.Signals | null>();
  child.on('error', reject).on('exit', (code, signal) => {
    if (code !== null && code !== 0) reject(new Error(`the process ended with ${code}`));
    else resolve(signal);
  });
  return promise;
}

await describeWith(['bitcoind'], 'killed at every moment of a payout', (program = '') => {
  let chain: TestBitcoin;
  let seed = FIRST_SEED;
  const opened: TestPayouts[] = [];
  beforeAll(async () => {
    chain = await startTestBitcoin(program);
  });
  afterAll(async () => {
    for (const { close } of opened) await close();
    await chain?.close();
  });
  const open = async () => {
    const payouts = await openTestPayouts(chain, { seed: ++seed, rules: { stuckBlocks: 2 } });
    opened.push(payouts);
    await payouts.fund(300_000n);
    return payouts;
  };
  const kill = async (payouts: TestPayouts, killAt: PayoutMoment, satPerKvb = 2_000): Promise<void> => {
    const given = { databaseUrl: payouts.url, bitcoinUrl: chain.url, cookieFile: chain.cookieFile, stuckBlocks: 2 };
    const nowMs = payouts.clock.nowMs();
    expect(await runProcess({ ...given, nowMs, seed, satPerKvb, killAt })).toBe('SIGKILL');
    // Its lock goes with its connection, as soon as the database has noticed.
    while (!(await payouts.store.asOnlyBuilder(async () => undefined))) await setTimeout(20);
  };
  const settle = async (payouts: TestPayouts): Promise<void> => {
    for (let block = 0; block < 7; block += 1) {
      await payouts.run();
      await chain.mine();
    }
    await payouts.run();
  };
  const expectPaidOnce = async (payouts: TestPayouts, address: string): Promise<void> => {
    const batches = await payouts.batches();
    const paid = batches.filter(({ state }) => state === 'final');
    expect(paid).toHaveLength(1);
    expect(batches.filter(({ state }) => state !== 'final' && state !== 'voided')).toEqual([]);
    expect(await payouts.received(address)).toBe(90_000n - paid[0]!.feeSats);
    expect(await payouts.faults()).toEqual([]);
    // Asked of the node's own set of unspent outputs, too: one output at that address.
    const scan = await chain.rpc().call<{ unspents: unknown[] }>('scantxoutset', ['start', [`addr(${address})`]]);
    expect(scan.unspents).toHaveLength(1);
  };

  const before = ['planned', 'signed', 'stored', 'sent', 'noted'] as const;
  test.each(before)('%s', async (moment) => {
    const payouts = await open();
    const { address } = await payouts.earner(90_000n);
    await kill(payouts, moment);
    // What was stored is what goes out, and nothing else.
    const [stored] = await payouts.batches();
    await payouts.run();
    const [sent] = await payouts.batches();
    if (stored !== undefined) expect(sent!.txid).toBe(stored.txid);
    await settle(payouts);
    await expectPaidOnce(payouts, address);
  });

  test.each(['bump-signed', 'bump-stored', 'bump-sent', 'bump-noted'] as const)('%s', async (moment) => {
    const payouts = await open();
    const { address } = await payouts.earner(90_000n);
    await payouts.run();
    await chain.mineOnly([]);
    await chain.mineOnly([]);
    await kill(payouts, moment, 20_000);
    await payouts.run();
    await settle(payouts);
    await expectPaidOnce(payouts, address);
  });

  test.each(['before-confirmed', 'confirmed', 'before-final', 'final', 'fees-booked'] as const)(
    '%s',
    async (moment) => {
      const payouts = await open();
      const { address } = await payouts.earner(90_000n);
      await payouts.run();
      await chain.mine(moment.includes('confirmed') ? 1 : 6);
      await kill(payouts, moment);
      await settle(payouts);
      await expectPaidOnce(payouts, address);
    },
  );

  test.each(['before-void', 'void'] as const)('%s', async (moment) => {
    const payouts = await open();
    const { nodeId, address } = await payouts.earner(90_000n);
    await payouts.run();
    const [batch] = await payouts.batches();
    const detail = (await payouts.store.findBatch(batch!.batchId))!;
    await chain.mineOnly([foreignSpend(detail.inputs, seed, await chain.outsideAddress())]);
    await chain.mine(5);
    await kill(payouts, moment);
    await payouts.run();
    expect((await payouts.batches())[0]).toMatchObject({ state: 'voided' });
    expect((await payouts.ledger.nodeBalance(nodeId)).earnedMsat).toBe(90_000_000n);
    await payouts.fund(300_000n);
    await settle(payouts);
    await expectPaidOnce(payouts, address);
  });

  describe('the walk', () => {
    test('goes through every moment', () => {
      const walked = [...before, 'bump-signed', 'bump-stored', 'bump-sent', 'bump-noted', 'before-confirmed'];
      const rest = ['confirmed', 'before-final', 'final', 'fees-booked', 'before-void', 'void'];
      expect([...walked, ...rest].toSorted()).toEqual([...PAYOUT_MOMENTS].toSorted());
    });
  });
});
