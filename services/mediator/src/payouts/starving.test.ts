/** Nobody keeps the others from being paid: neither with what cannot be paid, nor with more than the hot wallet has. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import type { PayoutRules } from './rules.ts';

const HOUR_MS = 3_600_000;

const opened: TestPayouts[] = [];
afterAll(async () => {
  for (const { close } of opened) await close();
});
const open = async (rules: Partial<PayoutRules>): Promise<TestPayouts> => {
  const payouts = await openTestPayouts(createFakeRail(), { rules });
  opened.push(payouts);
  await payouts.fund(100_000n);
  return payouts;
};
const paid = async (payouts: TestPayouts): Promise<bigint[]> => {
  await payouts.run();
  return (await payouts.batches()).map(({ grossSats }) => grossSats);
};

describe('whoever can be paid is paid', () => {
  test('though withdrawals that are not worth their output would fill every place', async () => {
    const payouts = await open({ maxPayees: 2 });
    for (let client = 0; client < 3; client += 1) await payouts.withdraw(await payouts.client(1_000n), 300n);
    await payouts.earner(50_000n);
    expect(await paid(payouts)).toEqual([50_000n]);
    expect(await payouts.faults()).toEqual([]);
  });

  test('though those before are worth their output, but not their part of the rest', async () => {
    const payouts = await open({ maxPayees: 1 });
    // At 2 sat/vB: 62 for the own output, 282 with everything else.
    for (let client = 0; client < 3; client += 1) await payouts.withdraw(await payouts.client(1_000n), 400n);
    await payouts.earner(50_000n);
    expect(await paid(payouts)).toEqual([50_000n]);
  });

  test('though one withdrawal is more than the hot wallet has', async () => {
    const payouts = await open({});
    await payouts.withdraw(await payouts.client(400_000n), 300_000n);
    await payouts.withdraw(await payouts.client(400_000n), 20_000n);
    await payouts.earner(50_000n);
    expect(await paid(payouts)).toEqual([70_000n]);
    expect(await payouts.faults()).toEqual([]);
  });

  test('though such a withdrawal alone would use up the hour’s limit', async () => {
    const payouts = await open({ hourlyLimitSats: 300_000n });
    await payouts.withdraw(await payouts.client(400_000n), 300_000n);
    await payouts.earner(50_000n);
    expect(await paid(payouts)).toEqual([50_000n]);
  });
});

test('a withdrawal of all that may leave in a day is paid, though something was paid within each day', async () => {
  const payouts = await open({ dailyLimitSats: 300_000n });
  await payouts.fund(900_000n);
  const node = await payouts.earner(5_000n);
  expect(await paid(payouts)).toEqual([5_000n]);
  await payouts.withdraw(await payouts.client(300_000n), 300_000n);
  for (let quarter = 0; quarter < 8; quarter += 1) {
    await payouts.clock.advance(6 * HOUR_MS);
    await payouts.earn(node, 5_000n);
    await payouts.run();
    await payouts.chain.mine();
  }
  // Until the withdrawal was a day old the node was paid; then all waited for it, and after it the node has its turn.
  expect(await paid(payouts)).toEqual([5_000n, 5_000n, 5_000n, 5_000n, 300_000n]);
  await payouts.clock.advance(24 * HOUR_MS + 1);
  expect((await paid(payouts)).at(-1)).toBe(25_000n);
  expect(await payouts.faults()).toEqual([]);
});
