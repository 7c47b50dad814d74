/**
 * Rules on the text of the repository that no linter carries: no machine's paths, no registry's host name (the lockfiles
 * and scripts follow whatever registry npm is configured with), no test that is switched off or runs alone.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, root } from './lib/run.mjs';
import { findProblems } from './lib/text-rules.mjs';

const { code, output } = await capture('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
if (code !== 0) {
  console.error(`The files of the repository could not be listed:\n${output}`);
  process.exit(1);
}
let count = 0;
for (const path of output.split('\0').filter(Boolean)) {
  for (const { line, message } of findProblems(path, textOf(path))) {
    console.error(`${path}:${line}: ${message}`);
    count++;
  }
}
process.exitCode = count === 0 ? 0 : 1;

/**
 * @param {string} path
 * @returns {string} empty for a file that is gone, a link, or not text
 */
function textOf(path) {
  try {
    const bytes = readFileSync(join(root, path));
    return bytes.subarray(0, 8000).includes(0) ? '' : bytes.toString('utf8');
  } catch {
    return '';
  }
}
