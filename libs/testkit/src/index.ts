/** What tests, journeys and the demo share; knows the libraries, never a service. */
export { isLongRun, runsOf } from './long-run.ts';
export { describeWith, programPath, type RequiredProgram } from './requires.ts';
export { type CompareOptions, compareTrees, type TreeComparison, type TreeDifference } from './compare-trees.ts';
