import { expect, test } from '@jest/globals';
import { createNoteLogger } from './log-notes.ts';
import { createTestConsole } from './testing/test-console.ts';

test('warnings are notes with their code, the same at most three times; nothing below a warning', () => {
  const screen = createTestConsole({ isTerminal: false });
  const logger = createNoteLogger(screen.console);
  logger.info('of no interest');
  for (let n = 0; n < 5; n += 1) logger.warn({ code: 'remote.unreachable', delayMs: 250 }, 'the mediator is away');
  logger.warn({ detail: 'its disk is full' }, 'a node failed');
  expect(screen.output()).toBe('');
  expect(screen.errors().trimEnd().split('\n')).toEqual([
    'Note: the mediator is away [remote.unreachable]',
    'Note: the mediator is away [remote.unreachable]',
    'Note: the mediator is away [remote.unreachable] (said no more)',
    'Note: a node failed: its disk is full',
  ]);
});

test('with --json they are events', () => {
  const screen = createTestConsole({ isTerminal: false, json: true });
  createNoteLogger(screen.console).warn({ nodeId: 'ab', detail: 'gone' }, 'a node failed');
  expect(screen.errors()).toBe('');
  expect(screen.lines()).toEqual([
    { type: 'event', event: 'note', nodeId: 'ab', message: 'Note: a node failed: gone' },
  ]);
});
