import { describe, expect, test } from '@jest/globals';
import { Buffer } from 'node:buffer';
import { releaseBuffer } from './release.ts';

describe('releaseBuffer', () => {
  test('takes a large buffer away from all its views', () => {
    const bytes = new Uint8Array(256 * 1024);
    const view = bytes.subarray(5);
    releaseBuffer(bytes);
    expect([bytes.length, view.length]).toEqual([0, 0]);
  });

  test('leaves alone what may lie in a pool', () => {
    const pooled = Buffer.allocUnsafe(100);
    pooled.fill(7);
    releaseBuffer(pooled);
    expect(pooled.every((byte) => byte === 7)).toBe(true);
    expect(Buffer.poolSize).toBeLessThan(128 * 1024);
  });
});
