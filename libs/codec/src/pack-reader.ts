/** Reads packs: whole ones from their unmasked data shards, or only their table or some frames from ranges of shards. */
import type { PackId } from '@holdfast/protocol';
import type { PackKind } from './pack-builder.ts';
import type { PackTable, TableEntry } from './pack-table.ts';
import { badArgument, type PackPolicy } from './shapes.ts';

/** The sealed trailer: the last bytes of every pack. */
export const TRAILER_BYTES = 64;

export interface PackTrailer {
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly frameCount: number;
  /** Sealed table and trailer: the bytes at the pack's end that hold them. */
  readonly tailBytes: number;
  /** Bytes of all frames, from the pack's start. */
  readonly framesBytes: number;
  readonly packLengthBytes: number;
}

/** What opening a pack needs beside its bytes. */
export interface PackReaderOptions {
  readonly dataKey: Uint8Array;
  readonly chunkIdKey: Uint8Array;
  readonly packId: PackId;
}

/**
 * Opens the parts of one pack. Every method verifies what it opens: the tag, the bounds, for a frame also that its
 * plaintext has the chunk's id.
 * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
 */
export class PackReader {
  constructor(options: PackReaderOptions) {
    void options;
    throw badArgument('not built yet');
  }
  /** From the pack's last 64 bytes. `packLengthBytes` = dataShards × shardLengthBytes must be what the trailer says. */
  readTrailer(tail: Uint8Array, packLengthBytes: number): PackTrailer {
    void tail;
    void packLengthBytes;
    throw badArgument('not built yet');
  }
  /** From the pack's last bytes, at least `trailer.tailBytes` of them (the whole pack will do). */
  readTable(tail: Uint8Array, trailer: PackTrailer): PackTable {
    void tail;
    void trailer;
    throw badArgument('not built yet');
  }
  /** The plaintext of the frame whose `entry.sealedBytes` bytes `sealed` are, in a buffer of its own. */
  openFrame(entry: TableEntry, sealed: Uint8Array): Uint8Array {
    void entry;
    void sealed;
    throw badArgument('not built yet');
  }
  /** Trailer and table of a whole pack (k × shardLength unmasked bytes). */
  readPack(pack: Uint8Array): { readonly trailer: PackTrailer; readonly table: PackTable } {
    void pack;
    throw badArgument('not built yet');
  }
}
