/** What the metrics say of money, checked against a life of payouts and deposits. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMetrics } from '@holdfast/platform';
import { createPaymentGauges } from './compose-payment-gauges.ts';
import { depositsOver } from './testing/test-deposits.ts';
import { createFakeRail, type FakeRailChain } from './testing/test-fake-rail.ts';
import { freshId } from './testing/test-mediator.ts';
import { openTestPayouts, type TestPayouts } from './testing/test-payouts.ts';

let chain: FakeRailChain;
let payouts: TestPayouts;
const metrics = createMetrics('holdfast_mediator_', { processMetrics: false });
beforeAll(async () => {
  chain = createFakeRail();
  payouts = await openTestPayouts(chain);
});
afterAll(async () => {
  metrics.close();
  await payouts.close();
});

test('deposits, batches, the oldest one that no block has, pauses, and what the hot wallet can spend', async () => {
  const { database, clock } = payouts;
  const refresh = createPaymentGauges(metrics, { database, clock, rail: chain.rail });
  const shown = async (name: string): Promise<number> => {
    await refresh();
    const line = (await metrics.text()).split('\n').find((text) => text.startsWith(`holdfast_mediator_${name} `));
    return Number(line?.split(' ').at(-1));
  };
  // Nothing is watched yet, and nothing was ever paid.
  expect(await shown('payout_oldest_unconfirmed_seconds')).toBe(0);
  expect(await shown('hot_wallet_spendable_sats')).toBe(0);

  await payouts.fund(100_000n, 60_000n);
  await payouts.earner(90_000n);
  expect(await shown('hot_wallet_spendable_sats')).toBe(160_000);
  await payouts.run();
  await clock.advance(90_000);
  expect(await shown('payout_batches{state="broadcast"}')).toBe(1);
  expect(await shown('payout_oldest_unconfirmed_seconds')).toBe(90);
  // Its change is not confirmed, and what it spends is taken.
  expect(await shown('hot_wallet_spendable_sats')).toBe(60_000);
  await chain.mine();
  await payouts.run();
  expect(await shown('payout_batches{state="confirmed"}')).toBe(1);
  expect(await shown('payout_batches{state="broadcast"}')).toBe(0);
  expect(await shown('payout_oldest_unconfirmed_seconds')).toBe(0);
  expect(await shown('hot_wallet_spendable_sats')).toBe(70_000);

  await payouts.pause();
  expect(await shown('payouts_paused{by="admin"}')).toBe(1);
  expect(await shown('payouts_paused{by="reconciliation"}')).toBe(0);
  await payouts.resume();
  expect(await shown('payouts_paused{by="admin"}')).toBe(0);

  const deposits = depositsOver(payouts, chain, clock, { seed: 77 });
  const address = await deposits.address(freshId());
  await deposits.look();
  const { txid } = await chain.pay(address, 25_000n);
  await deposits.look();
  expect(await shown('deposits{state="seen"}')).toBe(1);
  await chain.mine(3);
  await deposits.look();
  expect(await shown('deposits{state="credited"}')).toBe(1);
  expect(await shown('deposits_sats{state="credited"}')).toBe(25_000);
  await chain.reorganise(3, { without: [txid] });
  await deposits.look();
  expect(await shown('deposits{state="reversed"}')).toBe(1);
  expect(await shown('deposits{state="credited"}')).toBe(0);

  // While the node is away, the last number stands.
  const spendable = await shown('hot_wallet_spendable_sats');
  expect(spendable).toBeGreaterThan(0);
  await chain.goAway();
  expect(await shown('hot_wallet_spendable_sats')).toBe(spendable);
});
