/** A pack's table of contents, kept as its bytes: 41 a frame, cheap to hold, to send to another thread and to search. */
import { badArgument } from './shapes.ts';

/** Id 32, plaintext length 4, sealed length 4, flags 1. */
export const TABLE_ENTRY_BYTES = 41;

export interface TableEntry {
  /** The chunk's id, 32 bytes (a view). */
  readonly id: Uint8Array;
  /** Number of the frame in its pack, from 0: its nonce. */
  readonly frame: number;
  /** Where the frame begins in the pack. */
  readonly offset: number;
  readonly plaintextBytes: number;
  readonly sealedBytes: number;
  readonly compressed: boolean;
}

export class PackTable {
  /** The plaintext table: count × 41 bytes. */
  readonly bytes: Uint8Array;
  readonly frameCount: number;

  /** Checks every entry. @throws HoldfastError `codec.damaged` */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.frameCount = bytes.length / TABLE_ENTRY_BYTES;
  }
  /** Bytes of all frames: where padding begins. */
  get framesBytes(): number {
    throw badArgument('not built yet');
  }
  entry(frame: number): TableEntry {
    void frame;
    throw badArgument('not built yet');
  }
  entries(): IterableIterator<TableEntry> {
    throw badArgument('not built yet');
  }
}
