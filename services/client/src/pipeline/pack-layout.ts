/** How much memory packs take in a worker: sizes that follow from the policy. Pure. */
import { MAX_CHUNK_BYTES, packCapacityBytes, type PackPolicy, SHARD_LENGTH_CLASSES } from '@holdfast/codec';

export interface PackLayout {
  /** Length of a region as a builder wants it; only `closeAtBytes` of it are ever touched. */
  readonly regionBytes: number;
  /** A pack is closed before its content would be longer. */
  readonly closeAtBytes: number;
  /** Room for the parity shards of the largest pack. */
  readonly parityBytes: number;
}

/** Bytes that the packs of one worker may take: two packs of data and the parity of one. */
const BUDGET_BYTES = 56 * 1024 * 1024;
/** The content of a pack with one chunk of the greatest length. */
const LEAST_CONTENT_BYTES = MAX_CHUNK_BYTES + 4096;

/**
 * The largest shards with which two packs' data and one pack's parity keep to the budget: packs of 15 to 18 MiB for
 * any k+m with m = k. Policies with many more parity shards get smaller packs; one chunk always fits, whatever the budget.
 */
export function packLayout({ dataShards, parityShards }: PackPolicy, budgetBytes = BUDGET_BYTES): PackLayout {
  const regionBytes = packCapacityBytes({ dataShards, parityShards });
  const fits = (length: number): boolean =>
    length * dataShards <= regionBytes && length * (2 * dataShards + parityShards) <= budgetBytes;
  const least = SHARD_LENGTH_CLASSES.find((length) => length * dataShards >= LEAST_CONTENT_BYTES)!;
  const length = Math.max(SHARD_LENGTH_CLASSES.findLast(fits) ?? 0, least);
  return { regionBytes, closeAtBytes: length * dataShards, parityBytes: length * parityShards };
}
