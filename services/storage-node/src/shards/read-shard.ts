/** Reads shards for their clients: the pieces of a range, with one piece read ahead. */
import { fail } from '@holdfast/protocol';
import { diskError, isMediumError, readFull } from './file-io.ts';
import { type ByteRange, parseRange } from './byte-range.ts';
import { loseShard } from './lose-shard.ts';
import type { Found, OpenShard } from './shard-files.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';
import { BLOCK_BYTES, type ShardRecord } from './trailer.ts';
import type { Piece, PiecePool } from './piece-pool.ts';

export interface ReadShard {
  readonly name: ShardName;
  /** The value of a Range header. */
  readonly range?: string | undefined;
  /** Names the grant, whose bytes are counted. */
  readonly grantHash: string;
  readonly quotaBytes: number;
  readonly expiresAtMs: number;
}

export interface ShardReading {
  readonly lengthBytes: number;
  readonly range: ByteRange;
  /** The bytes of the range, in order. Each view is good until the next is asked for. End the iteration in any case. */
  readonly pieces: AsyncGenerator<Uint8Array, void, undefined>;
}

/**
 * @throws HoldfastError `node.busy`, `shard.unknown`, `shard.damaged` (then the loss is recorded), `shard.range-invalid`,
 * `grant.quota-exceeded`, `node.disk`; the iteration may throw `shard.damaged` and `node.disk` as well
 */
export async function readShard(context: StoreContext, read: ReadShard): Promise<ShardReading> {
  const giveBack = context.downloads.take(read.name.clientId);
  let shard: OpenShard | undefined;
  try {
    shard = await wholeOr(context, read.name, await context.files.open(read.name, 'direct'));
    const range = parseRange(read.range, shard.lengthBytes);
    const quota = context.readQuotas.take(read.grantHash, range.end - range.start, read.quotaBytes, read.expiresAtMs);
    const end = (unreadBytes: number): void => {
      quota.release(unreadBytes);
      giveBack();
    };
    return { lengthBytes: shard.lengthBytes, range, pieces: pieces(context, read.name, shard, range, end) };
  } catch (error) {
    giveBack();
    shard?.close();
    throw diskError(error);
  }
}

/** What its trailer says of the shard. @throws HoldfastError `shard.unknown`, `shard.damaged`, `node.disk` */
export async function describeShard(context: StoreContext, name: ShardName): Promise<ShardRecord> {
  try {
    return (await wholeOr(context, name, await context.files.readTrailer(name))).record;
  } catch (error) {
    throw diskError(error);
  }
}

/** The shard that was found, or the error for the client, with the loss recorded. */
async function wholeOr<T>(context: StoreContext, name: ShardName, found: Found<T>): Promise<T> {
  if (found.state === 'whole') return found.shard;
  if (found.state === 'damaged') {
    await recordLoss(context, name, found.detail);
    throw fail('shard.damaged');
  }
  if (context.records.isCommitted(name)) await recordLoss(context, name, 'its file is missing');
  throw fail('shard.unknown');
}

/** Looks again under the claim: meanwhile it may have been deleted, or set aside by somebody else. */
export async function recordLoss(context: StoreContext, name: ShardName, detail: string): Promise<void> {
  await context.claims.hold(shardKey(name), async () => {
    const isMissing = !(await context.files.has(name));
    if (isMissing && !context.records.isCommitted(name)) return;
    await loseShard(context, name, detail);
  });
}

async function* pieces(
  context: StoreContext,
  name: ShardName,
  shard: OpenShard,
  range: ByteRange,
  end: (unreadBytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let unreadBytes = range.end - range.start;
  try {
    for await (const view of readRange(context.readPool, shard, range)) {
      unreadBytes -= view.length;
      yield view;
    }
  } catch (error) {
    if (!isMediumError(error) && !(error instanceof CutOffError)) throw diskError(error);
    await recordLoss(context, name, 'the disk does not read it');
    throw fail('shard.damaged');
  } finally {
    end(unreadBytes);
    shard.close();
  }
}

class CutOffError extends RangeError {}

async function* readRange(
  pool: PiecePool,
  shard: OpenShard,
  range: ByteRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const held: Piece[] = [pool.take()];
  const spare = pool.takeSpare();
  if (spare !== undefined) held.push(spare);
  let position = range.start - (range.start % BLOCK_BYTES);
  let pending: Promise<Uint8Array> | undefined;
  let turn = 0;
  const next = (): Promise<Uint8Array> | undefined => {
    if (position >= range.end) return undefined;
    const piece = held[turn++ % held.length]!;
    const at = position;
    const wanted = Math.min(piece.length, Math.ceil((range.end - at) / BLOCK_BYTES) * BLOCK_BYTES);
    position += wanted;
    const reading = readFull(shard.fd, piece.subarray(0, wanted), at).then((count) => {
      if (count < wanted) throw new CutOffError();
      return piece.subarray(Math.max(0, range.start - at), Math.min(wanted, range.end - at));
    });
    reading.catch(() => undefined);
    return reading;
  };
  try {
    pending = next();
    while (pending !== undefined) {
      const view: Uint8Array = await pending;
      // With one piece only, the next read must wait until the caller is done with the view.
      pending = held.length > 1 ? next() : undefined;
      yield view;
      pending ??= next();
    }
  } finally {
    // A read under way still writes to its piece.
    await pending?.catch(() => undefined);
    for (const piece of held) pool.give(piece);
  }
}
