/** After all tests: removes what jest-setup.mjs made. */
import { rmSync } from 'node:fs';

export default function tearDown() {
  const directory = process.env['EMBEDDED_POSTGRES_TEMPLATE'];
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}
