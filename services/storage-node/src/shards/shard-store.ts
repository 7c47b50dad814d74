/** The shards of this node: opens the data directory, finds what is there, and offers the use cases. */
import { readdirSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import { type ClientId, GROUP_BYTES, type ShardReader, type UploadId } from '@holdfast/protocol';
import { commitShards, discardUploads } from './commit-shards.ts';
import { deleteShards } from './erase-shards.ts';
import { createInventory } from './inventory.ts';
import { findMissing } from './find-missing.ts';
import { loseShard } from './lose-shard.ts';
import { createPiecePool } from './piece-pool.ts';
import type { ShardRecords } from './ports.ts';
import { type PutShard, putShard } from './put-shard.ts';
import { createQuotas } from './quotas.ts';
import { describeShard, type ReadShard, readShard, type ShardReading } from './read-shard.ts';
import { createProofReader, examineShard } from './prove-shard.ts';
import { scanShards } from './scan-shards.ts';
import { scrub, type ScrubOptions, type ScrubReport } from './scrub.ts';
import { openShardFiles } from './shard-files.ts';
import type { ShardName } from './shard-name.ts';
import { writerPieceBytes } from './shard-writer.ts';
import { createSpace, type SpaceFigures } from './space.ts';
import type { StoreContext } from './store-context.ts';
import { fileBytesOf, type ShardRecord } from './trailer.ts';
import { createClaims, createTurns } from './turns.ts';

export interface ShardStoreOptions {
  readonly dataDir: string;
  readonly records: ShardRecords;
  readonly capacityBytes: number;
  /** Bytes of the disk that are left to everything else. */
  readonly marginBytes: number;
  readonly io: 'direct' | 'buffered';
  /** Uploads at once. */
  readonly maxUploads: number;
  /** Downloads at once. */
  readonly maxDownloads: number;
  /** Shard bytes of one write: a multiple of 64 KiB. Default 1 MiB. */
  readonly writeBytes?: number;
  /** Bytes of one read: a multiple of 4096. Default 512 KiB. */
  readonly readBytes?: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
  readonly onLoss?: () => void;
  readonly onErased?: (names: readonly ShardName[]) => void;
  readonly onClientGone?: (clientId: ClientId) => void;
  /** Bytes that the file system of the data directory would still give. For tests. */
  readonly readDiskFree?: () => Promise<number>;
}

export interface StoreFigures extends SpaceFigures {
  readonly shardCount: number;
  readonly uncommittedCount: number;
  readonly uploads: number;
  readonly downloads: number;
}

export interface ShardStore {
  put(put: PutShard): Promise<ShardRecord>;
  read(read: ReadShard): Promise<ShardReading>;
  describe(name: ShardName): Promise<ShardRecord>;
  /** Those that are not here are skipped. */
  delete(names: readonly ShardName[]): Promise<void>;
  commit(names: readonly ShardName[], cursor?: number): Promise<void>;
  /** Returns how many shards it deleted. */
  discardUploads(uploadIds: readonly UploadId[]): Promise<number>;
  scrub(options: ScrubOptions): Promise<ScrubReport>;
  /** For challenges, one at a time. */
  proofReader(): ShardReader;
  /** Looks at the whole shard now; when it is missing or damaged, its loss is recorded. */
  examine(name: ShardName): Promise<void>;
  hasShardsOf(clientId: ClientId): boolean;
  figures(): Promise<StoreFigures>;
  /** Whether files are written past the page cache. */
  readonly isDirect: boolean;
}

/** Transfers that get a second buffer, so that one fills while the other is written. */
const SPARE_PIECES = 16;

export async function openShardStore(options: ShardStoreOptions): Promise<ShardStore> {
  const { records, clock, logger } = options;
  const writePool = createPiecePool(
    writerPieceBytes(options.writeBytes ?? 16 * GROUP_BYTES),
    options.maxUploads,
    SPARE_PIECES,
  );
  const readPool = createPiecePool(options.readBytes ?? 8 * GROUP_BYTES, options.maxDownloads, SPARE_PIECES);
  const files = await openShardFiles(
    { dataDir: options.dataDir, io: options.io, randomBytes: (count) => options.randomness.bytes(count) },
    writePool,
  );
  const inventory = createInventory();
  const uploadQuotas = createQuotas(() => clock.nowMs());
  const space = createSpace({
    capacityBytes: options.capacityBytes,
    usedBytes: bytesIn(files.quarantine),
    marginBytes: options.marginBytes,
    nowMs: () => clock.nowMs(),
    readDiskFree: options.readDiskFree ?? (() => diskFree(files.root)),
  });
  const context: StoreContext = {
    files,
    records,
    inventory,
    space,
    uploadQuotas,
    readQuotas: createQuotas(() => clock.nowMs()),
    uploads: createTurns(options.maxUploads),
    downloads: createTurns(options.maxDownloads),
    claims: createClaims(),
    writePool,
    readPool,
    clock,
    logger,
    onLoss: options.onLoss ?? (() => {}),
    onErased: options.onErased ?? (() => {}),
    onClientGone: options.onClientGone ?? (() => {}),
  };
  await takeStock(context);
  return {
    put: (put) => {
      rememberUsage(context, put);
      return putShard(context, put);
    },
    read: (read) => readShard(context, read),
    describe: (name) => describeShard(context, name),
    delete: (names) => deleteShards(context, names),
    commit: (names, cursor) => commitShards(context, names, cursor),
    discardUploads: (uploadIds) => discardUploads(context, uploadIds),
    scrub: (scrubOptions) => scrub(context, scrubOptions),
    proofReader: () => createProofReader(context),
    examine: (name) => examineShard(context, name),
    hasShardsOf: (clientId) => inventory.shardCountOf(clientId) > 0,
    async figures() {
      return {
        ...(await space.figures()),
        shardCount: inventory.shardCount,
        uncommittedCount: inventory.uncommittedCount,
        uploads: context.uploads.takenCount,
        downloads: context.downloads.takenCount,
      };
    },
    isDirect: files.isDirect,
  };
}

/** Whatever an upload had committed before this process began counts against its quota. */
function rememberUsage({ uploadQuotas, records }: StoreContext, { uploadId, expiresAtMs }: PutShard): void {
  if (uploadQuotas.isNoted(uploadId)) return;
  uploadQuotas.note(uploadId, records.committedBytesOf(uploadId), expiresAtMs);
}

/** Counts what is on the disk, finds the uploads of what is uncommitted, and what is missing or of a wrong size. */
async function takeStock(context: StoreContext): Promise<void> {
  const { records, inventory, space, logger } = context;
  const damaged: { name: ShardName; fileBytes: number }[] = [];
  const uncommitted: { name: ShardName; lengthBytes: number }[] = [];
  const unknown: { name: ShardName; lengthBytes: number }[] = [];
  let committedHere = 0;
  await scanShards(context.files.root, {
    shard(name, fileBytes, lengthBytes) {
      inventory.add(name);
      space.add(fileBytes);
      if (lengthBytes === undefined) damaged.push({ name, fileBytes });
      else if (records.isCommitted(name)) committedHere += 1;
      else if (records.isComplete) uncommitted.push({ name, lengthBytes });
      else unknown.push({ name, lengthBytes });
    },
    stranger: (path) => logger.warn({ path }, 'this file is none of the node’s; it is left alone'),
  });
  if (unknown.length > 0) {
    // Nothing says any more which of them are committed. Only an order to delete may remove them.
    logger.warn({ count: unknown.length }, 'the state of the node was lost: all shards here count as committed');
    records.commit(unknown, new Map());
  }
  for (const { name, fileBytes } of damaged) {
    await loseShard(context, name, 'its file has a size that no shard has', fileBytes);
  }
  for (const shard of uncommitted) await findUpload(context, shard);
  const expected = committedHere + unknown.length;
  if (records.committedCount() !== expected) await findMissing(context, 0);
}

async function findUpload(
  context: StoreContext,
  { name, lengthBytes }: { name: ShardName; lengthBytes: number },
): Promise<void> {
  const { records, inventory, uploadQuotas } = context;
  const found = await context.files.readTrailer(name);
  if (found.state === 'missing') return;
  if (found.state === 'damaged') {
    await loseShard(context, name, found.detail, fileBytesOf(lengthBytes));
    return;
  }
  const uploadId = records.adoptedBy(name) ?? found.shard.record.uploadId;
  const { receivedAtMs } = found.shard.record;
  inventory.setUploadOf({ name, lengthBytes, receivedAtMs }, uploadId);
  // When the grant expires is learnt at its next use; until then the figure is kept.
  if (!uploadQuotas.isNoted(uploadId)) {
    uploadQuotas.note(uploadId, records.committedBytesOf(uploadId), Number.MAX_SAFE_INTEGER);
  }
  uploadQuotas.note(uploadId, lengthBytes, 0);
}

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

async function diskFree(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
