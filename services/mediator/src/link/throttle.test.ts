import { expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { createThrottle } from './throttle.ts';

test('lets a burst through at once and the rest at its rate; a pause earns a new burst, and no more', async () => {
  const clock = createSimulatedClock(0);
  const throttle = createThrottle(3, 2, clock);
  const { signal } = new AbortController();
  const passedAtMs: number[] = [];
  const run = async (count: number): Promise<void> => {
    for (let number = 0; number < count; number += 1) {
      await throttle.pass(signal);
      passedAtMs.push(clock.nowMs());
    }
  };
  const first = run(6);
  await clock.advance(2_000);
  await first;
  expect(passedAtMs).toEqual([0, 0, 0, 500, 1000, 1500]);
  await clock.advance(60_000);
  const second = run(4);
  await clock.advance(1_000);
  await second;
  expect(passedAtMs.slice(6)).toEqual([62_000, 62_000, 62_000, 62_500]);
});

test('a wait ends with its link', async () => {
  const closing = new AbortController();
  const throttle = createThrottle(1, 0.001, createSimulatedClock(0));
  await throttle.pass(closing.signal);
  const waiting = throttle.pass(closing.signal);
  closing.abort(new Error('it ended'));
  await expect(waiting).rejects.toThrow('it ended');
});
