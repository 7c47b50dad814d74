/** The comparison that demo, journeys and benchmark use to say "restored exactly"; docs/fidelity.md says what it looks at. */
export { type CompareOptions, compareTrees, type TreeComparison, type TreeDifference } from '@holdfast/testkit';
