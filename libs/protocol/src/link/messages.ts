/** What node and mediator say to each other over their link: text messages of one JSON object each, named by `type`. */
import type { ErrorParams } from '../errors.ts';

/** How the node is, and the last order whose effects are durable there (0: none). */
export interface NodeFigures {
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly carriedOutOrder: number;
}

/** The first word of a node. */
export interface Hello extends NodeFigures {
  readonly type: 'hello';
  readonly protocol: number;
  readonly version: string;
}

/** Answered by `orders` of the same `beat`, or `refused`. */
export interface Heartbeat extends NodeFigures {
  readonly type: 'heartbeat';
  /** Counts up from 1. */
  readonly beat: number;
}

/** What lay at the node of an upload that it was told to discard, without ever being committed. */
export interface UncommittedBytes {
  readonly uploadId: string;
  readonly sizeBytes: number;
  /** For how long, on average over those bytes. */
  readonly lainMs: number;
}

/** All orders up to this one are durable. Where it says what uploads left, answered by `noted` or `refused` of that order. */
export interface CarriedOut {
  readonly type: 'carried-out';
  readonly order: number;
  /** Of each upload discarded so far that the mediator has not noted yet; the same again changes nothing. */
  readonly uncommitted: readonly UncommittedBytes[];
}

/** A signed `loss-report`. Answered by `noted` or `refused` of its hash. */
export interface LossReportMessage {
  readonly type: 'loss-report';
  readonly token: string;
}

/** A signed `agreement` or `amendment`. Answered by `noted` or `refused` of its hash. */
export interface SignedMessage {
  readonly type: 'signed';
  readonly what: 'agreement' | 'amendment';
  readonly token: string;
}

export type FromNode = Hello | Heartbeat | CarriedOut | LossReportMessage | SignedMessage;

/** Numbered for each node; carrying one out twice changes nothing. */
export type LinkOrder =
  | {
      readonly order: number;
      /** `committed`: these count from now on, keep them. `delete`: these were dropped. */
      readonly kind: 'committed' | 'delete';
      readonly clientId: string;
      /** Pack and index. */
      readonly shards: readonly (readonly [packId: string, shardIndex: number])[];
    }
  /** The upload ended: delete its shards that no `committed` order named. */
  | { readonly order: number; readonly kind: 'discard-upload'; readonly uploadId: string };

/** Answers `hello`. */
export interface Welcome {
  readonly type: 'welcome';
  readonly timeMs: number;
  /** A node that is silent for several times as long counts as offline. */
  readonly heartbeatMs: number;
  readonly periodMs: number;
}

/** Those after the last one that was carried out, oldest first; not necessarily all. */
export interface OrdersMessage {
  readonly type: 'orders';
  /** Of the heartbeat that this answers; 0 when the mediator speaks first. */
  readonly beat: number;
  readonly orders: readonly LinkOrder[];
}

/** A signed `challenge`, answered by a binary message: a proof frame. */
export interface ChallengeMessage {
  readonly type: 'challenge';
  readonly token: string;
}

/** The proof arrived in time and is kept; what it is worth says the verdict. */
export interface Accepted {
  readonly type: 'accepted';
  readonly challengeId: string;
  /** SHA-256 of the frame. */
  readonly proofHash: string;
}

/** A signed `verdict`. */
export interface VerdictMessage {
  readonly type: 'verdict';
  readonly token: string;
}

/** What a node is asked to sign as an `agreement`, but for the time of signing. */
export interface AgreementToSign {
  readonly agreementId: string;
  readonly clientId: string;
  readonly vaultId: string;
  readonly mandateHash: string;
  readonly priceSatPerTbMonth: bigint;
  readonly commissionPpm: number;
  readonly periodMs: number;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
}

/** What a node is asked to sign as an `amendment`. */
export interface AmendmentToSign {
  readonly agreementId: string;
  /** Whose data it is about, so that the node can compare it with what it holds. */
  readonly clientId: string;
  readonly effectiveAtMs: number;
  readonly storedBytes: number;
}

export interface SignRequest {
  readonly type: 'sign';
  readonly agreements: readonly AgreementToSign[];
  readonly amendments: readonly AmendmentToSign[];
}

/** What the node said was taken and is durable. */
export interface Noted {
  readonly type: 'noted';
  /** messageHash of a token, or the name of an order that was carried out. */
  readonly of: string;
}

/** A message was understood and refused. */
export interface Refused {
  readonly type: 'refused';
  /** messageHash of a token, id of a challenge, the name of an order that was carried out, or the number of a heartbeat. */
  readonly of: string;
  /** Of the error catalogue. */
  readonly code: string;
  readonly params: Readonly<Record<string, string>>;
}

/** The last word before the mediator closes the link. */
export interface Bye {
  readonly type: 'bye';
  /** Of the error catalogue. */
  readonly code: string;
  readonly params: Readonly<Record<string, string>>;
}

export type ToNode =
  | Welcome
  | OrdersMessage
  | ChallengeMessage
  | Accepted
  | VerdictMessage
  | SignRequest
  | Noted
  | Refused
  | Bye;

/** Which heartbeat a `refused` names. */
export const beatName = (beat: number): string => String(beat);
/** Which order that was carried out a `noted` or `refused` names. */
export const orderName = (order: number): string => `order ${order}`;

export const textsOf = (params: ErrorParams): Record<string, string> =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value).slice(0, 300)]));
