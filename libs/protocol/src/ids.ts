/** Ids are lower-case hex. Party ids are Ed25519 public keys (64 digits); vaults and uploads have 32 digits, packs 64. */
export type ClientId = string;
export type NodeId = string;
export type MediatorId = string;
export type VaultId = string;
export type UploadId = string;
export type PackId = string;

export const ZERO_32 = '0'.repeat(64);
export const ZERO_16 = '0'.repeat(32);

export const isPartyId = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
/** For people: the first eight digits. */
export const shortId = (id: string): string => id.slice(0, 8);

export const nodeUri = (nodeId: NodeId): string => `holdfast:node:${nodeId}`;
export const mediatorUri = (mediatorId: MediatorId): string => `holdfast:mediator:${mediatorId}`;

/** Path of a shard at a node's data address. */
export const shardPath = (packId: PackId, shardIndex: number): string => `/v1/shards/${packId}/${shardIndex}`;

export const HEADERS = { grant: 'holdfast-grant', request: 'holdfast-request', root: 'holdfast-root' } as const;
