/** What publishing liabilities needs of a store. */
import type { CreditorKind, LiabilityPath, SumNode } from '@holdfast/protocol';

/** What one party is owed at one moment, in millisatoshi. Nobody is listed who is owed nothing. */
export interface Owed {
  readonly kind: CreditorKind;
  /** A client's id, or a node's. */
  readonly ownerId: string;
  /** Available to a client; earned by a node. */
  readonly freeMsat: bigint;
  /** Held and reserved for a client; withheld from a node. */
  readonly boundMsat: bigint;
  /** A withdrawal or a payout that is not final. */
  readonly inFlightMsat: bigint;
}

export interface OwedNow {
  /** All transfers of the ledger up to this one are in it, and none after. */
  readonly throughTransferNo: bigint;
  readonly owed: readonly Owed[];
}

export interface PublishedRoot {
  readonly sequence: number;
  /** A signed `liabilities-root`. */
  readonly token: string;
  readonly messageHash: string;
  readonly root: string;
  readonly totalMsat: bigint;
  readonly leafCount: number;
  readonly throughTransferNo: bigint;
  readonly madeAtMs: number;
}

export interface StoredLeaf extends Owed {
  readonly salt: string;
}

/** A tree with its leaves in order. */
export interface Tree {
  readonly leaves: readonly StoredLeaf[];
  readonly levels: readonly (readonly SumNode[])[];
}

export interface OwnProof extends StoredLeaf, LiabilityPath {}

export interface LiabilityStore {
  /** Exact: while it reads, nothing is booked. */
  owed(): Promise<OwedNow>;
  newest(): Promise<PublishedRoot | undefined>;
  find(sequence: number): Promise<PublishedRoot | undefined>;
  /** False when a root of this number is there already. */
  publish(root: PublishedRoot, tree: Tree): Promise<boolean>;
  /** Undefined: nothing is owed to it by this root. @throws HoldfastError `liabilities.unknown` when its tree is not kept any more */
  proof(sequence: number, kind: CreditorKind, ownerId: string): Promise<OwnProof | undefined>;
  /** Forgets the trees of older roots; the roots stay. Resolves to how many. */
  forgetTrees(madeBeforeMs: number): Promise<number>;
}
