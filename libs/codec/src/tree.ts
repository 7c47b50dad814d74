/** A directory's listing: entries in the order of their names' bytes, as a stream that never needs to be in memory whole. */
import { badArgument } from './shapes.ts';
import type { StreamRef } from './stream-ref.ts';

export const FILE_TYPES = ['file', 'directory', 'symlink', 'fifo', 'character-device', 'block-device'] as const;
export type FileType = (typeof FILE_TYPES)[number];

export interface ExtendedAttribute {
  /** 1–255 bytes. */
  readonly name: Uint8Array;
  /** At most 64 KiB. */
  readonly value: Uint8Array;
}

/** Everything that is kept of a file but its name. */
export interface FileMeta {
  readonly type: FileType;
  /** Permission bits with set-uid, set-gid and sticky: 0 … 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Empty when the number has no name; at most 255 bytes of UTF-8. */
  readonly userName: string;
  readonly groupName: string;
  /** Nanoseconds since 1970, signed 64 bits. */
  readonly mtimeNs: bigint;
  /** Of a `file` or `directory` (its tree), and of no other type. */
  readonly content?: StreamRef;
  /** The file has holes: zero runs of 64 KiB and more are made holes again at restore. Only of a `file`. */
  readonly sparse?: boolean;
  /** Entries of one snapshot with the same number (1 … 2^53 − 1) are one file with several names. Never of a directory. */
  readonly hardLinkGroup?: number;
  /** Of a `symlink`, and of no other type: 1–4096 bytes without NUL. */
  readonly target?: Uint8Array;
  /** Of a device, and of no other type. */
  readonly device?: { readonly major: number; readonly minor: number };
  /** Strictly ascending by name's bytes; at most 256. Left out when there are none. */
  readonly xattrs?: readonly ExtendedAttribute[];
}

export interface TreeEntry extends FileMeta {
  /** 1–4096 bytes without `/` and NUL, and not `.` or `..`. */
  readonly name: Uint8Array;
}

/** Orders names by their unsigned bytes, as trees do. */
export const compareNames = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

/** Encodes a directory's listing piece by piece. */
export class TreeEncoder {
  /** Names must ascend strictly. @throws HoldfastError `codec.bad-argument` */
  add(entry: TreeEntry): void {
    void entry;
    throw badArgument('not built yet');
  }
  /** Bytes encoded and not taken yet. */
  get pendingBytes(): number {
    return 0;
  }
  /** Bytes encoded since the last call, in a buffer of their own; joined, the pieces are the tree. */
  take(): Uint8Array {
    throw badArgument('not built yet');
  }
}

/** Decodes a tree piece by piece; `push` any cut of the bytes. */
export class TreeDecoder {
  /** The entries that became whole with these bytes. @throws HoldfastError `codec.damaged`, `codec.unsupported-version` */
  push(bytes: Uint8Array): TreeEntry[] {
    void bytes;
    throw badArgument('not built yet');
  }
  /** @throws HoldfastError `codec.damaged` when the tree ended in the middle of an entry */
  end(): void {
    throw badArgument('not built yet');
  }
}

/** A whole tree at once, for entries in order. */
export function encodeTree(entries: Iterable<TreeEntry>): Uint8Array {
  void entries;
  throw badArgument('not built yet');
}
export function decodeTree(bytes: Uint8Array): TreeEntry[] {
  void bytes;
  throw badArgument('not built yet');
}
/** The entries of a tree that comes in chunks (`readStream`). */
export async function* readTree(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry> {
  void chunks;
  throw badArgument('not built yet');
}
