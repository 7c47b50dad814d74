/**
 * Makes a finished backup visible: the index of its packs, then the head, by compare-and-swap. The loser of a race reads
 * the winner's head, takes over what it names, and tries again.
 */
import {
  compareSnapshots,
  createChunker,
  encodeSnapshotList,
  gearTable,
  type HeadContent,
  IndexEncoder,
  MAX_HEAD_SNAPSHOTS,
  type SnapshotEntry,
  StreamRefBuilder,
  type StreamRef,
} from '@holdfast/codec';
import { hostname } from 'node:os';
import { HoldfastError, packDrop, type PackId, signMessage } from '@holdfast/protocol';
import { keepIndexPacks, ownIndexPacks } from '../catalog/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import type { ClientContext } from '../ports.ts';
import {
  createChunkReader,
  learnIndex,
  listSnapshots,
  type PackAccess,
  readHead,
  type VaultHead,
  writeHead,
} from '../vault/index.ts';

/** More index packs than this are written anew as few. */
const MOST_INDEX_PACKS = 48;
/** Snapshots that stay in the head itself when older ones move out. */
const SNAPSHOTS_LEFT = 256;
/** Packs named in one drop message. */
const PACKS_PER_DROP = 1000;

export interface PublishOptions {
  readonly context: ClientContext;
  readonly access: PackAccess;
  readonly pipeline: Pipeline;
  /** Closes all packs and commits them. */
  readonly flush: () => Promise<void>;
  /** Index packs that were committed by this run, oldest first. */
  readonly indexPacks: () => readonly PackId[];
  readonly mostIndexPacks?: number | undefined;
}

/** Moves the head on from `head` with one more snapshot. @throws HoldfastError */
export async function publishSnapshot(
  options: PublishOptions,
  head: VaultHead,
  snapshot: SnapshotEntry,
): Promise<VaultHead> {
  const { context, access } = options;
  let current = head;
  for (;;) {
    const older = await moveOlderSnapshots(options, current);
    const index = await writeIndex(options, current);
    const content: HeadContent = {
      machineId: context.config.machineId,
      hostName: hostname(),
      indexPacks: index.indexPacks,
      // It may be there already: when the answer to our own move was lost, and another machine moved on from it.
      snapshots: [...older.snapshots.filter(isOther(snapshot)), snapshot].toSorted(compareSnapshots),
      ...(older.olderSnapshots === undefined ? {} : { olderSnapshots: older.olderSnapshots }),
    };
    try {
      const written = await writeHead(context, current, content);
      context.catalog.setIndexed(index.packIds, index.indexPacks);
      await dropUnnamed(context, index.replaced, index.indexPacks);
      return written;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'head.conflict') throw error;
      context.logger.info('another machine moved the head meanwhile; merging');
      current = await readHead(context);
      await learnIndex(context, access, current);
    }
  }
}

const isOther =
  ({ snapshotId }: SnapshotEntry) =>
  (entry: SnapshotEntry): boolean =>
    entry.snapshotId !== snapshotId;

interface WrittenIndex {
  /** All index packs of the new head. */
  readonly indexPacks: PackId[];
  /** Packs that are indexed once the head stands. */
  readonly packIds: PackId[];
  /** Index packs that nothing names any more then. */
  readonly replaced: readonly PackId[];
}

/** Index packs for what no index pack names; for everything when there are too many of them, or none can be trusted. */
async function writeIndex(options: PublishOptions, head: VaultHead): Promise<WrittenIndex> {
  const { context, pipeline, flush, indexPacks, mostIndexPacks = MOST_INDEX_PACKS } = options;
  const { catalog } = context;
  const named = head.content.indexPacks;
  const isForgotten = named.length > 0 && catalog.indexPackIds().length === 0;
  const isMerge = isForgotten || named.length >= mostIndexPacks;
  const before = new Set(indexPacks());
  const packIds: PackId[] = [];
  const encoder = new IndexEncoder();
  for (const pack of catalog.packs(isMerge ? 'all' : 'not-indexed')) {
    if (pack.kind === 'index') continue;
    const chunk = encoder.add(pack);
    if (chunk !== undefined) pipeline.putCopy('index', chunk);
    while (pipeline.isChunkQueueFull) await pipeline.news();
    packIds.push(pack.packId);
  }
  const last = encoder.finish();
  if (last !== undefined) pipeline.putCopy('index', last);
  if (packIds.length > 0) await flush();
  const written = indexPacks().filter((packId) => !before.has(packId));
  // What an earlier try of this run wrote is not named: this try wrote it again.
  return isMerge
    ? { indexPacks: written, packIds, replaced: named }
    : { indexPacks: [...named, ...written], packIds, replaced: [] };
}

interface MovedSnapshots {
  readonly snapshots: readonly SnapshotEntry[];
  readonly olderSnapshots?: StreamRef;
}

/** When the head's own list is full, all but the newest become a stream. */
async function moveOlderSnapshots(options: PublishOptions, head: VaultHead): Promise<MovedSnapshots> {
  const { snapshots } = head.content;
  if (snapshots.length < MAX_HEAD_SNAPSHOTS) return head.content;
  const { context, access, pipeline, flush } = options;
  const all = await listSnapshots(head, createChunkReader(context, access));
  const builder = new StreamRefBuilder((list) => pipeline.putChunk('tree', list));
  const chunker = createChunker(gearTable(context.keys.gearKey));
  const older = encodeSnapshotList(all.slice(0, -SNAPSHOTS_LEFT));
  for (const chunks of [chunker.push(older), chunker.finish()]) {
    for (const chunk of chunks) await builder.add(pipeline.putChunk('tree', chunk), chunk.length);
  }
  const olderSnapshots = await builder.finish();
  await flush();
  return { snapshots: all.slice(-SNAPSHOTS_LEFT), olderSnapshots };
}

/**
 * Index packs that the new head does not name are no use to anybody: those that were merged, and those of runs of this
 * machine that died before their head moved. Best effort: they cost space only, and the next run tries again.
 */
async function dropUnnamed(
  context: ClientContext,
  replaced: readonly PackId[],
  indexPacks: readonly PackId[],
): Promise<void> {
  const { clientId, vaultId, signing, signingKey, mediator, catalog, clock, logger } = context;
  const own = ownIndexPacks(catalog);
  const named = new Set(indexPacks);
  const unnamed = [...new Set([...replaced, ...own])].filter((packId) => !named.has(packId));
  if (unnamed.length === 0) return;
  try {
    // What was noted may never have been committed.
    const known = (await mediator.locatePacks(unnamed)).map(({ packId }) => packId);
    for (let at = 0; at < known.length; at += PACKS_PER_DROP) {
      const body = { clientId, vaultId, packIds: known.slice(at, at + PACKS_PER_DROP), signedAtMs: clock.nowMs() };
      await mediator.dropPacks(signMessage(packDrop, signing, body, signingKey));
    }
    catalog.removePacks(unnamed);
    keepIndexPacks(
      catalog,
      own.filter((packId) => named.has(packId)),
    );
  } catch (error) {
    logger.warn({ err: error }, 'old index packs could not be dropped; the next backup tries again');
  }
}
