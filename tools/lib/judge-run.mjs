/** Decides what a run of .ci/run amounts to. */

/**
 * @typedef {object} Reports
 * @property {{ passed: number, failed: number } | undefined} check what tools/check.mjs wrote
 * @property {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   numRuntimeErrorTestSuites: number } | undefined} jest what jest --json wrote
 * @property {string} log what the tests printed
 * @property {number[]} statuses exit codes of check and tests
 */

/**
 * @param {Reports} reports
 * @returns {{ passed: number, failed: number, reasons: string[] }} failed is never 0 when there is a reason
 */
export function judgeRun({ check, jest, log, statuses }) {
  const passed = (check?.passed ?? 0) + (jest?.numPassedTests ?? 0);
  const counted = (check?.failed ?? 0) + (jest?.numFailedTests ?? 0) + (jest?.numRuntimeErrorTestSuites ?? 0);
  const skippedSuites = log.split('\n').filter((line) => line.includes('SKIPPED suite'));
  const skippedTests = (jest?.numPendingTests ?? 0) + (jest?.numTodoTests ?? 0);
  const reasons = [
    ...(check === undefined ? ['`npm run check` did not run to its end.'] : []),
    ...(jest === undefined ? ['`npm test` did not run to its end.'] : []),
    ...(jest?.numPassedTests === 0 ? ['no test passed.'] : []),
    ...(skippedTests > 0 ? [`${skippedTests} tests were skipped or are still to do.`] : []),
    ...skippedSuites.map((line) => line.trim()),
  ];
  if (counted === 0 && reasons.length === 0 && statuses.some((status) => status !== 0)) {
    reasons.push(
      `the exit codes of check and tests were ${statuses.join(' and ')}, though nothing was counted as failed.`,
    );
  }
  return { passed, failed: counted + reasons.length, reasons };
}
