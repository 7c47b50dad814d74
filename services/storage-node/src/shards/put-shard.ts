/** Stores a shard: checks and reservations before the first byte, an answer only when it is on the disk. */
import type { Readable } from 'node:stream';
import { fail, type UploadId } from '@holdfast/protocol';
import { eraseShards } from './erase-shards.ts';
import { diskError } from './file-io.ts';
import { loseShard } from './lose-shard.ts';
import { receiveBody } from './receive-body.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import { ShardWriter } from './shard-writer.ts';
import type { StoreContext } from './store-context.ts';
import { fileBytesOf, isShardLength, type ShardRecord } from './trailer.ts';

export interface PutShard {
  readonly name: ShardName;
  readonly uploadId: UploadId;
  readonly lengthBytes: number;
  /** The announced root, 64 hex digits. */
  readonly root: string;
  /** Bytes that the grant allows to the whole upload. */
  readonly quotaBytes: number;
  readonly expiresAtMs: number;
  /** Not read before everything else is settled; not read at all when the shard is here already. */
  readonly body: Readable;
}

/**
 * Resolves when the shard is durable, to what its receipt says. The same shard again changes nothing (but counts to this
 * upload from now on, while it is uncommitted).
 * @throws HoldfastError `shard.length-not-allowed`, `node.busy`, `upload.expired`, `shard.conflict`,
 * `grant.quota-exceeded`, `node.full`, `shard.bad-length`, `shard.root-mismatch`, `node.disk`
 */
export async function putShard(context: StoreContext, put: PutShard): Promise<ShardRecord> {
  if (!isShardLength(put.lengthBytes)) {
    throw fail('shard.length-not-allowed', { lengthBytes: put.lengthBytes, maximum: 67_108_864 });
  }
  refuseEnded(context, put);
  const giveBack = context.uploads.take(put.name.clientId);
  try {
    return await context.claims.hold(shardKey(put.name), async () => {
      const record = (await answerKnown(context, put)) ?? (await storeNew(context, put));
      await dropIfEnded(context, put);
      return record;
    });
  } catch (error) {
    throw diskError(error);
  } finally {
    giveBack();
  }
}

function refuseEnded({ records }: StoreContext, { uploadId }: PutShard): void {
  if (records.hasEnded(uploadId)) throw fail('upload.expired', { uploadId });
}

/** An upload that ended while its shard arrived: whoever discards it may have looked too early to see this one. */
async function dropIfEnded(context: StoreContext, { name, uploadId }: PutShard): Promise<void> {
  const { records, inventory } = context;
  if (inventory.uploadOf(name) !== uploadId || !records.hasEnded(uploadId)) return;
  await eraseShards(context, [name]);
  throw fail('upload.expired', { uploadId });
}

/** What is stored under the name, when it is the same; undefined when nothing (whole) is there. */
async function answerKnown(context: StoreContext, put: PutShard): Promise<ShardRecord | undefined> {
  const { records, inventory } = context;
  const found = await context.files.readTrailer(put.name);
  if (found.state === 'missing') return undefined;
  if (found.state === 'damaged') {
    await loseShard(context, put.name, found.detail);
    return undefined;
  }
  const { record } = found.shard;
  if (record.root !== put.root || record.lengthBytes !== put.lengthBytes) throw fail('shard.conflict');
  const uploadBefore = inventory.uploadOf(put.name);
  if (uploadBefore !== undefined && uploadBefore !== put.uploadId) {
    const quota = context.uploadQuotas.take(put.uploadId, put.lengthBytes, put.quotaBytes, put.expiresAtMs);
    try {
      records.adopt(put.name, put.uploadId);
    } catch (error) {
      quota.release();
      throw error;
    }
    inventory.setUploadOf(
      { name: put.name, lengthBytes: put.lengthBytes, receivedAtMs: record.receivedAtMs },
      put.uploadId,
    );
  }
  return { ...record, uploadId: put.uploadId };
}

async function storeNew(context: StoreContext, put: PutShard): Promise<ShardRecord> {
  const { records, inventory } = context;
  const { name, uploadId, lengthBytes } = put;
  const quota = context.uploadQuotas.take(uploadId, lengthBytes, put.quotaBytes, put.expiresAtMs);
  try {
    const space = await context.space.reserve(fileBytesOf(lengthBytes));
    try {
      const record = await writeFile(context, put);
      space.keep();
      inventory.add(name);
      inventory.setUploadOf({ name, lengthBytes, receivedAtMs: record.receivedAtMs }, uploadId);
      records.withdrawLoss(name);
      return record;
    } catch (error) {
      space.release();
      throw error;
    }
  } catch (error) {
    quota.release();
    throw error;
  }
}

async function writeFile(context: StoreContext, put: PutShard): Promise<ShardRecord> {
  const { name, uploadId, lengthBytes, root } = put;
  const file = await context.files.begin();
  const writer = new ShardWriter(file.fd, context.writePool, lengthBytes);
  try {
    await receiveBody(put.body, writer, lengthBytes);
    if ((await writer.root()) !== root) throw fail('shard.root-mismatch');
    const record = { ...name, lengthBytes, root, uploadId, receivedAtMs: context.clock.nowMs() };
    await writer.seal(record);
    await file.publish(name);
    return record;
  } finally {
    // In this order: a descriptor must not be closed under a write.
    await writer.close();
    await file.discard();
  }
}
