/** Possession is not service: reads at the node's data address as a client would, and compares with what must be there. */
import { createHash } from 'node:crypto';
import type { Randomness } from '@holdfast/platform';
import { LEAF_BYTES, shardRoot, toHex } from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';
import type { ByteRange, DrawnShard, RetrievalProbe, RetrievalResult, RetrievalTarget } from './ports.ts';

/** Each may hold a whole shard in memory. */
const AT_ONCE = 8;
/** A node that did not serve is asked again so much sooner. */
const SOONER = 12;

/** Of one shard, under one grant. */
interface Reading {
  readonly shard: RetrievalProbe | DrawnShard;
  /** Undefined: the whole shard. */
  readonly ranges?: readonly ByteRange[];
}

type Finding = Pick<RetrievalResult, 'outcome' | 'detail'>;

/** Resolves to how many nodes were checked. */
export async function checkRetrievals(options: ChallengesOptions): Promise<number> {
  const { store, clock, randomness } = options;
  const targets = await store.listToCheck(clock.nowMs(), AT_ONCE, fraction(randomness));
  await Promise.all(targets.map(async (target) => store.storeCheck(target, await checkRetrieval(options, target))));
  return targets.length;
}

async function checkRetrieval(options: ChallengesOptions, target: RetrievalTarget): Promise<RetrievalResult> {
  const { clock, randomness, rules } = options;
  const reading = planReading(randomness, target);
  const found = await read(options, target, reading);
  const averageMs = found.outcome === 'served' ? rules.retrievalCheckMs : rules.retrievalCheckMs / SOONER;
  const checkedAtMs = clock.nowMs();
  // Between half and one and a half times the average: nobody knows when.
  const nextCheckAtMs = checkedAtMs + Math.ceil(averageMs * (0.5 + fraction(randomness)));
  const { clientId, packId, shardIndex } = reading.shard;
  const fromByte = Math.min(...(reading.ranges ?? []).map((range) => range.fromByte), reading.shard.lengthBytes);
  const lengthBytes = reading.ranges?.reduce((sum, range) => sum + range.lengthBytes, 0);
  return {
    ...found,
    shard: { clientId, packId, shardIndex },
    fromByte: reading.ranges === undefined ? 0 : fromByte,
    lengthBytes: lengthBytes ?? reading.shard.lengthBytes,
    checkedAtMs,
    nextCheckAtMs,
  };
}

const TWO_TO_32 = 2 ** 32;
/** 0 up to and without 1. */
const fraction = (randomness: Randomness): number =>
  new DataView(Uint8Array.from(randomness.bytes(4)).buffer).getUint32(0) / TWO_TO_32;

const DRAWN_PART = 1 / 2;
const WHOLE_PART = 1 / 3;
const MAX_RANGES = 4;
/** Clients read from multiples of a block of the mask on, to wherever what they want ends. */
const MASK_BLOCK_BYTES = 16;
const LEAST_RANGE_BYTES = 512;
const MOST_RANGE_BYTES = 1024 * 1024;

/**
 * As clients read: whole shards, or a few ranges of one. Half of them of any shard of the node, so that it does not help
 * to serve only what was lately asked for in a challenge.
 */
function planReading(randomness: Randomness, { probe, drawn }: RetrievalTarget): Reading {
  const shard = drawn !== undefined && fraction(randomness) < DRAWN_PART ? drawn : probe;
  if (fraction(randomness) < WHOLE_PART) return { shard };
  const count = 1 + Math.floor(fraction(randomness) * MAX_RANGES);
  const compared = Math.floor(fraction(randomness) * count);
  const { lengthBytes } = shard;
  const ranges = Array.from({ length: count }, (_, at) => {
    const leafIndex = 'leafIndex' in shard && at === compared ? shard.leafIndex : undefined;
    const least = leafIndex === undefined ? LEAST_RANGE_BYTES : 2 * LEAF_BYTES;
    const wanted = Math.floor(least * (MOST_RANGE_BYTES / least) ** fraction(randomness));
    // The last place that still holds the leaf, and the first.
    const last = leafIndex === undefined ? lengthBytes : leafIndex * LEAF_BYTES;
    const first = leafIndex === undefined ? 0 : Math.max(0, last + LEAF_BYTES - wanted + MASK_BLOCK_BYTES);
    const drawnAt = first + Math.floor(fraction(randomness) * (last - first));
    const fromByte = drawnAt - (drawnAt % MASK_BLOCK_BYTES);
    return { fromByte, lengthBytes: Math.min(wanted, lengthBytes - fromByte) };
  });
  return { shard, ranges };
}

async function read(
  { readShard }: ChallengesOptions,
  { nodeId, addresses }: RetrievalTarget,
  { shard, ranges }: Reading,
): Promise<Finding> {
  let failed: Finding = { outcome: 'unreachable', detail: 'It has no address.' };
  const wanted = { nodeId, shard, shardLengthBytes: shard.lengthBytes, ...(ranges && { ranges }) };
  for (const address of addresses) {
    const answer = await readShard({ ...wanted, address });
    if (answer.kind === 'bytes') return isRight(answer.parts, shard, ranges) ? SERVED : OTHER_BYTES;
    failed = { outcome: answer.kind, detail: answer.detail };
    if (answer.kind !== 'unreachable') return failed;
  }
  return failed;
}

const SERVED: Finding = { outcome: 'served', detail: '' };
const OTHER_BYTES: Finding = {
  outcome: 'wrong',
  detail: 'What it serves is not what it stored, or showed when it was challenged.',
};

/** A whole shard is compared with its root, or with the leaf that was shown of it; ranges with that leaf where they hold it. */
function isRight(parts: readonly Uint8Array[], shard: Reading['shard'], ranges: Reading['ranges']): boolean {
  const lengths = ranges?.map(({ lengthBytes }) => lengthBytes) ?? [shard.lengthBytes];
  if (parts.length !== lengths.length || parts.some((part, index) => part.length !== lengths[index])) return false;
  if ('root' in shard) return ranges !== undefined || toHex(shardRoot(parts[0]!)) === shard.root;
  const start = shard.leafIndex * LEAF_BYTES;
  return parts.every((part, index) => {
    const at = start - (ranges?.[index]?.fromByte ?? 0);
    if (at < 0 || at + LEAF_BYTES > part.length) return true;
    const leaf = part.subarray(at, at + LEAF_BYTES);
    return createHash('sha256').update(leaf).digest('hex') === shard.leafHash;
  });
}
