import { expect, test } from '@jest/globals';
import { readPayoutsArguments } from './payouts-command.ts';

const ID = 'ab'.repeat(32);

test('what is meant', () => {
  expect(readPayoutsArguments(['pause', '--note', 'a look first'])).toEqual({ verb: 'pause', note: 'a look first' });
  expect(readPayoutsArguments(['resume'])).toEqual({ verb: 'resume' });
  expect(readPayoutsArguments(['approve', 'node', ID, '70000', '--note', 'known'])).toEqual({
    verb: 'approve',
    kind: 'node',
    id: ID,
    sats: '70000',
    note: 'known',
  });
});

test.each([
  [[], /neither pause, resume nor approve/],
  [['stop'], /"stop" is neither/],
  [['pause'], /--note/],
  [['resume', 'now'], /"now" is one word too many/],
  [['approve', 'client', ID, '1', '--note', 'x'], /neither node nor withdrawal/],
  [['approve', 'node', 'ab', '1', '--note', 'x'], /64 hex digits/],
  [['approve', 'node', ID, '1.5', '--note', 'x'], /whole number/],
  [['approve', 'node', ID, '5'], /--note/],
  [['approve', '--force'], /force/],
])('%j is refused', (args, problem) => {
  expect(() => readPayoutsArguments(args)).toThrow(problem);
});
