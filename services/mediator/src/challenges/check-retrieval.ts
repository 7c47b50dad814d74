/** Possession is not service: reads a range at the node's data address and compares it with what the node has proven. */
import { createHash } from 'node:crypto';
import type { Randomness } from '@holdfast/platform';
import { LEAF_BYTES } from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';
import type { RetrievalResult, RetrievalTarget } from './ports.ts';

const AT_ONCE = 16;
/** What a client reads of a shard when it needs a piece of a file: so many leaves around the one that is compared. */
const MAX_LEAVES_AROUND = 96;
/** A node that did not serve is asked again so much sooner. */
const SOONER = 12;

/** Resolves to how many nodes were checked. */
export async function checkRetrievals(options: ChallengesOptions): Promise<number> {
  const targets = await options.store.listToCheck(options.clock.nowMs(), AT_ONCE);
  await Promise.all(
    targets.map(async (target) => options.store.storeCheck(target, await checkRetrieval(options, target))),
  );
  return targets.length;
}

async function checkRetrieval(options: ChallengesOptions, target: RetrievalTarget): Promise<RetrievalResult> {
  const { clock, randomness, rules } = options;
  const range = pickRange(randomness, target.probe);
  const found = await read(options, target, range);
  const averageMs = found.outcome === 'served' ? rules.retrievalCheckMs : rules.retrievalCheckMs / SOONER;
  const checkedAtMs = clock.nowMs();
  // Between half and one and a half times the average: nobody knows when.
  const nextCheckAtMs = checkedAtMs + Math.ceil(averageMs * (0.5 + fraction(randomness)));
  return { ...found, ...range, checkedAtMs, nextCheckAtMs };
}

type Range = Pick<RetrievalResult, 'fromByte' | 'lengthBytes'>;

const TWO_TO_32 = 2 ** 32;
/** 0 up to and without 1. */
const fraction = (randomness: Randomness): number =>
  new DataView(Uint8Array.from(randomness.bytes(4)).buffer).getUint32(0) / TWO_TO_32;

/** A range of any length that holds the leaf. */
function pickRange(randomness: Randomness, { leafIndex, lengthBytes }: RetrievalTarget['probe']): Range {
  const before = Math.floor(fraction(randomness) * MAX_LEAVES_AROUND);
  const after = Math.floor(fraction(randomness) * MAX_LEAVES_AROUND);
  const fromByte = Math.max(0, leafIndex - before) * LEAF_BYTES;
  const toByte = Math.min(lengthBytes, (leafIndex + after + 1) * LEAF_BYTES);
  return { fromByte, lengthBytes: toByte - fromByte };
}

async function read(
  { readRange }: ChallengesOptions,
  { nodeId, addresses, probe }: RetrievalTarget,
  range: Range,
): Promise<Pick<RetrievalResult, 'outcome' | 'detail'>> {
  let failed: Pick<RetrievalResult, 'outcome' | 'detail'> = { outcome: 'unreachable', detail: 'It has no address.' };
  for (const address of addresses) {
    const answer = await readRange({ nodeId, address, shard: probe, ...range });
    if (answer.kind === 'bytes') return compare(answer.bytes, probe, range);
    failed = { outcome: answer.kind, detail: answer.detail };
    if (answer.kind === 'refused') return failed;
  }
  return failed;
}

function compare(bytes: Uint8Array, { leafIndex, leafHash }: RetrievalTarget['probe'], range: Range) {
  if (bytes.length !== range.lengthBytes) {
    return { outcome: 'wrong', detail: `${bytes.length} bytes instead of ${range.lengthBytes}.` } as const;
  }
  const at = leafIndex * LEAF_BYTES - range.fromByte;
  const hash = createHash('sha256')
    .update(bytes.subarray(at, at + LEAF_BYTES))
    .digest('hex');
  if (hash === leafHash) return { outcome: 'served', detail: '' } as const;
  return { outcome: 'wrong', detail: 'What it serves is not what it showed when it was challenged.' } as const;
}
