/**
 * A proof as one binary frame: a fixed head, the node's signed `proof` message, then leaf and path of each leaf shown, in
 * the challenge's order. All lengths follow from the challenge, so a receiver knows the frame's size before it reads it.
 */
import { toBase64Url, toHex } from '../bytes.ts';
import { fail, type HoldfastError } from '../errors.ts';
import { MAX_SHARD_BYTES } from '../limits.ts';
import { MAX_CHALLENGE_LEAVES } from '../messages/challenges.ts';
import { sha256 } from './draws.ts';
import { LEAF_BYTES, type LeafProof, pathBytesOf } from './leaf-proof.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import type { Sample } from './samples.ts';

const MAGIC = Buffer.from('HFPROOF', 'latin1');
const VERSION = 1;
const CHALLENGE_ID_AT = 8;
const TOKEN_LENGTH_AT = 24;
/** Magic, version, challenge id (16), length of the proof message (2). */
const HEAD_BYTES = 26;
/** Of a proof message with all of a challenge's leaves absent, and then some. */
const MAX_MESSAGE_BYTES = 8704;

/** The longest frame that any challenge can ask for: the bound of a connection that does not know the challenge yet. */
export const MAX_PROOF_FRAME_BYTES =
  HEAD_BYTES +
  MAX_MESSAGE_BYTES +
  MAX_CHALLENGE_LEAVES * (LEAF_BYTES + pathBytesOf(MAX_SHARD_BYTES, MAX_SHARD_BYTES / LEAF_BYTES - 1));

/** What lies in a frame, not yet verified. */
export interface ProofFrame {
  /** The node's signed message. */
  readonly token: string;
  /** Leaves and paths of those shown. */
  readonly payload: Uint8Array;
}

/** Bytes of one leaf and its path in a frame. */
export const sampleBytesOf = ({ lengthBytes, leafIndex }: Sample): number =>
  LEAF_BYTES + pathBytesOf(lengthBytes, leafIndex);

/** A frame that answers this challenge is at most so long: refuse a longer one unread. */
export const maxProofFrameBytes = ({ samples }: OpenChallenge): number =>
  HEAD_BYTES + MAX_MESSAGE_BYTES + samples.reduce((sum, sample) => sum + sampleBytesOf(sample), 0);

/**
 * Which challenge a frame says it answers (32 hex digits), so that its receiver can find that challenge.
 * @throws HoldfastError `proof.malformed` when it is no frame of this version.
 */
export function challengeIdOfFrame(frame: Uint8Array): string {
  if (frame.length < HEAD_BYTES) throw malformed('it ends too early');
  if (Buffer.compare(frame.subarray(0, MAGIC.length), MAGIC) !== 0) throw malformed('it is none');
  if (frame[MAGIC.length] !== VERSION) throw malformed(`version ${frame[MAGIC.length]} is not known`);
  return toHex(frame.subarray(CHALLENGE_ID_AT, TOKEN_LENGTH_AT));
}

export function encodeProofFrame(
  challengeId: string,
  message: Uint8Array,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(HEAD_BYTES + message.length + payload.length);
  frame.set(MAGIC);
  frame[MAGIC.length] = VERSION;
  frame.set(Buffer.from(challengeId, 'hex'), CHALLENGE_ID_AT);
  new DataView(frame.buffer).setUint16(TOKEN_LENGTH_AT, message.length);
  frame.set(message, HEAD_BYTES);
  frame.set(payload, HEAD_BYTES + message.length);
  return frame;
}

/** @throws HoldfastError `proof.malformed`, `proof.wrong-challenge` */
export function decodeProofFrame(challenge: OpenChallenge, frame: Uint8Array): ProofFrame {
  const maxBytes = maxProofFrameBytes(challenge);
  if (frame.length > maxBytes) throw malformed(`${frame.length} bytes are more than ${maxBytes}`);
  if (challengeIdOfFrame(frame) !== challenge.terms.challengeId) throw fail('proof.wrong-challenge');
  const messageBytes = (frame[TOKEN_LENGTH_AT]! << 8) | frame[TOKEN_LENGTH_AT + 1]!;
  if (messageBytes > MAX_MESSAGE_BYTES) throw malformed(`a message of ${messageBytes} bytes`);
  if (frame.length < HEAD_BYTES + messageBytes) throw malformed('it ends too early');
  const token = toBase64Url(frame.subarray(HEAD_BYTES, HEAD_BYTES + messageBytes));
  return { token, payload: frame.subarray(HEAD_BYTES + messageBytes) };
}

/**
 * Cuts the payload into leaves and paths, undefined for each absent one.
 * @throws HoldfastError `proof.malformed` unless its length is just what the challenge and the absent ones make it.
 */
export function splitPayload(
  samples: readonly Sample[],
  absent: readonly number[],
  payload: Uint8Array,
): (LeafProof | undefined)[] {
  const missing = new Set(absent);
  let at = 0;
  const proofs = samples.map((sample, place) => {
    if (missing.has(place)) return undefined;
    const start = at;
    at += sampleBytesOf(sample);
    return { leaf: payload.subarray(start, start + LEAF_BYTES), path: payload.subarray(start + LEAF_BYTES, at) };
  });
  if (at !== payload.length) throw malformed(`${payload.length} bytes of leaves and paths instead of ${at}`);
  return proofs;
}

/** What the node signs: the challenge's hash with every leaf and path behind its length, zero for an absent one. */
export function proofDigest(challengeHash: string, proofs: readonly (LeafProof | undefined)[]): string {
  const parts: Uint8Array[] = [];
  for (const proof of proofs) {
    for (const bytes of proof === undefined ? [NOTHING, NOTHING] : [proof.leaf, proof.path]) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      parts.push(length, bytes);
    }
  }
  return toHex(sha256('holdfast proof v1\0', Buffer.from(challengeHash, 'hex'), ...parts));
}

const NOTHING = new Uint8Array(0);

export const malformed = (detail: string): HoldfastError => fail('proof.malformed', { detail });
