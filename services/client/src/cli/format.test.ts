import { describe, expect, test } from '@jest/globals';
import {
  countOf,
  formatAgo,
  formatBytes,
  formatCount,
  formatDuration,
  formatSats,
  formatTable,
  formatTime,
} from './format.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

describe('numbers', () => {
  test.each([
    [0, '0'],
    [999, '999'],
    [1234567, '1,234,567'],
  ])('%d', (count, text) => expect(formatCount(count)).toBe(text));

  test.each([
    [0, '0 files'],
    [1, '1 file'],
    [2345, '2,345 files'],
  ])('%d of something', (count, text) => expect(countOf(count, 'file')).toBe(text));

  test('an odd plural', () => expect(countOf(2, 'directory', 'directories')).toBe('2 directories'));

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [123_456_789, '123 MB'],
    [999_960, '1.0 MB'],
    [1.5e12, '1.5 TB'],
  ])('%d bytes', (count, text) => expect(formatBytes(count)).toBe(text));

  test.each([
    [0n, '0 sat'],
    [1n, '0.001 sat'],
    [1500n, '1.5 sat'],
    [999_999n, '999.999 sat'],
    [1_000_001n, '1,001 sat'],
    ['40000000', '40,000 sat'],
  ])('%s msat', (msat, text) => expect(formatSats(msat)).toBe(text));
});

describe('times', () => {
  test('in the zone of the machine', () => {
    expect(formatTime(new Date(2026, 0, 2, 3, 4).getTime())).toBe('2026-01-02 03:04');
  });

  test.each([
    [0, '0.0 s'],
    [840, '0.8 s'],
    [9_940, '9.9 s'],
    [9_960, '10 s'],
    [59_400, '59 s'],
    [59_600, '1:00 min'],
    [185_000, '3:05 min'],
    [3_723_000, '1:02:03 h'],
  ])('%d ms', (ms, text) => expect(formatDuration(ms)).toBe(text));

  test.each([
    [-5 * MINUTE_MS, 'just now'],
    [59_999, 'just now'],
    [MINUTE_MS, '1 minute ago'],
    [59 * MINUTE_MS, '59 minutes ago'],
    [HOUR_MS, '1 hour ago'],
    [47 * HOUR_MS, '47 hours ago'],
    [49 * HOUR_MS, '2 days ago'],
  ])('%d ms ago', (ms, text) => expect(formatAgo(ms)).toBe(text));
});

test('tables are aligned and end without blanks', () => {
  const columns = [{ title: 'node' }, { title: 'shards', align: 'right' as const }, { title: 'state' }];
  const rows = [
    ['ab', '7', 'online'],
    ['abcdef', '1,234', ''],
  ];
  expect(formatTable(columns, rows)).toEqual(['node    shards  state', 'ab           7  online', 'abcdef   1,234']);
});
