/** One at a time, whatever becomes of the one that works. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openTestLedger, type TestLedger } from '../../testing/test-ledger.ts';
import { LOCKS, runAlone } from './alone.ts';

let world: TestLedger;
beforeAll(async () => {
  world = await openTestLedger();
});
afterAll(() => world.close());

test('while one works nobody else does; other works go on', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const began = Promise.withResolvers<void>();
  const first = runAlone(world.database, 'deposits', async () => {
    began.resolve();
    await promise;
    return 1;
  });
  await began.promise;
  expect(await runAlone(world.database, 'deposits', async () => 2)).toBeUndefined();
  expect(await runAlone(world.database, 'payouts', async () => 3)).toBe(3);
  resolve();
  expect(await first).toBe(1);
  expect(await runAlone(world.database, 'deposits', async () => 4)).toBe(4);
});

test('work that fails says why and leaves no lock; neither does a connection that ends', async () => {
  const failing = runAlone(world.database, 'reconciliation', () => Promise.reject(new Error('no')));
  await expect(failing).rejects.toThrow('no');
  expect(await runAlone(world.database, 'reconciliation', async () => 1)).toBe(1);

  const other = await world.connect();
  await other.query('SELECT pg_advisory_lock($1)', [LOCKS.reconciliation]);
  expect(await runAlone(world.database, 'reconciliation', async () => 1)).toBeUndefined();
  await other.end();
  const again = async (): Promise<number> =>
    (await runAlone(world.database, 'reconciliation', async () => 1)) ?? again();
  expect(await again()).toBe(1);
});

test('each work has a lock of its own', () => {
  const numbers = Object.values(LOCKS);
  expect(new Set(numbers).size).toBe(numbers.length);
});
