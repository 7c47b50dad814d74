/** Bounds that all parties must agree on. */
export const GROUP_BYTES = 65_536;
/** The largest shard: the largest pack (64 MiB) held by one data shard. */
export const MAX_SHARD_BYTES = 64 * 1024 * 1024;
export const MAX_DATA_SHARDS = 20;
export const MAX_SHARDS = 40;
/** Packs in one commit request. */
export const MAX_PACKS_PER_COMMIT = 64;
/** Packs in one locate request. */
export const MAX_PACKS_PER_LOCATE = 1000;
/** Bytes of a head's sealed content. */
export const MAX_HEAD_BYTES = 65_536;
/** A signed request is good for this long either side of the receiver's clock. */
export const REQUEST_WINDOW_MS = 300_000;
