import { describe, expect, test } from '@jest/globals';
import { systemClock, type Clock } from './clock.ts';
import { createSimulatedClock } from './simulated-clock.ts';

/** What both clocks promise; `pass` lets that much time go by. */
function clockContract(name: string, create: () => { clock: Clock; pass: (ms: number) => Promise<void> }): void {
  describe(name, () => {
    test('sleeps, and not shorter than asked', async () => {
      const { clock, pass } = create();
      const before = clock.nowMs();
      const slept = clock.sleep(20).then(() => clock.nowMs());
      await pass(20);
      // Node's timers may fire up to one millisecond early.
      expect((await slept) - before).toBeGreaterThanOrEqual(19);
    });

    test('wakes with the signal’s reason, at once when it is aborted already', async () => {
      const { clock } = create();
      const controller = new AbortController();
      const slept = clock.sleep(3_600_000, controller.signal);
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(slept).rejects.toBe(reason);
      await expect(clock.sleep(1, controller.signal)).rejects.toBe(reason);
    });

    test('runs a schedule without overlap, tells errors, and goes on after them', async () => {
      const { clock, pass } = create();
      let running = 0;
      let most = 0;
      let runs = 0;
      const errors: unknown[] = [];
      const done = Promise.withResolvers<void>();
      const schedule = clock.schedule(
        5,
        async () => {
          most = Math.max(most, ++running);
          await clock.sleep(8);
          running--;
          if (++runs === 3) done.resolve();
          throw new Error(`run ${runs}`);
        },
        (error) => errors.push((error as Error).message),
      );
      await pass(200);
      await done.promise;
      const stopped = schedule.stop();
      await pass(200);
      await stopped;
      const after = runs;
      await pass(50);
      expect(runs).toBe(after);
      expect(most).toBe(1);
      expect(errors.slice(0, 3)).toEqual(['run 1', 'run 2', 'run 3']);
    });

    test('stop waits for the run that is under way', async () => {
      const { clock, pass } = create();
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      let ended = false;
      const schedule = clock.schedule(1, async () => {
        started.resolve();
        await finish.promise;
        ended = true;
      });
      const passing = pass(5);
      await started.promise;
      const stopped = schedule.stop();
      finish.resolve();
      await stopped;
      expect(ended).toBe(true);
      await passing;
    });
  });
}

clockContract('the system clock', () => ({ clock: systemClock, pass: (ms) => systemClock.sleep(ms) }));
clockContract('the simulated clock', () => {
  const clock = createSimulatedClock(1_700_000_000_000);
  return { clock, pass: (ms) => clock.advance(ms) };
});

describe('a simulated clock', () => {
  test('stands still until it is moved, and fires what is due in order', async () => {
    const clock = createSimulatedClock(1_000);
    const seen: string[] = [];
    const note = (name: string, ms: number): void =>
      void clock.sleep(ms).then(() => seen.push(`${name}@${clock.nowMs()}`));
    note('c', 30);
    note('a', 10);
    note('b', 10);
    note('later', 31);
    expect(clock.nowMs()).toBe(1_000);
    await clock.advance(30);
    expect(seen).toEqual(['a@1010', 'b@1010', 'c@1030']);
    expect(clock.nowMs()).toBe(1_030);
    expect(clock.pendingCount()).toBe(1);
    await clock.advanceTo(1_031);
    expect(seen.at(-1)).toBe('later@1031');
  });

  test('fires timers that woken code starts, when they fall into the same stretch', async () => {
    const clock = createSimulatedClock(0);
    const seen: number[] = [];
    const loop = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        await clock.sleep(10);
        seen.push(clock.nowMs());
      }
    };
    void loop();
    await clock.advance(45);
    expect(seen).toEqual([10, 20, 30, 40]);
  });

  test('awaits scheduled work that waits for the outside world, before and after a sleep of its own', async () => {
    const clock = createSimulatedClock(0);
    const seen: string[] = [];
    const outside = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15));
    clock.schedule(100, async () => {
      await outside();
      seen.push(`work@${clock.nowMs()}`);
      await clock.sleep(10);
      await outside();
      seen.push(`more@${clock.nowMs()}`);
    });
    await clock.advance(350);
    expect(seen).toEqual(['work@100', 'more@110', 'work@210', 'more@220', 'work@320', 'more@330']);
  });

  test('an hourly schedule runs 24 times a day', async () => {
    const clock = createSimulatedClock(0);
    let runs = 0;
    clock.schedule(3_600_000, () => void runs++);
    await clock.advance(86_400_000);
    expect(runs).toBe(24);
  });

  test('does not swallow the error of a schedule that nobody listens to', async () => {
    const clock = createSimulatedClock(0);
    clock.schedule(10, () => Promise.reject(new Error('lost?')));
    await expect(clock.advance(10)).rejects.toThrow('lost?');
    expect(clock.nowMs()).toBe(10);
    await expect(clock.advance(5)).resolves.toBeUndefined();
  });

  test('does not go back', async () => {
    const clock = createSimulatedClock(100);
    await expect(clock.advanceTo(99)).rejects.toThrow(RangeError);
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError);
  });
});
