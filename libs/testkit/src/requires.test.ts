import { describe, expect, test } from '@jest/globals';
import { programPath } from './requires.ts';

describe('programs that npm cannot bring', () => {
  test('one on the PATH is taken from there', async () => {
    expect(await programPath('nodejs:node')).toMatch(/^\/.*\/node$/);
  });
});
