/** Verifies a proof frame against its challenge and the roots of the shards. Bounded by the challenge, never by the frame. */
import { toHex } from '../bytes.ts';
import { fail, HoldfastError } from '../errors.ts';
import { openMessage, type SigningContext } from '../message.ts';
import { type Fault, proof } from '../messages/challenges.ts';
import { sha256 } from './draws.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import { type LeafProof, verifyLeaf } from './leaf-proof.ts';
import { badArgument } from './merkle-tree.ts';
import { decodeProofFrame, malformed, proofDigest, splitPayload } from './proof-frame.ts';
import { otherLength, type Sample, sameShard, type ShardRef } from './samples.ts';

export interface FaultyShard extends ShardRef {
  readonly fault: Fault;
}

/** An answer that its node really gave to this challenge. */
export interface VerifiedProof {
  /** SHA-256 of the frame, 64 hex digits. */
  readonly proofHash: string;
  /** Shards of which some leaf was not shown or does not match its root; each once, in the challenge's order. */
  readonly faults: readonly FaultyShard[];
}

/** What a client signed about a shard. */
export interface ShardRecord {
  /** 32 bytes. */
  readonly root: Uint8Array;
  readonly lengthBytes: number;
}

/** Finds the record of a shard that a challenge names. */
export type RecordOf = (shard: ShardRef) => ShardRecord | undefined;

/**
 * A frame that is not this node's signed answer to this challenge is refused, and is no answer; one that is, but does not
 * show every leaf, has faults.
 * @param recordOf must know every shard of the challenge.
 * @throws HoldfastError `proof.malformed`, `proof.wrong-challenge`, `proof.invalid` (the frame is not what the node
 *   signed), `challenge.unfair` (a shard is of another length than the challenge says), `message.malformed`,
 *   `message.wrong-context`, `message.bad-signature`.
 */
export function verifyProof(
  context: SigningContext,
  challenge: OpenChallenge,
  frame: Uint8Array,
  recordOf: RecordOf,
): VerifiedProof {
  const { token, payload } = decodeProofFrame(challenge, frame);
  const signed = openMessage(proof, context, token);
  if (signed.challengeHash !== challenge.hash || signed.nodeId !== challenge.terms.nodeId) {
    throw fail('proof.wrong-challenge');
  }
  checkAbsent(signed.absent, challenge.samples.length);
  const proofs = splitPayload(challenge.samples, signed.absent, payload);
  if (proofDigest(challenge.hash, proofs) !== signed.digest) {
    throw fail('proof.invalid', { detail: 'leaves and paths are not those that were signed' });
  }
  return { proofHash: toHex(sha256(frame)), faults: findFaults(challenge.samples, proofs, recordOf) };
}

/** The leaf at a place of a frame that was verified; undefined for an absent one. */
export function shownLeaf(
  context: SigningContext,
  challenge: OpenChallenge,
  frame: Uint8Array,
  place: number,
): Uint8Array | undefined {
  const { token, payload } = decodeProofFrame(challenge, frame);
  const { absent } = openMessage(proof, context, token);
  return splitPayload(challenge.samples, absent, payload)[place]?.leaf;
}

function checkAbsent(absent: readonly number[], count: number): void {
  for (const [at, place] of absent.entries()) {
    if (place >= count || (at > 0 && place <= absent[at - 1]!)) throw malformed('its absent leaves are out of order');
  }
}

function findFaults(
  samples: readonly Sample[],
  proofs: readonly (LeafProof | undefined)[],
  recordOf: RecordOf,
): FaultyShard[] {
  const faults: FaultyShard[] = [];
  for (const [place, sample] of samples.entries()) {
    const { clientId, packId, shardIndex } = sample;
    const last = faults.at(-1);
    if (last !== undefined && sameShard(last, sample)) continue; // it is lost already
    const record = recordOf(sample);
    if (record === undefined) throw badArgument(`no record of shard ${shardIndex} of pack ${packId}.`);
    if (record.lengthBytes !== sample.lengthBytes) throw otherLength(sample, record.lengthBytes);
    const shown = proofs[place];
    const fault = shown === undefined ? 'absent' : matches(record.root, sample, shown) ? undefined : 'mismatch';
    if (fault !== undefined) faults.push({ clientId, packId, shardIndex, fault });
  }
  return faults;
}

function matches(root: Uint8Array, { lengthBytes, leafIndex }: Sample, shown: LeafProof): boolean {
  try {
    verifyLeaf(root, lengthBytes, leafIndex, shown);
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'proof.invalid') return false;
    throw error;
  }
}
