/** What challenges need of a store, of the archive of frames, and of the nodes' data addresses. */
import type { DueAgreement, FaultyShard, Outcome, Sample, ShardLines, ShardRef } from '@holdfast/protocol';
import type { Verdict as Settling } from '../ledger/index.ts';
import type { NodeStanding } from '../nodes/index.ts';
import type { Reputation } from '../reputation/index.ts';

/** A period that was committed to. */
export interface CommittedPeriod {
  readonly period: number;
  readonly startsAtMs: number;
  readonly periodMs: number;
  readonly secretHash: string;
  /** Token. */
  readonly commitment: string;
  readonly committedAtMs: number;
  readonly sealedSecret: Uint8Array;
}

export interface PeriodRecord extends CommittedPeriod {
  readonly isPlanned: boolean;
  /** 64 hex digits, once it is in the open. */
  readonly secret?: string;
}

export interface PlannedChallenge {
  readonly challengeId: string;
  readonly nodeNo: number;
  readonly dueAtMs: number;
}

/** A challenge whose moment has come, with the node's lines as they are now. Locked until it is issued. */
export interface DueChallenge {
  readonly challengeId: string;
  readonly nodeId: string;
  readonly period: number;
  readonly lineEpoch: number;
  readonly lineLeaves: number;
  /** All agreements of the node; the first to be asked come first. */
  agreements(periodsPerDay: number): Promise<readonly DueAgreement[]>;
  readonly lines: ShardLines;
  /** Asked for and never answered, the oldest first. */
  readonly carried: readonly Sample[];
  readonly standing: NodeStanding;
  readonly reputation: Reputation;
  /** Whether a heartbeat came lately. */
  readonly isOnline: boolean;
}

export type Issue =
  | {
      readonly kind: 'issued';
      readonly token: string;
      readonly issuedAtMs: number;
      readonly deadlineAtMs: number;
      /** Different shards with a fresh leaf. */
      readonly shardsAsked: number;
      readonly samples: readonly Sample[];
    }
  /** Nothing to ask for. */
  | { readonly kind: 'idle'; readonly closing: Closing }
  | { readonly kind: 'void'; readonly closing: Closing };

export type VoidReason = 'not-asked' | 'outage' | 'dropped' | 'unfair';

/** What the end of a node's period brings: all of it becomes true at once, or none. */
export interface Closing {
  readonly outcome?: Outcome;
  readonly voidReason?: VoidReason;
  /** Token; of outcomes only. */
  readonly verdict?: string;
  /** Shards that are lost by it. */
  readonly lost: readonly FaultyShard[];
  /** `answered`: these leaves are not carried any more; `unanswered`: they are; undefined: nothing was asked. */
  readonly leaves?: { readonly samples: readonly Sample[]; readonly were: 'answered' | 'unanswered' };
  readonly settleAs: Settling;
  /** Undefined: the period says nothing about the node. */
  readonly reputation?: Reputation;
  readonly standing: NodeStanding;
  /** In sentences, where the standing changes. */
  readonly reasons: readonly string[];
  /** How long the frame is kept. */
  readonly keepFrameMs: number;
}

/** All that a verdict follows from. Locked until it is judged. */
export interface AnswerFacts {
  readonly challengeId: string;
  readonly nodeId: string;
  readonly period: number;
  /** Token. */
  readonly challenge: string;
  readonly shardsAsked: number;
  readonly answer?: { readonly proofHash: string; readonly faults: readonly FaultyShard[] };
  /** Late loss reports that no verdict counted yet. */
  readonly reportedLate: readonly ShardRef[];
  /** Of the shards asked for: those that their clients dropped meanwhile (shardKeyOf). */
  readonly dropped: ReadonlySet<string>;
  /** Whether a part of the mediator was away between issue and deadline. */
  readonly hadOutage: boolean;
  readonly standing: NodeStanding;
  readonly reputation: Reputation;
  /** By the newest retrieval check. */
  readonly isServing: boolean;
}

