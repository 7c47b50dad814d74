/** Copies of vault heads and shard maps. */
export type { CopyRecords, HeadCopy, ShardMapCopy, ShardPresence } from './ports.ts';
export { createVaultCopies, type VaultCopies } from './vault-copies.ts';
