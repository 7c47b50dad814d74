/**
 * Reads committed packs a little at a time, for indexes, trees and tables: whole packs from any k shards that match
 * their roots, or only ranges, which the seals verify. A restore of files has a faster way of its own.
 */
import {
  type ColumnRange,
  createChunkIdHasher,
  FIRST_TAIL_BYTES,
  type IndexedPack,
  maskRange,
  packMaskKey,
  PackReader,
  packRange,
  reconstructShards,
  shardTree,
  tailColumn,
} from '@holdfast/codec';
import { fail, HoldfastError, type NodeId, type PackId, toHex } from '@holdfast/protocol';
import type { ChunkPlace } from '../catalog/index.ts';
import type { ClientContext, PackPlaces } from '../ports.ts';
import { throwIfStopped } from '../transport/index.ts';

/** A node that did not serve what it should; the read went on elsewhere. */
export interface ReadFault {
  readonly nodeId: NodeId;
  readonly packId: PackId;
  readonly shardIndex: number;
  /** A sentence. */
  readonly detail: string;
  /** What was thrown. */
  readonly cause: unknown;
}

export interface PackAccessOptions {
  readonly onFault?: (fault: ReadFault) => void;
  readonly signal?: AbortSignal;
}

interface PartOptions {
  /** Ends this read alone. */
  readonly signal: AbortSignal;
  /** The part is the whole shard, and must match it. */
  readonly root?: string;
}

type AccessContext = Pick<ClientContext, 'keys' | 'mediator' | 'nodes' | 'clock'>;

/** Get grants live for an hour or more; places are asked for again long before. */
const PLACES_GOOD_FOR_MS = 10 * 60_000;
const KEPT_PLACES = 4096;
/** Whole tree and index packs kept: at most 8 MiB each. */
const KEPT_PACKS = 3;
const KEPT_READERS = 8;
/** Nodes that take longer than this are not waited for alone: the others are asked as well. */
const SLOW_AFTER_MS = 2000;

export class PackAccess {
  readonly #context: AccessContext;
  readonly #options: PackAccessOptions;
  readonly #places = new Map<PackId, { readonly places: PackPlaces; readonly atMs: number }>();
  readonly #locating = new Map<PackId, Promise<PackPlaces>>();
  readonly #readers = new Map<PackId, PackReader>();
  readonly #packs = new Map<PackId, Promise<Uint8Array>>();
  readonly #chunkId: ReturnType<typeof createChunkIdHasher>;

  constructor(context: AccessContext, options: PackAccessOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#chunkId = createChunkIdHasher(context.keys.chunkIdKey);
  }

