import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normalize } from 'node:path/posix';
import { isSafeName, joinPath, namesOfRoot, showPath } from './target-path.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('target paths', () => {
  test.each(['', '.', '..', 'a/b', '/', 'a\0', '\0'])('the name %j is refused', (name) => {
    expect(isSafeName(bytes(name))).toBe(false);
  });
  test.each(['a', '...', '.a', '..a', ' ', '\n', '~', '-rf', '\\'])('the name %j is fine', (name) => {
    expect(isSafeName(bytes(name))).toBe(true);
  });

  test('whatever bytes a snapshot holds, a joined path stays one name below its directory', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 12 }), (name) => {
        fc.pre(isSafeName(name));
        const path = joinPath(bytes('/target/dir'), name).toString('latin1');
        expect(normalize(path)).toBe(path);
        expect(path.slice(0, 12)).toBe('/target/dir/');
        expect(path.slice(12)).not.toContain('/');
      }),
    );
  });

  test('roots', () => {
    const names = (path: string): string[] | undefined =>
      namesOfRoot(bytes(path))?.map((name) => Buffer.from(name).toString());
    expect(names('/home/ann')).toEqual(['home', 'ann']);
    expect(names('/')).toEqual([]);
    expect(names('/a//b/')).toEqual(['a', 'b']);
    expect(names('/a/../b')).toBeUndefined();
    expect(names('a/b')).toBeUndefined();
    expect(names('')).toBeUndefined();
  });

  test('paths are shown without control characters, whatever is in them', () => {
    expect(showPath(bytes('/a b/ü'))).toBe('/a b/ü');
    expect(showPath(bytes('/a\nb\u001b[31m'))).toBe(String.raw`/a\nb\x1b[31m`);
    expect(showPath(Buffer.from('2f61ff', 'hex'))).toBe(String.raw`/a\xff`);
    expect(showPath(bytes('/a\u202eb'))).toBe(String.raw`/a\u202eb`);
  });
});