export interface AskedChallenge {
  readonly challengeId: string;
  /** Token. */
  readonly challenge: string;
  readonly deadlineAtMs: number;
  readonly state: 'open' | 'answered' | 'closed';
  readonly proofHash?: string;
  /** 32 bytes for each different shard, in the challenge's order; absent once closed. */
  readonly roots?: Uint8Array;
}

/** A leaf that a node showed, to be compared with what it serves. */
export interface RetrievalProbe extends ShardRef {
  readonly lengthBytes: number;
  readonly leafIndex: number;
  /** SHA-256, 64 hex digits. */
  readonly leafHash: string;
}

/** A shard that lies at a node, and what it must be. */
export interface DrawnShard extends ShardRef {
  readonly lengthBytes: number;
  /** 64 hex digits. */
  readonly root: string;
}

export interface RetrievalTarget {
  readonly nodeId: string;
  readonly addresses: readonly string[];
  readonly probe: RetrievalProbe;
  /** Any shard of the node, drawn by bytes; absent when the draw fell into a hole. */
  readonly drawn?: DrawnShard;
}

export type RetrievalOutcome = 'served' | 'refused' | 'unreachable' | 'wrong';

export interface RetrievalResult {
  /** What was read, or not. */
  readonly shard: ShardRef;
  readonly outcome: RetrievalOutcome;
  /** For the operator, empty when all was well. */
  readonly detail: string;
  readonly fromByte: number;
  readonly lengthBytes: number;
  readonly checkedAtMs: number;
  readonly nextCheckAtMs: number;
}

export interface ChallengeRecord {
  readonly challengeId: string;
  readonly nodeId: string;
  readonly period: number;
  readonly state: 'planned' | 'open' | 'answered' | 'judged' | 'void';
  readonly outcome?: Outcome;
  readonly voidReason?: VoidReason;
  readonly issuedAtMs?: number;
  readonly deadlineAtMs?: number;
  readonly answeredAtMs?: number;
  readonly judgedAtMs?: number;
  readonly proofHash?: string;
  readonly shardsAsked: number;
  readonly shardsLost: number;
  readonly hasFrame: boolean;
}

/** Everything of a challenge that lies in the database. */
export interface Evidence extends ChallengeRecord {
  readonly challenge?: string;
  readonly verdict?: string;
  readonly lossReports: readonly string[];
  readonly commitment: string;
  readonly secret?: string;
}

export interface NodeReputation {
  readonly standing: NodeStanding;
  readonly reputation: Reputation;
  readonly lastPeriod: number;
  readonly isServing: boolean;
}

/** Every method that changes something is one transaction; those with a function run it inside. */
export interface ChallengeStore {
  commitPeriods(periods: readonly CommittedPeriod[]): Promise<void>;
  /** From and up to but without `until`, in order. */
  listPeriods(from: number, until: number): Promise<PeriodRecord[]>;
  /** Nodes that ever had shards. */
  nodesToPlan(): Promise<{ nodeNo: number; nodeId: string }[]>;
  plan(period: number, challenges: readonly PlannedChallenge[], nowMs: number): Promise<void>;
  /** Those before that period whose challenges are all closed and whose secret is not in the open yet. */
  listToReveal(beforePeriod: number): Promise<PeriodRecord[]>;
  reveal(period: number, secret: string): Promise<void>;

  /** Takes one due challenge that no other process has. False when there is none. */
  issueNext(times: IssueTimes, issue: (due: DueChallenge) => Promise<Issue>): Promise<boolean>;
  /** The node's challenge, if it was ever issued. */
  findAsked(nodeId: string, challengeId: string): Promise<AskedChallenge | undefined>;
  listOpen(nodeId: string, nowMs: number): Promise<{ challengeId: string; token: string }[]>;
  /** False when it is answered or closed, or the deadline is over. */
  storeAnswer(challengeId: string, answer: StoredAnswer): Promise<boolean>;
  /** Closes a challenge that nobody can answer. */
  voidUnfair(challengeId: string, nowMs: number): Promise<void>;
  /** Takes one challenge that is answered or whose deadline is over. False when there is none. */
  judgeNext(nowMs: number, judge: (facts: AnswerFacts) => Closing): Promise<boolean>;
  /** Settles as void what lies before `beforePeriod` and was never challenged. Resolves to the number of node periods. */
  voidUnasked(beforePeriod: number, nowMs: number): Promise<number>;

