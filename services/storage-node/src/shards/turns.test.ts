import { describe, expect, test } from '@jest/globals';
import { createClaims, createTurns } from './turns.ts';

describe('turns', () => {
  test('are given up to the limit, and given back once', () => {
    const turns = createTurns(4);
    const back = [turns.take('a'), turns.take('a'), turns.take('a'), turns.take('b')];
    expect(() => turns.take('c')).toThrow(expect.objectContaining({ code: 'node.busy' }));
    back[0]!();
    back[0]!();
    expect(turns.takenCount).toBe(3);
    turns.take('c');
    expect(() => turns.take('c')).toThrow(expect.objectContaining({ code: 'node.busy' }));
  });

  test('one party leaves some to the others', () => {
    const turns = createTurns(8);
    const back = Array.from({ length: 6 }, () => turns.take('greedy'));
    expect(() => turns.take('greedy')).toThrow(expect.objectContaining({ code: 'node.busy' }));
    turns.take('other');
    back[0]!();
    turns.take('greedy');
    expect(turns.takenCount).toBe(7);
  });
});

describe('claims', () => {
  test('one works at a time under each name, in order; a failure does not stop the next', async () => {
    const claims = createClaims();
    const log: string[] = [];
    const work =
      (name: string, fails = false) =>
      async () => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new RangeError(name);
      };
    const first = claims.hold('x', work('first', true));
    const second = claims.hold('x', work('second'));
    const other = claims.hold('y', work('other'));
    await expect(first).rejects.toThrow('first');
    await Promise.all([second, other]);
    expect(log.filter((line) => !line.startsWith('other'))).toEqual([
      'first begins',
      'first ends',
      'second begins',
      'second ends',
    ]);
    expect(log.indexOf('other begins')).toBeLessThan(log.indexOf('second begins'));
  });
});
