import { expect, test } from '@jest/globals';
import { renderErrorsPage } from './errors-page.mjs';

test('codes are grouped by area and sorted, and a bar in a sentence does not break the table', () => {
  const entry = { message: 'A | B', next: 'Choose.', httpStatus: 400, exitCode: 2 };
  const page = renderErrorsPage({ 'b.two': entry, 'a.one': entry, 'b.one': entry }, { ok: 0 });
  expect(page).toContain('| 0 | ok |');
  expect(page).toContain('| `a.one` | A \\| B | Choose. | 400 | 2 |');
  expect(page.match(/^## .*|`[ab]\.\w+`/gm)).toEqual([
    '## Exit statuses',
    '## a',
    '`a.one`',
    '## b',
    '`b.one`',
    '`b.two`',
  ]);
});