  /** Keeps the report, marks its shards lost, and notes those that had been asked for. Resolves to how many are newly lost. */
  reportLosses(report: LossReport, nowMs: number): Promise<number>;

  /** Resolves to the outage that ends now, if it was longer than `outageMs`. */
  noteAlive(part: 'scheduler' | 'link', nowMs: number, outageMs: number): Promise<{ fromMs: number } | undefined>;

  /** @param place from 0 up to and without 1: where on each node's line a shard is drawn. */
  listToCheck(nowMs: number, limit: number, place: number): Promise<RetrievalTarget[]>;
  /** Also puts off the next check. A shard that was dropped or lost meanwhile says nothing about the node. */
  storeCheck(target: RetrievalTarget, result: RetrievalResult): Promise<void>;

  listVerdicts(
    nodeId: string,
    page: { afterMs: number; limit: number },
  ): Promise<{ challengeId: string; token: string; judgedAtMs: number }[]>;
  /** Newest first. */
  list(nodeId: string, page: { beforePeriod?: number; limit: number }): Promise<ChallengeRecord[]>;
  findEvidence(challengeId: string): Promise<Evidence | undefined>;
  /** Tokens of the `pack-commit`s of those that are still there. */
  findCommits(packs: readonly { readonly clientId: string; readonly packId: string }[]): Promise<string[]>;
  findReputation(nodeId: string): Promise<NodeReputation | undefined>;
  /** Challenges whose frame is not kept any longer. */
  listFramesToForget(nowMs: number, limit: number): Promise<{ challengeId: string; period: number }[]>;
  forgetFrames(challengeIds: readonly string[]): Promise<void>;
  /** Forgets events and retrieval checks from before then. Resolves to how many. */
  forgetNews(beforeMs: number): Promise<number>;
}

export interface IssueTimes {
  readonly nowMs: number;
  readonly offlineAfterMs: number;
}

export interface StoredAnswer {
  readonly proofHash: string;
  readonly faults: readonly FaultyShard[];
  readonly answeredAtMs: number;
  /** A leaf that was shown. */
  readonly probe?: RetrievalProbe;
}

export interface LossReport {
  readonly nodeId: string;
  readonly token: string;
  readonly reportHash: string;
  readonly shards: readonly ShardRef[];
}

/** Keeps proof frames outside of the database. */
export interface FrameArchive {
  /** Durable when it resolves. */
  put(name: FrameName, frame: Uint8Array): Promise<void>;
  get(name: FrameName): Promise<Uint8Array | undefined>;
  delete(name: FrameName): Promise<void>;
}
export interface FrameName {
  readonly challengeId: string;
  readonly period: number;
}

export interface ByteRange {
  readonly fromByte: number;
  readonly lengthBytes: number;
}

/** Reads a shard at a node's data address, all under one grant, just as a client would. */
export type ReadShard = (read: {
  readonly nodeId: string;
  readonly address: string;
  readonly shard: ShardRef;
  readonly shardLengthBytes: number;
  /** One request each; undefined: the whole shard. */
  readonly ranges?: readonly ByteRange[];
}) => Promise<
  | { readonly kind: 'bytes'; readonly parts: readonly Uint8Array[] }
  | { readonly kind: 'refused' | 'unreachable' | 'wrong'; readonly detail: string }
>;

/** Wakes who does the work that lies in rows: nothing is lost when nobody hears it. */
export type Wake = (work: 'judge') => void;

export type { NodeStanding };
