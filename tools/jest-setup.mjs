/** Before all tests: a place for what is made once and copied by every test that needs it. jest-teardown.mjs removes it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setUp() {
  process.env['EMBEDDED_POSTGRES_TEMPLATE'] = mkdtempSync(join(tmpdir(), 'holdfast-template-'));
}
