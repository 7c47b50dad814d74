/**
 * The verdict of .ci/run: adds up what `check` and jest reported, and fails for what they do not count as a failure
 * (suites and tests that were skipped, a run that tested nothing).
 *
 *   node tools/ci-summary.mjs DIRECTORY CHECK_STATUS TEST_STATUS
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeRun } from './lib/judge-run.mjs';

const [directory = '.', checkStatus = '1', testStatus = '1'] = process.argv.slice(2);

/** @param {string} name */
function readJson(name) {
  try {
    return JSON.parse(readFileSync(join(directory, name), 'utf8'));
  } catch {
    return undefined;
  }
}

const { passed, failed, reasons } = judgeRun({
  check: readJson('check.json'),
  jest: readJson('jest.json'),
  log: readFileSync(join(directory, 'test.log'), 'utf8'),
  statuses: [Number(checkStatus), Number(testStatus)],
});
for (const reason of reasons) console.log(`FAILED: ${reason}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
