/** A node's answer to a challenge: reads one group of 64 KiB for each leaf, proves it, signs over all of them. */
import { equalBytes, fromBase64Url, toHex } from '../bytes.ts';
import { HoldfastError } from '../errors.ts';
import { GROUP_BYTES } from '../limits.ts';
import { signMessage, type SigningContext } from '../message.ts';
import { proof } from '../messages/challenges.ts';
import type { SigningKey } from '../signing.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import { LEAF_BYTES, type LeafProof, proveLeafOf } from './leaf-proof.ts';
import { groupCountOf, HASH_BYTES, merkleLevels } from './merkle-tree.ts';
import { encodeProofFrame, proofDigest } from './proof-frame.ts';
import { otherLength, type Sample, sameShard, type ShardRef } from './samples.ts';

/** What a node keeps beside a shard. */
export interface ShardHashes {
  /** 32 bytes for each group, in order. */
  readonly groupHashes: Uint8Array;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * Where the bytes come from. Undefined means that the shard (or this part of it) is lost, which the answer then admits; an
 * exception means that it can't be read now, and there is no answer: a missed challenge is asked again.
 */
export interface ShardReader {
  hashesOf(shard: ShardRef): Promise<ShardHashes | undefined>;
  /** The 64 KiB from `groupIndex` · 65,536. */
  readGroup(shard: ShardRef, groupIndex: number): Promise<Uint8Array | undefined>;
}

export interface BuiltProof {
  /** What goes to the mediator, as one binary message. */
  readonly frame: Uint8Array<ArrayBuffer>;
  /** Shards that the node could not show, each once; the answer admits their loss. */
  readonly lost: readonly ShardRef[];
}

/**
 * Holds one group, the hashes of one shard, and the answer (about 1.4 KB for each leaf) in memory.
 * @throws HoldfastError `challenge.unfair` when it asks for a shard of another length than the node has: no answer could
 *   be right, and none must admit a loss. What the reader throws.
 */
export async function buildProof(
  context: SigningContext,
  challenge: OpenChallenge,
  reader: ShardReader,
  key: SigningKey,
): Promise<BuiltProof> {
  const proofs: (LeafProof | undefined)[] = [];
  let levels: Uint8Array[] | undefined;
  for (const [place, sample] of challenge.samples.entries()) {
    const before = challenge.samples[place - 1];
    if (before === undefined || !sameShard(before, sample)) levels = await levelsOf(reader, sample);
    proofs.push(levels === undefined ? undefined : await proveSample(reader, sample, levels));
  }
  const absent = proofs.flatMap((found, place) => (found === undefined ? [place] : []));
  const token = signMessage(
    proof,
    context,
    {
      nodeId: toHex(key.publicKey),
      challengeHash: challenge.hash,
      absent,
      digest: proofDigest(challenge.hash, proofs),
    },
    key,
  );
  const payload = Buffer.concat(proofs.flatMap((found) => (found === undefined ? [] : [found.leaf, found.path])));
  return {
    frame: encodeProofFrame(challenge.terms.challengeId, fromBase64Url(token), payload),
    lost: distinctShards(absent.map((place) => challenge.samples[place]!)),
  };
}

/** The tree over the groups; undefined when the shard is not there, or what is kept beside it is not its tree. */
async function levelsOf(reader: ShardReader, sample: Sample): Promise<Uint8Array[] | undefined> {
  const hashes = await reader.hashesOf(sample);
  if (hashes === undefined) return undefined;
  const groupCount = hashes.groupHashes.length / HASH_BYTES;
  if (groupCount !== groupCountOf(sample.lengthBytes)) throw otherLength(sample, groupCount * GROUP_BYTES);
  const levels = merkleLevels(hashes.groupHashes);
  return equalBytes(levels.at(-1)!, hashes.root) ? levels : undefined;
}

async function proveSample(reader: ShardReader, sample: Sample, levels: Uint8Array[]): Promise<LeafProof | undefined> {
  const groupIndex = Math.floor((sample.leafIndex * LEAF_BYTES) / GROUP_BYTES);
  const group = await reader.readGroup(sample, groupIndex);
  if (group?.length !== GROUP_BYTES) return undefined;
  try {
    return proveLeafOf(group, levels, sample.leafIndex);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'codec.damaged') return undefined;
    throw error;
  }
}

/** Of a list in a challenge's order. */
export const distinctShards = (samples: readonly Sample[]): ShardRef[] =>
  samples
    .filter((sample, at) => at === 0 || !sameShard(samples[at - 1]!, sample))
    .map(({ clientId, packId, shardIndex }) => ({ clientId, packId, shardIndex }));
