/**
 * Get grants: for clients that read, and for retrieval checks. Both come from here and look alike, since a node that
 * could tell them apart could serve the checks alone.
 */
import {
  fail,
  grant,
  openMessage,
  readKeys,
  type SigningContext,
  type SigningKey,
  signMessage,
  ZERO_16,
} from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';

export interface ReadGrant {
  readonly nodeId: string;
  readonly clientId: string;
  /** Who signs the requests: a key that was made for it. */
  readonly holder: string;
  /** Bytes of the shards that are to be read under it. */
  readonly shardBytes: number;
  readonly issuedAtMs: number;
  readonly ttlMs: number;
}

/** Each shard may be read so often under one grant: a spare request and a retry are no fault. */
const READS_PER_SHARD = 4;
/** Quotas come in these steps, so that they don't tell who reads how much: 1 GiB, and four times as much each. */
const LEAST_QUOTA_BYTES = 2 ** 30;
const QUOTA_STEP = 4;

/** A grant to read any of the client's packs at that node. */
export function grantRead(
  { context, key }: { readonly context: SigningContext; readonly key: SigningKey },
  { nodeId, clientId, holder, shardBytes, issuedAtMs, ttlMs }: ReadGrant,
): string {
  let quotaBytes = LEAST_QUOTA_BYTES;
  while (quotaBytes < READS_PER_SHARD * shardBytes) quotaBytes *= QUOTA_STEP;
  const expiresAtMs = issuedAtMs + ttlMs;
  const scope = { clientId, holder, nodeId, uploadId: ZERO_16, packIds: [] };
  return signMessage(grant, context, { verb: 'get', ...scope, quotaBytes, issuedAtMs, expiresAtMs }, key);
}

/**
 * The keys that the client reads with, in its order; its own id where it names none.
 * @throws HoldfastError `message.*`, `auth.not-yours`
 */
export function openReadKeys(
  context: SigningContext,
  token: string | undefined,
  clientId: string,
  nowMs: number,
): readonly string[] {
  if (token === undefined) return [clientId];
  const body = openMessage(readKeys, context, token);
  checkClock(body.signedAtMs, nowMs);
  if (body.clientId !== clientId) throw fail('auth.not-yours', { what: 'client' });
  if (body.keys.length === 0) throw fail('message.malformed', { type: 'read-keys', detail: 'it names no key.' });
  return body.keys;
}
