/** Shards in memory with their trees, lines over them, and a node that answers from them: for tests. */
import { createCipheriv, createHash } from 'node:crypto';
import { toHex } from '../bytes.ts';
import { GROUP_BYTES } from '../limits.ts';
import type { SigningContext } from '../message.ts';
import { createSigningKey } from '../signing.ts';
import { type ChainingValue, chunkValue, parentValue, valueToBytes } from './blake3.ts';
import type { ShardReader } from './build-proof.ts';
import type { AgreementSpan, NodeSpan, ShardLines } from './derive-samples.ts';
import { type ChallengeTerms, issueChallenge, openChallenge, type OpenChallenge } from './issue-challenge.ts';
import { LEAF_BYTES } from './leaf-proof.ts';
import { merkleRoot } from './merkle-tree.ts';
import { type Sample, type ShardRef, shardKeyOf } from './samples.ts';
import type { RecordOf } from './verify-proof.ts';

export const mediatorKey = createSigningKey(new Uint8Array(32).fill(1));
export const nodeKey = createSigningKey(new Uint8Array(32).fill(3));
export const nodeId = toHex(nodeKey.publicKey);
export const context: SigningContext = { network: 'regtest', mediatorId: toHex(mediatorKey.publicKey) };

/** The AES-256-CTR key stream (zero IV) under SHA-256(label). */
function streamOf(label: string, lengthBytes: number): Uint8Array {
  const key = createHash('sha256').update(label).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)));
}

function groupHash(group: Uint8Array): Uint8Array {
  let values: ChainingValue[] = Array.from({ length: 64 }, (_, at) =>
    chunkValue(group.subarray(at * LEAF_BYTES, (at + 1) * LEAF_BYTES), at),
  );
  while (values.length > 1) {
    values = Array.from({ length: values.length / 2 }, (_, at) =>
      parentValue(values[2 * at]!, values[2 * at + 1]!, values.length === 2),
    );
  }
  return valueToBytes(values[0]!);
}

export interface TestShard extends ShardRef {
  readonly agreementId: string;
  readonly lengthBytes: number;
  readonly bytes: Uint8Array;
  readonly groupHashes: Uint8Array;
  readonly root: Uint8Array;
}

export function makeShard(label: string, groupCount: number, clientId: string, agreementId = 'a'): TestShard {
  const bytes = streamOf(label, groupCount * GROUP_BYTES);
  const hashes = Array.from({ length: groupCount }, (_, at) =>
    groupHash(bytes.subarray(at * GROUP_BYTES, (at + 1) * GROUP_BYTES)),
  );
  const groupHashes = new Uint8Array(Buffer.concat(hashes));
  return {
    clientId,
    packId: createHash('sha256').update(`pack ${label}`).digest('hex'),
    shardIndex: groupCount % 8,
    agreementId,
    lengthBytes: bytes.length,
    bytes,
    groupHashes,
    root: merkleRoot(groupHashes),
  };
}

export const recordOf =
  (shards: readonly TestShard[]): RecordOf =>
  (wanted) =>
    shards.find((shard) => shardKeyOf(shard) === shardKeyOf(wanted));

/** Reads from memory; a shard that is not among `shards` is lost. */
export function readerOf(shards: readonly TestShard[]): ShardReader {
  const find = (wanted: ShardRef): TestShard | undefined =>
    shards.find((shard) => shardKeyOf(shard) === shardKeyOf(wanted));
  return {
    hashesOf: (shard) => Promise.resolve(find(shard)),
    readGroup: (shard, groupIndex) =>
      Promise.resolve(find(shard)?.bytes.subarray(groupIndex * GROUP_BYTES, (groupIndex + 1) * GROUP_BYTES)),
  };
}

export interface TestLines extends ShardLines {
  readonly lineLeaves: number;
  /** Length of each agreement's own line. */
  readonly agreementLeaves: ReadonlyMap<string, number>;
  /** Look-ups so far. */
  queries: number;
}

/** Lines with the shards one behind the other; `undefined` stands for a hole of one group. */
export function linesOf(shards: readonly (Omit<TestShard, 'bytes' | 'groupHashes' | 'root'> | undefined)[]): TestLines {
  const spans: NodeSpan[] = [];
  const own: AgreementSpan[] = [];
  const agreementLeaves = new Map<string, number>();
  let lineLeaves = 0;
  for (const shard of shards) {
    if (shard !== undefined) {
      const startLeaf = agreementLeaves.get(shard.agreementId) ?? 0;
      spans.push({ ...shard, startLeaf: lineLeaves });
      own.push({ ...shard, startLeaf });
      agreementLeaves.set(shard.agreementId, startLeaf + shard.lengthBytes / LEAF_BYTES);
    }
    lineLeaves += (shard?.lengthBytes ?? GROUP_BYTES) / LEAF_BYTES;
  }
  const covers = (span: NodeSpan | AgreementSpan, position: number): boolean =>
    position >= span.startLeaf && position < span.startLeaf + span.lengthBytes / LEAF_BYTES;
  const lines: TestLines = {
    lineLeaves,
    agreementLeaves,
    queries: 0,
    onNode(positions) {
      lines.queries += 1;
      return Promise.resolve(positions.map((position) => spans.find((span) => covers(span, position))));
    },
    inAgreements(places) {
      lines.queries += 1;
      return Promise.resolve(
        places.map(({ agreementId, position }) =>
          own.find((span) => (span as NodeSpan).agreementId === agreementId && covers(span, position)),
        ),
      );
    },
  };
  return lines;
}

export const terms: ChallengeTerms = {
  challengeId: 'c1'.repeat(16),
  nodeId,
  periodStartMs: 1_800_000_000_000,
  periodMs: 3_600_000,
  issuedAtMs: 1_800_000_001_000,
  deadlineAtMs: 1_800_000_301_000,
  secretHash: 'd2'.repeat(32),
  nonce: 'e3'.repeat(32),
  lineEpoch: 1,
  lineLeaves: 1 << 20,
};

export const sampleOf = (shard: TestShard, leafIndex: number, reason: Sample['reason'] = 'drawn'): Sample => ({
  clientId: shard.clientId,
  packId: shard.packId,
  shardIndex: shard.shardIndex,
  lengthBytes: shard.lengthBytes,
  leafIndex,
  reason,
});

export const challengeOver = (samples: readonly Sample[], changed: Partial<ChallengeTerms> = {}): OpenChallenge =>
  openChallenge(context, issueChallenge(context, { ...terms, ...changed }, samples, mediatorKey));

/** The code of the HoldfastError that `run` throws; `no error` when it throws none. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string') return code;
    throw error;
  }
  return 'no error';
}
