/** Tells whether a vault can be read back: asks every node for every shard, or reads all of them, and names what is hurt. */
export { check, type CheckOptions } from './check.ts';
export type { AffectedFile, CheckEvent, CheckProgress, CheckReport, CheckVerdict, Margin } from './report.ts';
export type { PackHealth } from './pack-health.ts';
