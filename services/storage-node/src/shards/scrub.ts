/** Re-reads what is stored, a little at a time, and compares it with its hashes: bad disks say nothing by themselves. */
import { groupHash, merkleRoot } from '@holdfast/codec';
import { equalBytes, fromHex, GROUP_BYTES } from '@holdfast/protocol';
import { diskError, isMediumError, readFull } from './file-io.ts';
import { findMissing } from './find-missing.ts';
import { loseShard } from './lose-shard.ts';
import { createPiecePool, type Piece } from './piece-pool.ts';
import { clientsOnDisk, packDirectories, shardsInDirectory } from './scan-shards.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';
import { decodeTrailer, fileBytesOf, trailerBytes } from './trailer.ts';

export interface ScrubReport {
  readonly checked: number;
  readonly damaged: number;
}

export interface ScrubOptions {
  /** Bytes read per second; 0: as fast as it goes. */
  readonly bytesPerSecond: number;
  /** Ends the pass between two shards. */
  readonly signal?: AbortSignal;
  /** Goes on where the last pass stopped. Default: from the first shard. */
  readonly resume?: boolean;
}

const PIECE_BYTES = 16 * GROUP_BYTES;
/** The position is stored after so many shards; a crash repeats at most these. */
const REMEMBER_EVERY = 64;

/** One pass over all shards, in the order of their names. @throws HoldfastError `node.disk` when the disk can't be walked */
export async function scrub(context: StoreContext, options: ScrubOptions): Promise<ScrubReport> {
  const { records, clock } = context;
  const piece = createPiecePool(PIECE_BYTES, 1, 0).take();
  const after = options.resume ? records.scrubPosition() : undefined;
  let checked = 0;
  let damaged = 0;
  for (const name of shardsAfter(context.files.root, after)) {
    if (options.signal?.aborted) return { checked, damaged };
    const startedAtMs = clock.nowMs();
    const outcome = await scrubShard(context, name, piece);
    if (outcome.state === 'gone') continue;
    checked += 1;
    if (outcome.state === 'damaged') damaged += 1;
    if (checked % REMEMBER_EVERY === 0) records.setScrubPosition(name);
    if (options.bytesPerSecond > 0) {
      const dueMs = (outcome.bytes / options.bytesPerSecond) * 1000;
      const restMs = dueMs - (clock.nowMs() - startedAtMs);
      if (restMs > 0) await clock.sleep(restMs, options.signal).catch(() => undefined);
    }
  }
  records.setScrubPosition(undefined);
  const missing = await findMissing(context, undefined, options.signal);
  return { checked: checked + missing, damaged: damaged + missing };
}

function* shardsAfter(root: string, after: ShardName | undefined): Generator<ShardName> {
  const isAfter = (name: ShardName): boolean =>
    after === undefined ||
    name.clientId > after.clientId ||
    (name.clientId === after.clientId &&
      (name.packId > after.packId || (name.packId === after.packId && name.shardIndex > after.shardIndex)));
  for (const clientId of clientsOnDisk(root)) {
    if (after !== undefined && clientId < after.clientId) continue;
    for (const directory of packDirectories(root, clientId)) {
      yield* shardsInDirectory(directory, clientId).filter(isAfter);
    }
  }
}

type Outcome = { readonly state: 'gone' } | { readonly state: 'whole' | 'damaged'; readonly bytes: number };

/** As the scrub does, for one shard now. */
export async function scrubOne(context: StoreContext, name: ShardName): Promise<void> {
  await scrubShard(context, name, createPiecePool(PIECE_BYTES, 1, 0).take());
}

async function scrubShard(context: StoreContext, name: ShardName, piece: Piece): Promise<Outcome> {
  try {
    const first = await checkShard(context, name, piece);
    if (first.state !== 'damaged') return first;
    return await context.claims.hold(shardKey(name), async (): Promise<Outcome> => {
      // Once more, now that nobody deletes or replaces it: the verdict costs the operator pay.
      const outcome = await checkShard(context, name, piece);
      if (outcome.state === 'damaged') await loseShard(context, name, outcome.detail);
      return outcome;
    });
  } catch (error) {
    // Too many open files, no memory: says nothing about the shard.
    context.logger.warn({ err: diskError(error), shard: shardKey(name) }, 'a shard could not be scrubbed this time');
    return { state: 'gone' };
  }
}

type Check =
  | { readonly state: 'gone' }
  | { readonly state: 'whole'; readonly bytes: number }
  | { readonly state: 'damaged'; readonly bytes: number; readonly detail: string };

async function checkShard(context: StoreContext, name: ShardName, piece: Piece): Promise<Check> {
  const found = await context.files.open(name, 'direct');
  if (found.state === 'missing') return { state: 'gone' };
  if (found.state === 'damaged') return { state: 'damaged', bytes: 0, detail: found.detail };
  const { fd, lengthBytes } = found.shard;
  const bytes = fileBytesOf(lengthBytes);
  const damaged = (detail: string): Check => ({ state: 'damaged', bytes, detail });
  try {
    const tail = piece.subarray(0, trailerBytes(lengthBytes));
    const isRead = (await readFull(fd, tail, lengthBytes)) === tail.length;
    const trailer = isRead ? decodeTrailer(tail, name, lengthBytes) : undefined;
    if (trailer === undefined) return damaged('its trailer is damaged');
    const groupHashes = new Uint8Array(trailer.groupHashes);
    if (!equalBytes(merkleRoot(groupHashes), fromHex(trailer.record.root))) {
      return damaged('its hashes do not match its root');
    }
    for (let at = 0; at < lengthBytes; at += PIECE_BYTES) {
      const part = piece.subarray(0, Math.min(PIECE_BYTES, lengthBytes - at));
      if ((await readFull(fd, part, at)) !== part.length) return damaged('its file ends early');
      const bad = firstBadGroup(part, groupHashes.subarray((at / GROUP_BYTES) * 32));
      if (bad !== undefined) return damaged(`its group ${at / GROUP_BYTES + bad} does not match its hash`);
    }
    return { state: 'whole', bytes };
  } catch (error) {
    if (isMediumError(error)) return damaged('the disk does not read it');
    throw error;
  } finally {
    found.shard.close();
  }
}

function firstBadGroup(part: Uint8Array, hashes: Uint8Array): number | undefined {
  for (let group = 0; group * GROUP_BYTES < part.length; group += 1) {
    const hash = groupHash(part.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES));
    if (!equalBytes(hash, hashes.subarray(32 * group, 32 * group + 32))) return group;
  }
  return undefined;
}
