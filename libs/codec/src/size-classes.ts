/** Sealed packs come in few sizes, so that a pack's length says little about what is in it. */
import { GROUP_BYTES, MAX_SHARD_BYTES } from '@holdfast/protocol';
import { badArgument, checkPolicy, type PackPolicy } from './shapes.ts';

/** What a full pack aims at: frames, table and trailer together. */
export const PACK_TARGET_BYTES = 32 * 1024 * 1024;

/** Shard lengths in bytes, ascending: 64 KiB × {1, 2, 3, 4, 6, 8, 12, …, 768, 1024}. */
export const SHARD_LENGTH_CLASSES: readonly number[] = shardLengthClasses();

function shardLengthClasses(): number[] {
  const classes = [GROUP_BYTES];
  for (let length = 2 * GROUP_BYTES; length <= MAX_SHARD_BYTES; length *= 2) {
    classes.push(length);
    if (length * 1.5 < MAX_SHARD_BYTES) classes.push(length * 1.5);
  }
  return classes;
}

/**
 * Bytes of the largest pack that a builder makes under this policy: what its region must hold, and what
 * `PackBuilder.canAdd` fills up to. Between 22 and 32 MiB.
 */
export function packCapacityBytes(policy: PackPolicy): number {
  checkPolicy(policy);
  return (
    policy.dataShards * SHARD_LENGTH_CLASSES.findLast((length) => length * policy.dataShards <= PACK_TARGET_BYTES)!
  );
}

/** The smallest class of which `dataShards` shards hold `contentBytes`. */
export function shardLengthFor(contentBytes: number, dataShards: number): number {
  const length = SHARD_LENGTH_CLASSES.find((candidate) => candidate * dataShards >= contentBytes);
  if (length === undefined) throw badArgument(`${contentBytes} bytes for one pack of ${dataShards} data shards`);
  return length;
}
