import { describe, expect, test } from '@jest/globals';
import { judgeRun } from './judge-run.mjs';

const jest = {
  numPassedTests: 40,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
};
const good = { check: { passed: 8, failed: 0 }, jest, log: 'PASS a.test.ts\n', statuses: [0, 0] };

describe('the verdict of a run', () => {
  test('good reports add up', () => {
    expect(judgeRun(good)).toEqual({ passed: 48, failed: 0, reasons: [] });
  });

  test.each([
    ['a failed check', { ...good, check: { passed: 7, failed: 1 }, statuses: [1, 0] }],
    ['a failed test', { ...good, jest: { ...jest, numFailedTests: 1 }, statuses: [0, 1] }],
    ['a suite that does not load', { ...good, jest: { ...jest, numRuntimeErrorTestSuites: 1 }, statuses: [0, 1] }],
    ['a skipped test', { ...good, jest: { ...jest, numPendingTests: 1 } }],
    ['a test to do', { ...good, jest: { ...jest, numTodoTests: 2 } }],
    ['a skipped suite', { ...good, log: 'SKIPPED suite: restic is not here\n' }],
    ['no tests', { ...good, jest: { ...jest, numPassedTests: 0 } }],
    ['no report of the check', { ...good, check: undefined }],
    ['no report of the tests', { ...good, jest: undefined }],
    ['an exit code that nothing explains', { ...good, statuses: [0, 1] }],
  ])('%s counts as failed', (_, reports) => {
    expect(judgeRun(reports).failed).toBeGreaterThan(0);
  });
});
