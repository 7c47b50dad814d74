import { describe, expect, test } from '@jest/globals';
import { findProblems } from './text-rules.mjs';

// Put together from pieces, so that this file does not break the rules itself.
const slash = '/';
const focused = ['it', 'only'].join('.');

describe('rules on text', () => {
  test.each([
    ['src/a.ts', `const path = '${slash}root/x';`],
    ['docs/a.md', `see ${slash}work/main`],
    ['a.json', `"url": "https://${['registry', 'somewhere', 'org'].join('.')}/x"`],
    ['pnpm-lock.yaml', '    tarball: anything'],
    ['src/a.test.ts', `${focused}('x', () => {})`],
    ['src/a.test.ts', `${['describe', 'skip'].join('.')}('x', () => {})`],
  ])('%s may not hold %s', (path, text) => {
    expect(findProblems(path, `first line\n${text}`)).toEqual([{ line: 2, message: expect.any(String) }]);
  });

  test.each([
    ['src/a.ts', "import x from '../work/a.ts'; // tools/work/x, ./root/x"],
    ['src/a.ts', 'https://example.com/root/x'],
    ['src/a.ts', `${focused}('a word in a source that is no test')`],
    ['src/a.test.ts', 'test.each([1])(name)'],
  ])('%s may hold %s', (path, text) => {
    expect(findProblems(path, text)).toEqual([]);
  });
});
