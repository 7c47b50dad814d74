import { expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { createOfferBook } from './offer-book.ts';
import type { Offer } from './ports.ts';

const offer = (changes: Partial<Offer> = {}): Offer => ({
  nodeId: 'a'.repeat(64),
  operator: 'o',
  region: 'r',
  subnet: 's',
  priceSatPerTbMonth: 1n,
  egressSatPerTb: 0n,
  freeBytes: 100,
  state: 'active',
  lastSeenAtMs: 0,
  ...changes,
});

function setUp() {
  const clock = createSimulatedClock(0);
  let offers = [offer()];
  let loads = 0;
  const gates: (() => void)[] = [];
  let isGated = false;
  const book = createOfferBook(
    {
      listOffers: async () => {
        loads += 1;
        const found = offers;
        if (isGated) await new Promise<void>((resolve) => gates.push(resolve));
        return found;
      },
    },
    clock,
  );
  return {
    clock,
    book,
    loads: () => loads,
    set: (list: Offer[]) => {
      offers = list;
    },
    gate: () => {
      isGated = true;
    },
    open: () => gates.splice(0).forEach((resolve) => resolve()),
    free: async () => (await book.read()).freeBytes[0],
  };
}

test('loads once for many readers, and again when it is old or something changed', async () => {
  const { book, loads, clock } = setUp();
  await Promise.all([book.read(), book.read(), book.read()]);
  await book.read();
  expect(loads()).toBe(1);
  await clock.advance(15_001);
  await book.read();
  expect(loads()).toBe(2);
  book.invalidate();
  await book.read();
  expect(loads()).toBe(3);
});

test('small changes are seen without loading', async () => {
  const { book, loads, free } = setUp();
  await book.read();
  book.patch('a'.repeat(64), { freeBytes: 7 });
  expect(await free()).toBe(7);
  expect(loads()).toBe(1);
});

test('a change during a load is not lost, and an invalidated load is not kept', async () => {
  const { book, loads, gate, open, set, free } = setUp();
  gate();
  const first = book.read();
  book.patch('a'.repeat(64), { freeBytes: 7 });
  open();
  expect((await first).freeBytes[0]).toBe(7);
  book.invalidate();
  const stale = book.read();
  set([offer({ freeBytes: 55 })]);
  book.invalidate();
  const fresh = book.read();
  open();
  await stale;
  expect((await fresh).freeBytes[0]).toBe(55);
  expect(await free()).toBe(55);
  expect(loads()).toBe(3);
});
