/** Messages of a challenge: what a period is committed to, the challenge, the proof, the verdict, a node's report of losses. */
import { choice, hex, list, record, u16, u32, u64, u8 } from '../canonical.ts';
import { messageType } from '../message.ts';

/** Leaves in one challenge at most, asked-again ones included. */
export const MAX_CHALLENGE_LEAVES = 4096;
/** Shards in one loss report at most. */
export const MAX_REPORTED_LOSSES = 1000;

/**
 * Published by the mediator before the period begins; the secret itself follows after the period, so that anybody can
 * derive every challenge again (challenge/period-secret.ts).
 */
export const periodCommitment = messageType({
  tag: 'period-commitment',
  version: 1,
  body: record({ periodStartMs: u64, periodMs: u64, secretHash: hex(32) }),
  signer: (_, context) => context.mediatorId,
});

export const SAMPLE_REASONS = ['drawn', 'agreement', 'carried'] as const;
/**
 * Why a leaf is asked for: `drawn` from all bytes of the node; for an `agreement` that none of those hit; `carried` over
 * from a challenge that was not answered.
 */
export type SampleReason = (typeof SAMPLE_REASONS)[number];

const leaf = record({ leafIndex: u16, reason: choice(...SAMPLE_REASONS) });
const sampledShard = record({
  packId: hex(32),
  shardIndex: u8,
  lengthBytes: u32,
  /** Where its first leaf lies on the node's line, so that a drawn leaf shows which number it was drawn by; else 0. */
  lineStart: u64,
  leaves: list(leaf, MAX_CHALLENGE_LEAVES),
});
const sampledClient = record({ clientId: hex(32), shards: list(sampledShard, MAX_CHALLENGE_LEAVES) });

/** Which leaves a node has to show, by when. Clients, shards and leaves are each in strictly ascending order. */
export const challenge = messageType({
  tag: 'challenge',
  version: 1,
  body: record({
    challengeId: hex(16),
    nodeId: hex(32),
    periodStartMs: u64,
    periodMs: u64,
    issuedAtMs: u64,
    deadlineAtMs: u64,
    /** Of the period's commitment. */
    secretHash: hex(32),
    nonce: hex(32),
    /** Which line of the node's shards the leaves were drawn from, and how many leaves long it was. */
    lineEpoch: u32,
    lineLeaves: u64,
    clients: list(sampledClient, MAX_CHALLENGE_LEAVES),
  }),
  signer: (_, context) => context.mediatorId,
  maxTokenLength: 524_288,
});

/** The node's signature on its answer; leaves and paths travel behind it in the proof frame. */
export const proof = messageType({
  tag: 'proof',
  version: 1,
  body: record({
    nodeId: hex(32),
    /** messageHash of the challenge. */
    challengeHash: hex(32),
    /** Places in the challenge's order, ascending, of the leaves that the node cannot show: it admits those losses. */
    absent: list(u16, MAX_CHALLENGE_LEAVES),
    /** SHA-256 over the challenge's hash, the leaves and the paths. */
    digest: hex(32),
  }),
  signer: (body) => body.nodeId,
  maxTokenLength: 16_384,
});

export const OUTCOMES = ['passed', 'failed', 'missed'] as const;
/** `failed`: some shard is lost; `missed`: no answer by the deadline, which says nothing about what the node holds. */
export type Outcome = (typeof OUTCOMES)[number];

export const FAULTS = ['absent', 'mismatch', 'late-report'] as const;
/**
 * How a shard was found lost: the node admitted it in its answer, showed a leaf or path that does not match the root, or
 * reported the loss when it had already been asked for the shard.
 */
export type Fault = (typeof FAULTS)[number];

const faultyShard = record({ clientId: hex(32), packId: hex(32), shardIndex: u8, fault: choice(...FAULTS) });

/** What the mediator made of an answer, or of none. */
export const verdict = messageType({
  tag: 'verdict',
  version: 1,
  body: record({
    nodeId: hex(32),
    challengeHash: hex(32),
    outcome: choice(...OUTCOMES),
    /** SHA-256 of the proof frame; zeros without one. */
    proofHash: hex(32),
    judgedAtMs: u64,
    /** The shards that are lost, each once, in the challenge's order. */
    faults: list(faultyShard, MAX_CHALLENGE_LEAVES),
  }),
  signer: (_, context) => context.mediatorId,
  maxTokenLength: 524_288,
});

/** A node's own word that it lost these shards. */
export const lossReport = messageType({
  tag: 'loss-report',
  version: 1,
  body: record({
    nodeId: hex(32),
    reportedAtMs: u64,
    shards: list(record({ clientId: hex(32), packId: hex(32), shardIndex: u8 }), MAX_REPORTED_LOSSES),
  }),
  signer: (body) => body.nodeId,
  maxTokenLength: 131_072,
});