  /** @throws HoldfastError `pack.unknown` */
  async locate(packId: PackId): Promise<PackPlaces> {
    const { clock, mediator } = this.#context;
    const known = this.#places.get(packId);
    if (known !== undefined && clock.nowMs() - known.atMs < PLACES_GOOD_FOR_MS) return known.places;
    const [places] = await mediator.locatePacks([packId]);
    if (places === undefined) throw fail('pack.unknown', { packId });
    remember(this.#places, packId, { places, atMs: clock.nowMs() }, KEPT_PLACES);
    return places;
  }

  /** Asks for many places at once, for a read of many packs. */
  async locateAll(packIds: readonly PackId[]): Promise<void> {
    for (let at = 0; at < packIds.length; at += KEPT_PLACES) {
      const found = await this.#context.mediator.locatePacks(packIds.slice(at, at + KEPT_PLACES));
      const atMs = this.#context.clock.nowMs();
      for (const places of found) remember(this.#places, places.packId, { places, atMs }, KEPT_PLACES);
    }
  }

  reader(packId: PackId): PackReader {
    const known = this.#readers.get(packId);
    if (known !== undefined) return known;
    const { dataKey } = this.#context.keys;
    const reader = new PackReader({ dataKey, chunkIdKey: this.#chunkId, packId });
    remember(this.#readers, packId, reader, KEPT_READERS);
    return reader;
  }

  /** The k data shards, unmasked and joined, from any k that match their roots; the last few are kept. */
  async readPack(packId: PackId): Promise<Uint8Array> {
    const known = this.#packs.get(packId);
    if (known !== undefined) return known;
    const reading = this.#readWhole(packId);
    remember(this.#packs, packId, reading, KEPT_PACKS);
    reading.catch(() => this.#packs.delete(packId));
    return reading;
  }

  /** What a pack holds, from range reads at the shards' ends. */
  async readTable(packId: PackId): Promise<IndexedPack> {
    const places = await this.locate(packId);
    try {
      return await this.#readTableFrom(places, (column) => this.#readColumns(places, column));
    } catch (error) {
      if (!isDamage(error)) throw error;
      // Some node served something else in its range: whole shards show which.
      const pack = await this.readPack(packId);
      return this.#readTableFrom(places, () => Promise.resolve(pack));
    }
  }

  /** A chunk's plaintext, verified. Don't write into it. */
  async readChunk(place: ChunkPlace): Promise<Uint8Array> {
    const reader = this.reader(place.packId);
    if (place.kind === 'data') {
      try {
        const frame = await this.#readRange(place);
        if (frame !== undefined) return reader.openChunk(place, frame);
      } catch (error) {
        if (!isDamage(error) && !isAway(error)) throw error;
        throwIfStopped(this.#options.signal);
      }
    }
    const pack = await this.readPack(place.packId);
    return reader.openChunk(place, pack.subarray(place.offset, place.offset + place.sealedBytes));
  }

  async #readTableFrom(places: PackPlaces, read: (column: ColumnRange) => Promise<Uint8Array>): Promise<IndexedPack> {
    const { packId, dataShards, parityShards, shardLengthBytes } = places;
    const reader = this.reader(packId);
    let tail = await read(tailColumn(FIRST_TAIL_BYTES, shardLengthBytes));
    const trailer = reader.readTrailer(tail, dataShards * shardLengthBytes);
    if (!endsWithTail(trailer.tailBytes, FIRST_TAIL_BYTES, shardLengthBytes)) {
      tail = await read(tailColumn(trailer.tailBytes, shardLengthBytes));
    }
    const table = reader.readTable(tail, trailer);
    return { packId, kind: trailer.kind, policy: { dataShards, parityShards }, shardLengthBytes, table };
  }

  /** Straight from the data shards that hold the frame; undefined when that takes long. */
  async #readRange(place: ChunkPlace): Promise<Uint8Array | undefined> {
    const places = await this.locate(place.packId);
    const ranges = packRange(place.offset, place.sealedBytes, place.shardLengthBytes);
    const stop = new AbortController();
    const timer = this.#whenSlow(() => stop.abort());
    try {
      const parts = await Promise.all(
        ranges.map(({ shardIndex, offset, lengthBytes }) =>
          this.#readShardPart(places, shardIndex, { offset, lengthBytes }, { signal: stop.signal }),
        ),
      );
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      throwIfStopped(this.#options.signal);
      return undefined;
    } finally {
      timer.abort();
    }
  }

  /** Calls back once a read has taken long. Abort it when the read is done. */
  #whenSlow(onSlow: () => void): AbortController {
    const timer = new AbortController();
    this.#context.clock.sleep(SLOW_AFTER_MS, timer.signal).then(onSlow, () => undefined);
    return timer;
  }

  async #readWhole(packId: PackId): Promise<Uint8Array> {
    const places = await this.locate(packId);
    return this.#readColumns(places, { offset: 0, lengthBytes: places.shardLengthBytes }, true);
  }

  /** The column of each data shard, joined, decoded from the first k shards that come. */
  async #readColumns(places: PackPlaces, column: ColumnRange, checkRoots = false): Promise<Uint8Array> {
    const { packId, dataShards, parityShards, shards } = places;
    const found: (Uint8Array | undefined)[] = shards.map(() => undefined);
    const order = [...shards.keys()].toSorted((a, b) => doubt(places, a) - doubt(places, b) || a - b);
    const stop = new AbortController();
    let good = 0;
    const readNext = async (): Promise<void> => {
      for (let index = order.shift(); index !== undefined && good < dataShards; index = order.shift()) {
        const bytes = await this.#tryShardPart(places, index, column, { checkRoots, signal: stop.signal });
        if (bytes === undefined || good === dataShards) continue;
        found[index] = bytes;
        good += 1;
        if (good === dataShards) stop.abort();
        return;
      }
    };
    const readMany = (count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, readNext));
    let spares: Promise<unknown> | undefined;
    const timer = this.#whenSlow(() => {
      spares = readMany(order.length);
      spares.catch(() => undefined);
    });
    try {
      await readMany(dataShards);
      await spares;
    } finally {
      timer.abort();
      stop.abort();
    }
    throwIfStopped(this.#options.signal);
    if (good < dataShards) throw fail('codec.too-few-shards', { packId, good, needed: dataShards });
    return Buffer.concat(reconstructShards(found, dataShards, parityShards).slice(0, dataShards));
  }

  /** Undefined when it did not come out well, which is told; or when it was not waited for any longer. */
  async #tryShardPart(
    places: PackPlaces,
    shardIndex: number,
    column: ColumnRange,
    { checkRoots, signal }: { checkRoots: boolean; signal: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    const { target, root } = places.shards[shardIndex]!;
    try {
      return await this.#readShardPart(places, shardIndex, column, { signal, ...(checkRoots ? { root } : {}) });
    } catch (error) {
      throwIfStopped(this.#options.signal);
      if (signal.aborted) return undefined;
      if (error instanceof HoldfastError && error.code === 'message.clock-skew') throw error;
      const detail = error instanceof Error ? error.message : String(error);
      this.#options.onFault?.({ nodeId: target.nodeId, packId: places.packId, shardIndex, detail, cause: error });
      return undefined;
    }
  }

  /** Reads again under a new grant when the old one was used up: a pack may be read many times over. */
  async #readShardPart(
    places: PackPlaces,
    shardIndex: number,
    column: ColumnRange,
    how: PartOptions,
  ): Promise<Uint8Array> {
    try {
      return await this.#readUnderGrant(places, shardIndex, column, how);
    } catch (error) {
      if (!isAboutGrant(error)) throw error;
      return this.#readUnderGrant(await this.#locateAgain(places), shardIndex, column, how);
    }
  }

  /** Once for all who were refused with the same grants. */
  async #locateAgain({ packId, shards }: PackPlaces): Promise<PackPlaces> {
    if (this.#places.get(packId)?.places.shards === shards) this.#places.delete(packId);
    const known = this.#locating.get(packId);
    if (known !== undefined) return known;
    const locating = this.locate(packId).finally(() => this.#locating.delete(packId));
    this.#locating.set(packId, locating);
    return locating;
  }

  /** Unmasked. With `root` the part is the whole shard and must match it. */
  async #readUnderGrant(
    places: PackPlaces,
    shardIndex: number,
    { offset, lengthBytes }: ColumnRange,
    { root, signal }: PartOptions,
  ): Promise<Uint8Array> {
    const { packId, shardLengthBytes, shards } = places;
    const signals = this.#options.signal === undefined ? [signal] : [signal, this.#options.signal];
    // A mask begins at multiples of its block.
    const from = offset - (offset % MASK_BLOCK_BYTES);
    const range = { offset: from, lengthBytes: offset + lengthBytes - from };
    const bytes = await this.#context.nodes.getShard(
      shards[shardIndex]!.target,
      { packId, shardIndex },
      shardLengthBytes,
      { ...(root === undefined ? { range } : {}), signal: AbortSignal.any(signals) },
    );
    if (root !== undefined && toHex(shardTree(bytes).root) !== root) {
      throw fail('codec.damaged', { what: `shard ${shardIndex} of a pack`, detail: 'it does not match its root' });
    }
    maskRange(packMaskKey(this.#context.keys.maskKey, packId), shardIndex, from, bytes);
    return bytes.subarray(offset - from);
  }
}

const MASK_BLOCK_BYTES = 16;

/** Nodes that are away or lost the shard are asked last. */
const doubt = (places: PackPlaces, shardIndex: number): number => {
  const { online, lost } = places.shards[shardIndex]!;
  return (lost ? 2 : 0) + (online ? 0 : 1);
};

/** Whether the joined columns that a read of `readBytes` gave end with the pack's last `tailBytes` bytes. */
const endsWithTail = (tailBytes: number, readBytes: number, shardLengthBytes: number): boolean =>
  tailBytes <= readBytes || readBytes >= shardLengthBytes;

/** The node is right to refuse; a new grant helps. */
const isAboutGrant = (error: unknown): boolean => error instanceof HoldfastError && error.code.startsWith('grant.');
const isDamage = (error: unknown): boolean => error instanceof HoldfastError && error.code.startsWith('codec.damaged');
const isAway = (error: unknown): boolean =>
  error instanceof HoldfastError && error.code !== 'client.interrupted' && error.code !== 'message.clock-skew';

function remember<Key, Value>(map: Map<Key, Value>, key: Key, value: Value, limit: number): void {
  if (map.size >= limit && !map.has(key)) map.delete(map.keys().next().value!);
  map.set(key, value);
}
