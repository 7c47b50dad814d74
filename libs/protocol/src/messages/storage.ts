/** Messages about stored data: grant, receipt, commit (which is also the shard map), drop, head. */
import { blob, choice, hex, list, record, u64, u8 } from '../canonical.ts';
import { MAX_HEAD_BYTES, MAX_SHARDS } from '../limits.ts';
import { messageType } from '../message.ts';
import { shardPlace } from './identities.ts';

export const GRANT_VERBS = ['put', 'get', 'delete'] as const;
export type GrantVerb = (typeof GRANT_VERBS)[number];

/**
 * What the mediator allows `holder` to do at one node with the shards of client `clientId`.
 * `packIds` empty: any pack of that client (for `put`: any new pack). A delete always names its packs.
 */
export const grant = messageType({
  tag: 'grant',
  version: 1,
  body: record({
    verb: choice(...GRANT_VERBS),
    clientId: hex(32),
    holder: hex(32),
    nodeId: hex(32),
    /** The upload that it belongs to; zeros for `get` and `delete`. */
    uploadId: hex(16),
    packIds: list(hex(32), 1000),
    /** Bytes that may be written (put) or read (get) in all. */
    quotaBytes: u64,
    issuedAtMs: u64,
    expiresAtMs: u64,
  }),
  signer: (_, context) => context.mediatorId,
  maxTokenLength: 65_536,
});

/**
 * Keys that a client made to read with, once: get grants name them as holders, so that a node never learns from a
 * request who reads, and cannot tell a client's read from a retrieval check.
 */
export const readKeys = messageType({
  tag: 'read-keys',
  version: 1,
  body: record({ clientId: hex(32), keys: list(hex(32), 64), signedAtMs: u64 }),
  signer: (body) => body.clientId,
});

/** A node's word that it holds a shard durably; the root is the one that the node computed while writing. */
export const receipt = messageType({
  tag: 'receipt',
  version: 1,
  body: record({
    nodeId: hex(32),
    clientId: hex(32),
    uploadId: hex(16),
    packId: hex(32),
    shardIndex: u8,
    lengthBytes: u64,
    root: hex(32),
    receivedAtMs: u64,
  }),
  signer: (body) => body.nodeId,
});

/** A client's word on one pack: where its shards are and what they hash to. Its copy at the nodes is the shard map. */
export const packCommit = messageType({
  tag: 'pack-commit',
  version: 1,
  body: record({
    clientId: hex(32),
    vaultId: hex(16),
    packId: hex(32),
    dataShards: u8,
    parityShards: u8,
    shardLengthBytes: u64,
    /** SHA-256 of the pack's 32-byte mask key, which travels beside the commit to the mediator only. */
    maskKeyHash: hex(32),
    /** By shard index, dataShards + parityShards entries. */
    shards: list(shardPlace, MAX_SHARDS),
  }),
  signer: (body) => body.clientId,
});

/** The client no longer needs these packs; their shards may be deleted. */
export const packDrop = messageType({
  tag: 'pack-drop',
  version: 1,
  body: record({ clientId: hex(32), vaultId: hex(16), packIds: list(hex(32), 1000), signedAtMs: u64 }),
  signer: (body) => body.clientId,
  maxTokenLength: 65_536,
});

/** The newest state of a vault: sealed content (docs/format.md, Head), a sequence that never goes back, a chain of hashes. */
export const vaultHead = messageType({
  tag: 'vault-head',
  version: 1,
  body: record({
    clientId: hex(32),
    vaultId: hex(16),
    /** 1 for the first head. */
    sequence: u64,
    /** messageHash of the head before; zeros for the first. */
    previousHash: hex(32),
    writtenAtMs: u64,
    sealed: blob(MAX_HEAD_BYTES),
  }),
  signer: (body) => body.clientId,
  maxTokenLength: 131_072,
});
