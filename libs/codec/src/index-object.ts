/** The index: which chunk lies in which pack. Tables of packs joined, cut into chunks that each stand alone. */
import type { PackId } from '@holdfast/protocol';
import type { PackKind } from './pack-builder.ts';
import type { PackTable } from './pack-table.ts';
import { badArgument, type PackPolicy } from './shapes.ts';

/** What the index says about one pack; `ClosedPack` fits. */
export interface IndexedPack {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  readonly table: PackTable;
}

/** Joins packs' tables to index chunks of about 1 MiB. Feed each finished chunk to a pack of kind `index`. */
export class IndexEncoder {
  /** A chunk's plaintext when one became full, in a buffer of its own. */
  add(pack: IndexedPack): Uint8Array | undefined {
    void pack;
    throw badArgument('not built yet');
  }
  /** The last chunk; undefined when nothing is left. */
  finish(): Uint8Array | undefined {
    throw badArgument('not built yet');
  }
}

/**
 * The packs of one index chunk; tables are views into `bytes`.
 * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
 */
export function decodeIndexChunk(bytes: Uint8Array): IndexedPack[] {
  void bytes;
  throw badArgument('not built yet');
}
