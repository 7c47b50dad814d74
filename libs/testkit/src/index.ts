/** What tests, journeys and the demo share; knows the libraries, never a service. */
export { isLongRun, runsOf } from './long-run.ts';
export { describeWith, programPath, type RequiredProgram } from './requires.ts';
