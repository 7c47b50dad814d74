/** Messages by which a party says who it is: sign-in, the registration of a node, and the signature on a request. */
import { amount, choice, hex, list, record, text, u64 } from '../canonical.ts';
import { messageType } from '../message.ts';

export const ROLES = ['client', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Signed by the party that signs in; `nonce` came from the mediator. */
export const signIn = messageType({
  tag: 'sign-in',
  version: 1,
  body: record({ publicKey: hex(32), role: choice(...ROLES), nonce: hex(32), signedAtMs: u64 }),
  signer: (body) => body.publicKey,
});

/** A node's standing offer and where it can be reached; signed by the node. */
export const nodeRegistration = messageType({
  tag: 'node-registration',
  version: 1,
  body: record({
    nodeId: hex(32),
    /** Who runs it: a name of the operator's choice, the same on all of the operator's nodes. */
    operator: text(64),
    /** `host:port`, best first. */
    addresses: list(text(255), 8),
    region: text(32),
    priceSatPerTbMonth: amount,
    /** 0: restores are free. */
    egressSatPerTb: amount,
    capacityBytes: u64,
    /** SHA-256 of the DER certificate signing request, so that the TLS key is bound to the identity. */
    csrHash: hex(32),
    signedAtMs: u64,
  }),
  signer: (body) => body.nodeId,
});

/** Signed by the holder of a grant, one per HTTP request to a node: a grant is no bearer token. */
export const signedRequest = messageType({
  tag: 'request',
  version: 1,
  body: record({
    holder: hex(32),
    nodeId: hex(32),
    /** messageHash of the grant. */
    grantHash: hex(32),
    method: choice('PUT', 'GET', 'HEAD', 'DELETE', 'POST'),
    /** Path and query as sent. */
    path: text(512),
    /** Length of the body, 0 without one. */
    contentLength: u64,
    /** Merkle root of the shard for a PUT of a shard, SHA-256 of the body for other bodies, zeros without one. */
    contentRoot: hex(32),
    signedAtMs: u64,
  }),
  signer: (body) => body.holder,
});

export const shardPlace = record({ nodeId: hex(32), root: hex(32) });
