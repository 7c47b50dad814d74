/**
 * Gathers what the files of a restore want from which pack, and says when a pack is worth fetching: at once when all of
 * its chunks are wanted, otherwise as late as memory allows, so that a pack is rarely fetched twice. Pure.
 */
import type { PackTable } from '@holdfast/codec';
import type { PackId } from '@holdfast/protocol';
import type { ChunkPlace } from '../catalog/index.ts';
import { chunkKey } from './job.ts';

/** What is wanted from one pack. */
export interface WantedPack<File> {
  readonly packId: PackId;
  readonly table: PackTable;
  /** By chunk key: flat pairs of place in `files` and offset in that file. */
  readonly chunks: ReadonlyMap<number, readonly number[]>;
  readonly files: readonly File[];
  /** By place in `files`: how often a chunk is written to it. */
  readonly writes: readonly number[];
}

interface Gathering<File> extends WantedPack<File> {
  readonly chunks: Map<number, number[]>;
  readonly files: File[];
  readonly places: Map<File, number>;
  readonly writes: number[];
  /** Which want was the last one for this pack. */
  touched: number;
}

export interface PackQueueOptions {
  /** Writes that may be waiting in all; beyond, the pack that has waited longest is given out. */
  readonly maxPendingWrites: number;
  /** A pack that none of so many wants was for is given out: files are asked for in the order of their backup. */
  readonly staleAfterWants: number;
  /** The table of a pack. */
  readonly tableOf: (packId: PackId) => PackTable;
}

export class PackQueue<File> {
  readonly #options: PackQueueOptions;
  /** In the order of their first wanted chunk. */
  readonly #gathering = new Map<PackId, Gathering<File>>();
  readonly #ready: WantedPack<File>[] = [];
  /** All of their chunks are wanted. */
  readonly #full: Gathering<File>[] = [];
  #pendingWrites = 0;
  #wants = 0;
  #lastSweep = 0;

  constructor(options: PackQueueOptions) {
    this.#options = options;
  }

  /** This chunk is wanted at `offset` of `file`. */
  want(place: ChunkPlace, file: File, offset: number): void {
    let pack = this.#gathering.get(place.packId);
    if (pack === undefined) {
      const { packId } = place;
      const table = this.#options.tableOf(packId);
      pack = { packId, table, chunks: new Map(), files: [], places: new Map(), writes: [], touched: 0 };
      this.#gathering.set(packId, pack);
    }
    let index = pack.places.get(file);
    if (index === undefined) {
      index = pack.files.push(file) - 1;
      pack.places.set(file, index);
      pack.writes.push(0);
    }
    pack.writes[index]! += 1;
    const key = chunkKey(place);
    const targets = pack.chunks.get(key);
    if (targets === undefined) {
      pack.chunks.set(key, [index, offset]);
      if (pack.chunks.size === pack.table.chunkCount) this.#full.push(pack);
    } else targets.push(index, offset);
    this.#pendingWrites += 1;
    this.#wants += 1;
    pack.touched = this.#wants;
  }

  /** Gives out what is worth fetching now. Call it between files, and within large ones. */
  settle(): void {
    for (const pack of this.#full.splice(0)) this.#giveOut(pack);
    const { staleAfterWants } = this.#options;
    if (this.#wants - this.#lastSweep > staleAfterWants / 4) {
      this.#lastSweep = this.#wants;
      for (const pack of this.#gathering.values())
        if (this.#wants - pack.touched > staleAfterWants) this.#giveOut(pack);
    }
    while (this.#pendingWrites > this.#options.maxPendingWrites && this.#gathering.size > 0) {
      this.#giveOut(this.#gathering.values().next().value!);
    }
  }

  /** No more files come. */
  finish(): void {
    this.#full.length = 0;
    for (const pack of this.#gathering.values()) this.#giveOut(pack);
  }

  /** The packs to fetch, in order; each once. */
  takeReady(): WantedPack<File>[] {
    return this.#ready.splice(0);
  }

  #giveOut(pack: Gathering<File>): void {
    this.#gathering.delete(pack.packId);
    this.#pendingWrites -= pack.writes.reduce((sum, count) => sum + count, 0);
    pack.places.clear();
    this.#ready.push(pack);
  }
}

/** The wire form of `chunks` (see PackJob.writes). */
export function encodeWrites(chunks: ReadonlyMap<number, readonly number[]>): Float64Array {
  let length = 0;
  for (const targets of chunks.values()) length += 2 + targets.length;
  const writes = new Float64Array(length);
  let at = 0;
  for (const [key, targets] of chunks) {
    writes[at] = key;
    writes[at + 1] = targets.length / 2;
    writes.set(targets, at + 2);
    at += 2 + targets.length;
  }
  return writes;
}
