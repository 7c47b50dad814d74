/** Challenges: which leaves a node has to show, the proof that it makes of them, and what is made of the proof. */
export { buildProof, type BuiltProof, type ShardHashes, type ShardReader } from './build-proof.ts';
export { checkDraw, type FollowedDraw, followDraw, type RevealedDraw } from './check-draw.ts';
export { recordsOfCommits } from './commit-records.ts';
export * from './derive-samples.ts';
export { type ChallengeTerms, issueChallenge, type OpenChallenge, openChallenge } from './issue-challenge.ts';
export { judgeAnswer, type Judgement, type Transcript, type Verdict, verifyTranscript } from './judge-answer.ts';
export {
  LEAF_BYTES,
  leafCountOf,
  type LeafProof,
  pathBytesOf,
  proveLeaf,
  shardRoot,
  verifyLeaf,
} from './leaf-proof.ts';
export { groupCountOf, HASH_BYTES, merkleLevels, merkleRoot } from './merkle-tree.ts';
export {
  challengeNonce,
  challengeOffsetMs,
  type NodePeriod,
  PERIOD_SECRET_BYTES,
  periodSecretHash,
} from './period-secret.ts';
export { challengeIdOfFrame, MAX_PROOF_FRAME_BYTES, maxProofFrameBytes } from './proof-frame.ts';
export { MAX_CARRIED_LEAVES, type Sample, shardKeyOf, type ShardRef, withCarried } from './samples.ts';
export {
  type FaultyShard,
  type RecordOf,
  type ShardRecord,
  shownLeaf,
  type VerifiedProof,
  verifyProof,
} from './verify-proof.ts';
