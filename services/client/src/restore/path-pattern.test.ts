import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compilePatterns, type PatternVerdict } from './path-pattern.ts';

function verdict(patterns: string[], path: string): PatternVerdict {
  let state = compilePatterns(patterns).start;
  for (const name of Buffer.from(path)
    .toString('latin1')
    .split('/')
    .filter((part) => part !== ''))
    state = state.enter(name);
  return state.verdict;
}

describe('path patterns', () => {
  test.each<[string, string, PatternVerdict]>([
    ['/home/ann', '/', 'descend'],
    ['/home/ann', '/home', 'descend'],
    ['/home/ann', '/home/ann', 'selected'],
    ['/home/ann/', '/home/ann', 'selected'],
    ['/home/ann', '/home/ann/a/b', 'selected'],
    ['/home/ann', '/home/anna', 'out'],
    ['/home/ann', '/etc', 'out'],
    ['/', '/anything', 'selected'],
    ['*.jpg', '/home/a.jpg', 'selected'],
    ['*.jpg', '/home/a.jpeg', 'descend'],
    ['*.jpg', '/home/dir.jpg/inside.txt', 'selected'],
    ['/home/*/notes', '/home/ann/notes', 'selected'],
    ['/home/*/notes', '/home/ann/b/notes', 'out'],
    ['/home/**/notes', '/home/notes', 'selected'],
    ['/home/**/notes', '/home/a/b/c/notes', 'selected'],
    ['/home/**/notes', '/etc/notes', 'out'],
    ['/a/**', '/a/b', 'selected'],
    ['docs/a.txt', '/x/docs/a.txt', 'selected'],
    ['a?c', '/abc', 'selected'],
    ['a?c', '/aüc', 'selected'],
    ['a?c', '/abbc', 'descend'],
    [String.raw`a\*c`, '/a*c', 'selected'],
    [String.raw`a\*c`, '/abc', 'descend'],
    ['*a*b*a', '/xxabyya', 'selected'],
    ['new\nline', '/new\nline', 'selected'],
    ['.config', '/home/.config', 'selected'],
  ])('%j at %j: %s', (pattern, path, expected) => {
    expect(verdict([pattern], path)).toBe(expected);
  });

  test('no patterns select everything', () => {
    expect(verdict([], '/')).toBe('selected');
    expect(verdict([], '/a/b')).toBe('selected');
  });

  test('names in no encoding match by their bytes, and ? takes one such byte', () => {
    const at = (pattern: string): PatternVerdict => compilePatterns([pattern]).start.enter('a\xffb').verdict;
    expect(at('a?b')).toBe('selected');
    expect(at('a*')).toBe('selected');
    expect(at('ab')).toBe('descend');
  });

  test('says which patterns selected nothing', () => {
    const patterns = compilePatterns(['/a', '/b/c', '*.txt']);
    patterns.start.enter('a').enter('x.txt');
    expect(patterns.unmatched()).toEqual(['/b/c']);
  });

  test.each(['', '/a/../b', './a', 'a\0b'])('%j is refused', (pattern) => {
    expect(() => compilePatterns([pattern])).toThrow(expect.objectContaining({ code: 'client.bad-pattern' }));
  });

  const name = fc.stringMatching(/^[ab.*?\\]{1,6}$/).filter((text) => text !== '.' && text !== '..');
  const literal = (text: string): string => text.replace(/[*?\\]/g, (character) => `\\${character}`);

  test('an escaped path selects exactly itself and what is below it', () => {
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1, maxLength: 4 }),
        fc.array(name, { minLength: 1, maxLength: 4 }),
        (path, other) => {
          const pattern = `/${path.map(literal).join('/')}`;
          const isBelow = path.every((part, index) => other[index] === part);
          expect(verdict([pattern], `/${other.join('/')}`) === 'selected').toBe(isBelow);
        },
      ),
    );
  });

  test('what is out at a directory selects nothing below it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', '*', '**', '?', 'a*'), { minLength: 1, maxLength: 5 }),
        fc.array(name, { minLength: 2, maxLength: 5 }),
        (pattern, path) => {
          const text = `/${pattern.join('/')}`;
          let out = false;
          let state = compilePatterns([text]).start;
          for (const part of path) {
            state = state.enter(part);
            if (out) expect(state.verdict).toBe('out');
            out = state.verdict === 'out';
          }
        },
      ),
    );
  });

  test('many stars take no exponential time', () => {
    expect(verdict([`${'*a'.repeat(200)}b`], `/${'a'.repeat(4000)}`)).toBe('descend');
  });
});
