/** The types and bounds that the modules of the data format share. What each byte means is in docs/format.md. */
import { fail, type HoldfastError } from '@holdfast/protocol';

export { checkPolicy, isPolicy, type PackPolicy } from '@holdfast/protocol';

/** Key, chunk id, pack id: all 32 bytes. */
export const ID_BYTES = 32;
/** The largest plaintext of one chunk. */
export const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
/** Bytes that sealing adds to a frame: the tag of AES-256-GCM. */
export const SEAL_OVERHEAD_BYTES = 16;
/** The largest plaintext of one frame, which holds one chunk or several small ones; the bound of every decompression. */
export const MAX_FRAME_BYTES = MAX_CHUNK_BYTES;
/** Chunks in one pack at most. */
export const MAX_CHUNKS_PER_PACK = 16_384;

/** What the codec needs of a vault's keys, each 32 secret bytes (`libs/keys` derives them from the words). */
export interface VaultKeys {
  readonly dataKey: Uint8Array;
  readonly chunkIdKey: Uint8Array;
  readonly maskKey: Uint8Array;
  readonly gearKey: Uint8Array;
}

/** Where fresh random bytes come from; `libs/platform`'s `Randomness` fits. */
export interface RandomSource {
  bytes(count: number): Uint8Array;
}

export const PACK_KINDS = ['data', 'tree', 'index'] as const;
/** `data`: contents of files, and lists of their chunk ids; `tree`: trees and snapshot records; `index`: index objects. */
export type PackKind = (typeof PACK_KINDS)[number];

/** 1, 2 or 3. @throws HoldfastError `codec.bad-argument` */
export function byteOfKind(kind: PackKind): number {
  const place = PACK_KINDS.indexOf(kind);
  if (place < 0) throw badArgument('an unknown kind of pack');
  return place + 1;
}

/** The other way; undefined for a byte that stands for none. */
export const kindOfByte = (byte: number): PackKind | undefined => PACK_KINDS[byte - 1];

/** Data that came from outside and is not what the format says. */
export const damaged = (what: string, detail: string, cause?: unknown): HoldfastError =>
  fail('codec.damaged', { what, detail }, cause);

/** A caller's mistake, never the data's. */
export const badArgument = (detail: string): HoldfastError => fail('codec.bad-argument', { detail });

/** A version byte that this program does not know. */
export const unsupportedVersion = (what: string, version: number): HoldfastError =>
  fail('codec.unsupported-version', { what, version });

export function checkKey(name: string, key: Uint8Array): void {
  if (key.length !== ID_BYTES) throw badArgument(`a ${name} of ${key.length} bytes instead of ${ID_BYTES}`);
}
