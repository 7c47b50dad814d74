/** For a few chunks of a pack: only the bytes of their frames, straight from the data shards. The seals verify them. */
import { maskRange, packRange, type TableEntry } from '@holdfast/codec';
import type { NodeTransport, PackPlaces } from '../ports.ts';

/** Frames closer together than this are fetched in one request. */
const JOIN_GAP_BYTES = 128 * 1024;
/** More requests than this, or a larger part of the pack, and the whole shards are the better deal. */
const MAX_REQUESTS = 16;
const MAX_PART = 1 / 3;
const MASK_BLOCK_BYTES = 16;

/** Bytes of the pack from one or more frames. */
export interface Run {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** The runs that hold these frames (in order of their offsets), or undefined when fetching whole shards is better. */
export function planRuns(
  frames: readonly Pick<TableEntry, 'offset' | 'sealedBytes'>[],
  places: Pick<PackPlaces, 'dataShards' | 'shardLengthBytes'>,
): Run[] | undefined {
  const runs: { offset: number; lengthBytes: number }[] = [];
  for (const { offset, sealedBytes } of frames) {
    const last = runs.at(-1);
    if (last !== undefined && offset - (last.offset + last.lengthBytes) <= JOIN_GAP_BYTES) {
      last.lengthBytes = Math.max(last.lengthBytes, offset + sealedBytes - last.offset);
    } else {
      runs.push({ offset, lengthBytes: sealedBytes });
    }
  }
  const requests = runs.flatMap(({ offset, lengthBytes }) => packRange(offset, lengthBytes, places.shardLengthBytes));
  const totalBytes = runs.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const isSmall = totalBytes <= MAX_PART * places.dataShards * places.shardLengthBytes;
  return isSmall && requests.length <= MAX_REQUESTS ? runs : undefined;
}

/** Whether all data shards that the runs touch are with nodes that should have them. */
export function canReadRuns(runs: readonly Run[], places: PackPlaces): boolean {
  return runs
    .flatMap(({ offset, lengthBytes }) => packRange(offset, lengthBytes, places.shardLengthBytes))
    .every(({ shardIndex }) => places.shards[shardIndex]!.online && !places.shards[shardIndex]!.lost);
}

/**
 * Puts the runs' bytes, unmasked, to their places in `pack`; the bytes between them stay what they are.
 * @throws HoldfastError what a node answered; the rest of the requests is then given up
 */
export async function readRuns(
  nodes: Pick<NodeTransport, 'getShard'>,
  places: PackPlaces,
  runs: readonly Run[],
  maskKey: Uint8Array,
  pack: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<number> {
  const stop = new AbortController();
  const stopped = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const { packId, shardLengthBytes } = places;
  const reads = runs
    .flatMap(({ offset, lengthBytes }) => packRange(offset, lengthBytes, shardLengthBytes))
    .map(async ({ shardIndex, offset, lengthBytes }) => {
      const from = offset - (offset % MASK_BLOCK_BYTES);
      const range = { offset: from, lengthBytes: offset + lengthBytes - from };
      const { target } = places.shards[shardIndex]!;
      const bytes = await nodes.getShard(target, { packId, shardIndex }, shardLengthBytes, { range, signal: stopped });
      maskRange(maskKey, shardIndex, from, bytes);
      pack.set(bytes.subarray(offset - from), shardIndex * shardLengthBytes + offset);
      return lengthBytes;
    });
  try {
    const lengths = await Promise.all(reads);
    return lengths.reduce((sum, length) => sum + length, 0);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(reads);
    throw error;
  }
}
