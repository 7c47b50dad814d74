/** Brings files back: any k good shards of each pack, checked, decoded, opened, and written so that a name means whole. */
export { EXISTING_POLICIES, type ExistingPolicy } from './existing.ts';
export type { Fault, FaultKind, NodeFaults } from './faults.ts';
export { openSnapshot, openSnapshots, type OpenSnapshot } from './open-snapshot.ts';
export { compilePatterns, latin1, type PathPatterns } from './path-pattern.ts';
export type { NotRestored, RestoreEvent, RestoreProgress, RestoreReport } from './report.ts';
export { restore, type RestoreOptions } from './restore.ts';
export { showPath } from './target-path.ts';
export { type WalkedDirectory, walkSnapshot, type WalkStep } from './walk-snapshot.ts';
