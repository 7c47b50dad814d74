/** What keeping vaults, uploads, packs and heads needs of a store. Every method that changes something is one transaction. */
import type { PackPolicy, UncommittedBytes } from '@holdfast/protocol';
import type { NodeRecord } from '../nodes/index.ts';
import type { Terms } from '../market/index.ts';

export interface VaultName {
  readonly clientId: string;
  readonly vaultId: string;
}

/** What a vault's mandate says of its nodes. */
export type MandatedTerms = Required<Pick<Terms, 'maxPriceSatPerTbMonth' | 'regions' | 'avoidOperators'>>;

export interface VaultRecord extends VaultName {
  readonly policy: PackPolicy;
  /** It was opened with these; they count until its first mandate. */
  readonly terms: Terms;
  readonly packCount: number;
  /** Of all shards. */
  readonly storedBytes: number;
  readonly createdAtMs: number;
  readonly headSequence?: number;
}

export interface VaultStore {
  /** Opens the vault; one that exists stays as it is. */
  create(vault: VaultName & { policy: PackPolicy; terms: Terms; createdAtMs: number }): Promise<void>;
  find(name: VaultName): Promise<VaultRecord | undefined>;
  /** Oldest first. */
  list(clientId: string): Promise<VaultRecord[]>;
}

export interface NewUpload extends VaultName {
  readonly uploadId: string;
  readonly nodeIds: readonly string[];
  readonly quotaBytesPerNode: number;
  readonly openedAtMs: number;
  readonly expiresAtMs: number;
}

/** Due work on uploads found by a pass of housekeeping. */
export interface UploadTimes {
  readonly nowMs: number;
  /** Open uploads that expired up to then are ended. */
  readonly endExpiredBeforeMs: number;
  /** Uploads that expired up to then are discarded. */
  readonly discardExpiredBeforeMs: number;
}

export interface UploadStore {
  /**
   * Reserves space and money for every node and opens the upload, or changes nothing: `no-space` when a node has not enough
   * left any more.
   * @throws HoldfastError `mandate.*`, `money.insufficient`
   */
  open(upload: NewUpload): Promise<NodeRecord[] | 'no-space'>;
  /** Ends all open uploads of the vault but the newest `kept`, and those not committed to since then. Resolves to how many. */
  endSurplus(name: VaultName, surplus: { kept: number; idleSinceMs: number; nowMs: number }): Promise<number>;
  /** Ends the upload and releases what it did not use. Resolves to its nodes as they are then; undefined when the vault has no such upload. */
  end(name: VaultName & { uploadId: string }, nowMs: number): Promise<NodeRecord[] | undefined>;
  /**
   * Ends what has expired, orders the deletion of what was never committed, and settles what the nodes have answered for or
   * had their time to. Resolves to how many of each.
   */
  sweep(times: UploadTimes): Promise<{ ended: number; discarded: number; settled: number }>;
  /** What that node says of uploads that it was told to discard; its first answer counts, within what was granted there. */
  noteUncommitted(nodeId: string, uncommitted: readonly UncommittedBytes[], nowMs: number): Promise<void>;
}

/** A pack whose signatures and receipts were checked. */
export interface CheckedPack {
  readonly packId: string;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  readonly commitHash: string;
  readonly commitToken: string;
  readonly sealedMaskKey: Uint8Array;
  /** By shard index. */
  readonly shards: readonly {
    readonly nodeId: string;
    readonly root: string;
    readonly receivedAtMs: number;
    readonly receiptSignature: Uint8Array;
  }[];
}

export interface PackPlaces {
  readonly packId: string;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  /** By shard index. */
  readonly shards: readonly { readonly nodeId: string; readonly root: string; readonly isLost: boolean }[];
}

export interface PackStore {
  /**
   * Commits all packs or none; those committed before with the same contents change nothing.
   * @throws HoldfastError `vault.unknown`, `upload.unknown`, `upload.expired`, `upload.quota-exceeded`, `pack.conflict`, `pack.bad-commit`, `node.full`, `money.insufficient`
   */
  commit(
    name: VaultName & { uploadId: string },
    packs: readonly CheckedPack[],
    times: { nowMs: number; endExpiredBeforeMs: number },
  ): Promise<void>;
  /** Drops those packs that the vault has. Resolves to those, and those that it had dropped before. */
  drop(name: VaultName, packIds: readonly string[], nowMs: number): Promise<string[]>;
  /** By id; after the pack named `after`. */
  list(name: VaultName, page: { after?: string; limit: number }): Promise<string[]>;
  locate(name: VaultName, packIds: readonly string[]): Promise<{ packs: PackPlaces[]; nodes: NodeRecord[] }>;
}

export interface HeadRecord {
  readonly sequence: number;
  readonly headHash: string;
  readonly head: string;
}

export interface HeadStore {
  find(name: VaultName): Promise<HeadRecord | undefined>;
  /** Moves the head if the one there has that hash (and sequence one lower), or there is none and the sequence is 1. False otherwise. */
  move(name: VaultName, head: HeadRecord & { previousHash: string }, nowMs: number): Promise<boolean>;
}
