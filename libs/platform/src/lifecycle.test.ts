import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { createLifecycle } from './lifecycle.ts';
import { createCapturedLogger } from './log.ts';

function setUp(timeoutMs = 5_000) {
  const log = createCapturedLogger();
  const signals = new EventEmitter();
  const exits: number[] = [];
  const exited = Promise.withResolvers<number>();
  const exit = (code: number): void => {
    exits.push(code);
    exited.resolve(code);
  };
  return {
    log,
    signals,
    exits,
    exited: exited.promise,
    lifecycle: createLifecycle({ logger: log.logger, timeoutMs, signals, exit }),
  };
}

describe('closing', () => {
  test('goes in reverse order, one after the other, once', async () => {
    const { lifecycle } = setUp();
    const seen: string[] = [];
    for (const name of ['database', 'server', 'jobs']) {
      lifecycle.onClose(name, async () => {
        seen.push(`${name} begins`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${name} ends`);
      });
    }
    expect(lifecycle.closing.aborted).toBe(false);
    const first = lifecycle.close('test');
    expect(lifecycle.closing.aborted).toBe(true);
    expect(await Promise.all([first, lifecycle.close('again'), lifecycle.closed])).toEqual([true, true, true]);
    expect(seen).toEqual([
      'jobs begins',
      'jobs ends',
      'server begins',
      'server ends',
      'database begins',
      'database ends',
    ]);
  });

  test('goes on after a failure, which is told', async () => {
    const { lifecycle, log } = setUp();
    let closedDatabase = false;
    lifecycle.onClose('database', () => void (closedDatabase = true));
    lifecycle.onClose('server', () => Promise.reject(new Error('stuck door')));
    expect(await lifecycle.close('test')).toBe(false);
    expect(closedDatabase).toBe(true);
    expect(log.text()).toContain('closing server failed: stuck door');
  });

  test('is bounded in time, and names who was late', async () => {
    const { lifecycle, log } = setUp(20);
    lifecycle.onClose('sleeper', () => new Promise(() => undefined));
    expect(await lifecycle.close('test')).toBe(false);
    expect(log.text()).toContain('sleeper did not close in time');
  });

  test('what is opened too late is closed at once', async () => {
    const { lifecycle } = setUp();
    await lifecycle.close('test');
    let closed = false;
    lifecycle.onClose('late', () => void (closed = true));
    expect(closed).toBe(true);
  });
});

describe('signals', () => {
  test('the first closes and exits with 0', async () => {
    const { lifecycle, signals, exited, exits } = setUp();
    lifecycle.handleSignals();
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await exited).toBe(0);
    expect(exits).toEqual([0]);
  });

  test('exits with 1 when something failed', async () => {
    const { lifecycle, signals, exited } = setUp();
    lifecycle.handleSignals();
    lifecycle.onClose('x', () => Promise.reject(new Error('no')));
    signals.emit('SIGINT', 'SIGINT');
    expect(await exited).toBe(1);
  });

  test('the second exits at once', async () => {
    const { lifecycle, signals, exits } = setUp(100);
    lifecycle.handleSignals();
    lifecycle.onClose('sleeper', () => new Promise(() => undefined));
    signals.emit('SIGINT', 'SIGINT');
    signals.emit('SIGINT', 'SIGINT');
    expect(exits).toEqual([130]);
  });

  test('are let go', () => {
    const { lifecycle, signals } = setUp();
    lifecycle.handleSignals()();
    expect(signals.listenerCount('SIGINT') + signals.listenerCount('SIGTERM')).toBe(0);
  });
});
