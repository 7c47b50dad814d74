import { afterEach, describe as group, expect, test } from '@jest/globals';
import { createSimulatedClock, type SimulatedClock } from '@holdfast/platform';
import { createTestConsole, type TestConsole } from './testing/test-console.ts';
import { describe, progressLine, Rate, startProgress, type Progress, type ProgressState } from './progress.ts';

const state = (change: Partial<ProgressState> = {}): ProgressState => ({
  doneBytes: 25_000_000,
  totalBytes: 100_000_000,
  isTotalKnown: true,
  doneFiles: 12,
  fields: { phase: 'sending' },
  ...change,
});

group('what stands behind the bar', () => {
  test('bytes, rate, time left and files', () => {
    expect(describe(state(), 5_000_000)).toBe('25.0 MB of 100 MB · 5.0 MB/s · 15 s left · 12 files');
  });
  test('no time left while more may come', () => {
    expect(describe(state({ isTotalKnown: false, doneFiles: 1 }), 5_000_000)).toBe(
      '25.0 MB of 100 MB or more · 5.0 MB/s · 1 file',
    );
  });
  test('no rate before there is one', () => {
    expect(describe(state(), 0)).toBe('25.0 MB of 100 MB · 12 files');
  });
  test('the end', () => {
    expect(describe(state({ doneBytes: 100_000_000 }), 5e6)).toBe('100 MB · 12 files · finishing');
  });
});

group('the line', () => {
  const text = '25.0 MB of 100 MB · 5.0 MB/s · 15 s left · 12 files';
  test('on a wide terminal', () => {
    expect(progressLine('Restoring', 0.25, text, 119)).toBe(`Restoring [======                  ]  25 %  ${text}`);
  });
  test('on a usual one the bar is shorter', () => {
    expect(progressLine('Restoring', 0.25, text, 79)).toBe(
      'Restoring [===       ]  25 %  25.0 MB of 100 MB · 5.0 MB/s · 15 s left',
    );
    expect(progressLine('Restoring', 0.25, text, 90)).toBe(`Restoring [===       ]  25 %  ${text}`);
  });
  test('on a narrow one no part is cut in two', () => {
    expect(progressLine('Restoring', 1, text, 60)).toBe('Restoring [==========] 100 %  25.0 MB of 100 MB · 5.0 MB/s');
  });
  test('on one where nothing fits it stays in a line', () => {
    expect(progressLine('Restoring', 1, text, 12)).toBe('Restoring [=');
  });
});

group('the rate', () => {
  test('is that of the last eight seconds', () => {
    let nowMs = 0;
    const rate = new Rate(() => nowMs);
    expect(rate.perSecond()).toBe(0);
    for (let second = 0; second <= 30; second += 1) {
      nowMs = second * 1000;
      rate.add(second < 20 ? 0 : (second - 20) * 1_000_000);
    }
    expect(rate.perSecond()).toBe(1_000_000);
  });
  test('never is negative, nor a division by zero', () => {
    const rate = new Rate(() => 5);
    rate.add(10);
    rate.add(20);
    expect(rate.perSecond()).toBe(0);
  });
});

group('where it is shown', () => {
  let clock: SimulatedClock;
  let running: Progress | undefined;
  const start = (screen: TestConsole): Progress => {
    clock = createSimulatedClock(0);
    running = startProgress({ console: screen.console, clock }, 'Backing up');
    return running;
  };
  afterEach(() => {
    running?.stop();
    running = undefined;
  });

  test('nowhere in a pipe', () => {
    const screen = createTestConsole({ isTerminal: false });
    const progress = start(screen);
    progress.update(state());
    progress.stop();
    expect(screen.output()).toBe('');
    expect(screen.errors()).toBe('');
  });

  test('nowhere with --quiet', () => {
    const screen = createTestConsole({ isTerminal: true, quiet: true });
    const progress = start(screen);
    progress.update(state());
    progress.stop();
    expect(screen.errors()).toBe('');
  });

  test('on a terminal on standard error, within its width, and cleared at the end', async () => {
    const screen = createTestConsole({ isTerminal: true, columns: 60 });
    const progress = start(screen);
    progress.update(state({ doneBytes: 0 }));
    await clock.advance(1000);
    progress.update(state({ doneBytes: 50_000_000 }));
    screen.console.ask('Note: a node is away\n');
    progress.stop();
    expect(screen.output()).toBe('');
    const lines = screen.errors().split(/\n|\u001b\[[0-9;?]*[A-Za-z]/);
    const bar = lines.find((line) => line.startsWith('Backing up [=====     ]  50 %'));
    expect(bar).toContain('50.0 MB of 100 MB');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(60);
    expect(lines).toContain('Note: a node is away');
  });

  test('as JSON lines with --json-progress, at most two a second', async () => {
    const screen = createTestConsole({ isTerminal: false, jsonProgress: true });
    const progress = start(screen);
    await clock.advance(1000);
    progress.update(state({ doneBytes: 0 }));
    await clock.advance(100);
    progress.update(state({ doneBytes: 1 }));
    await clock.advance(900);
    progress.update(state({ doneBytes: 2_000_000 }));
    expect(screen.lines()).toEqual([
      { type: 'progress', command: 'test', phase: 'sending', bytesPerSecond: 0 },
      { type: 'progress', command: 'test', phase: 'sending', bytesPerSecond: 2_000_000 },
    ]);
  });
});
