/** A storage node reduced to its line of shards, for simulations of challenges: look-ups by binary search. */
import { createHash } from 'node:crypto';
import {
  type AgreementSpan,
  challengeNonce,
  deriveSamples,
  LEAF_BYTES,
  type NodePeriod,
  type NodeSpan,
  type Sample,
  type ShardLines,
  type ShardRef,
} from '@holdfast/protocol';

export interface SimulatedShard {
  readonly clientId: string;
  readonly packId: string;
  readonly shardIndex: number;
  readonly lengthBytes: number;
  readonly agreementId: string;
}

export interface SimulatedLines extends ShardLines {
  readonly lineLeaves: number;
  readonly agreements: readonly { readonly agreementId: string; readonly lineLeaves: number }[];
}

/** A secret that belongs to a seed and a number: simulations replay from their seed. */
export const secretOf = (seed: string, number: number): Uint8Array =>
  new Uint8Array(createHash('sha256').update(`${seed} secret ${number}`).digest());

/** Shards of these lengths, in one agreement unless said otherwise; undefined is a hole of 64 KiB. */
export function makeShards(
  seed: string,
  lengths: readonly number[],
  agreementOf: (at: number) => string = () => 'only',
): SimulatedShard[] {
  return lengths.map((lengthBytes, at) => ({
    clientId: createHash('sha256').update(`${seed} client`).digest('hex'),
    packId: createHash('sha256').update(`${seed} pack ${at}`).digest('hex'),
    shardIndex: at % 8,
    lengthBytes,
    agreementId: agreementOf(at),
  }));
}

/**
 * Lays shards out on the node's line and on one line for each agreement.
 * @param isLive asked at each look-up; a shard that is not is a hole.
 */
export function layOut(
  shards: readonly (SimulatedShard | undefined)[],
  isLive: (shard: ShardRef) => boolean = () => true,
): SimulatedLines {
  const onNode: NodeSpan[] = [];
  const own = new Map<string, AgreementSpan[]>();
  let lineLeaves = 0;
  for (const shard of shards) {
    if (shard === undefined) {
      lineLeaves += 64;
      continue;
    }
    onNode.push({ ...shard, startLeaf: lineLeaves });
    const line = own.get(shard.agreementId) ?? [];
    line.push({ ...shard, startLeaf: endOf(line) });
    own.set(shard.agreementId, line);
    lineLeaves += shard.lengthBytes / LEAF_BYTES;
  }
  return {
    lineLeaves,
    agreements: [...own].map(([agreementId, line]) => ({ agreementId, lineLeaves: endOf(line) })),
    onNode: (positions) => Promise.resolve(positions.map((position) => find(onNode, position, isLive))),
    inAgreements: (places) =>
      Promise.resolve(places.map(({ agreementId, position }) => find(own.get(agreementId) ?? [], position, isLive))),
  };
}

const endOf = (line: readonly { startLeaf: number; lengthBytes: number }[]): number => {
  const last = line.at(-1);
  return last === undefined ? 0 : last.startLeaf + last.lengthBytes / LEAF_BYTES;
};

function find<Span extends ShardRef & { startLeaf: number; lengthBytes: number }>(
  line: readonly Span[],
  position: number,
  isLive: (shard: ShardRef) => boolean,
): Span | undefined {
  let low = 0;
  let high = line.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line[middle]!.startLeaf <= position) low = middle + 1;
    else high = middle;
  }
  const span = line[low - 1];
  if (span === undefined || position >= span.startLeaf + span.lengthBytes / LEAF_BYTES) return undefined;
  return isLive(span) ? span : undefined;
}

/** The fresh leaves of one period's challenge. */
export const samplesOf = (lines: SimulatedLines, period: NodePeriod, count: number): Promise<Sample[]> =>
  deriveSamples(
    { period, nonce: challengeNonce(period), lineLeaves: lines.lineLeaves, count, agreements: lines.agreements },
    lines,
  );
