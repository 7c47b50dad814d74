/** Brings files back: any k good shards of each pack, checked, decoded, opened, and written so that a name means whole. */
export { EXISTING_POLICIES, type ExistingPolicy } from './existing.ts';
export { asFault, type Fault, type FaultKind, FaultLog, faultOf, type NodeFaults } from './faults.ts';
export { isAboutGrant } from './fetch-pack.ts';
export type { VerifyJob, VerifyResult } from './job.ts';
export { AWAY, AwayNodes } from './away-nodes.ts';
export { WorkerPool, workerOptionsOf } from './worker-pool.ts';
export { learnPacks, openSnapshot, openSnapshots, type OpenSnapshot } from './open-snapshot.ts';
export { compilePatterns, latin1, type PathPatterns } from './path-pattern.ts';
export type { NotRestored, RestoreEvent, RestoreProgress, RestoreReport } from './report.ts';
export { restore, type RestoreOptions } from './restore.ts';
export { showPath } from './target-path.ts';
export { type WalkedDirectory, walkSnapshot, type WalkStep } from './walk-snapshot.ts';
