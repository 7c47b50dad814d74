/** Everything that is kept of a file but its name, as bytes: part of tree entries and of a snapshot's roots. */
import type { ByteReader, ByteWriter } from './binary.ts';
import { readStreamRef, type StreamRef, writeStreamRef } from './stream-ref.ts';

export const FILE_TYPES = ['file', 'directory', 'symlink', 'fifo', 'character-device', 'block-device'] as const;
export type FileType = (typeof FILE_TYPES)[number];

export interface ExtendedAttribute {
  /** 1–255 bytes. */
  readonly name: Uint8Array;
  /** At most 64 KiB. */
  readonly value: Uint8Array;
}

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

const MAX_MODE = 0o7777;
const MAX_TARGET_BYTES = 4096;
const MAX_XATTRS = 256;
const MAX_XATTR_NAME_BYTES = 255;
const MAX_XATTR_VALUE_BYTES = 65_536;
const FLAG_SPARSE = 1;
const FLAG_HARD_LINK = 2;
const FLAG_XATTRS = 4;
const ALL_FLAGS = FLAG_SPARSE | FLAG_HARD_LINK | FLAG_XATTRS;

const hasContent = (type: FileType): boolean => type === 'file' || type === 'directory';
const isDevice = (type: FileType): boolean => type === 'character-device' || type === 'block-device';

/** What must hold between the fields, the same for writer and reader; undefined when all is well. */
function faultOf(meta: FileMeta): string | undefined {
  const { type, xattrs, target } = meta;
  if (!FILE_TYPES.includes(type)) return 'an unknown file type';
  if (meta.mode > MAX_MODE) return `mode ${meta.mode} has bits beyond the permissions`;
  if (hasContent(type) !== (meta.content !== undefined)) return `a ${type} with the wrong kind of content`;
  if ((type === 'symlink') !== (target !== undefined)) return `a ${type} with the wrong kind of target`;
  if (isDevice(type) !== (meta.device !== undefined)) return `a ${type} with the wrong kind of device number`;
  if (meta.sparse === true && type !== 'file') return `a sparse ${type}`;
  if (meta.hardLinkGroup !== undefined && type === 'directory') return 'a hard-linked directory';
  if (meta.hardLinkGroup === 0) return 'hard-link group 0';
  if (target !== undefined && (target.length === 0 || target.includes(0))) return 'an impossible symlink target';
  return xattrs === undefined ? undefined : faultOfXattrs(xattrs);
}

function faultOfXattrs(xattrs: readonly ExtendedAttribute[]): string | undefined {
  if (xattrs.length === 0 || xattrs.length > MAX_XATTRS) return `${xattrs.length} extended attributes`;
  for (const [place, { name }] of xattrs.entries()) {
    if (name.length === 0 || name.includes(0)) return 'an impossible name of an extended attribute';
    if (place > 0 && Buffer.compare(xattrs[place - 1]!.name, name) >= 0) return 'extended attributes out of order';
  }
  return undefined;
}

export function writeFileMeta(writer: ByteWriter, meta: FileMeta): void {
  const fault = faultOf(meta);
  if (fault !== undefined) writer.refuse(fault);
  writer.u8(FILE_TYPES.indexOf(meta.type) + 1);
  writer.u8(
    (meta.sparse === true ? FLAG_SPARSE : 0) |
      (meta.hardLinkGroup === undefined ? 0 : FLAG_HARD_LINK) |
      (meta.xattrs === undefined ? 0 : FLAG_XATTRS),
  );
  writer.u16(meta.mode);
  writer.u32(meta.uid);
  writer.u32(meta.gid);
  writer.i64(meta.mtimeNs);
  writer.text(meta.userName);
  writer.text(meta.groupName);
  if (meta.hardLinkGroup !== undefined) writer.u64(meta.hardLinkGroup);
  if (meta.content !== undefined) writeStreamRef(writer, meta.content);
  if (meta.target !== undefined) writer.prefixed(meta.target, 2, MAX_TARGET_BYTES);
  if (meta.device !== undefined) {
    writer.u32(meta.device.major);
    writer.u32(meta.device.minor);
  }
  if (meta.xattrs !== undefined) {
    writer.u16(meta.xattrs.length);
    for (const { name, value } of meta.xattrs) {
      writer.prefixed(name, 1, MAX_XATTR_NAME_BYTES);
      writer.prefixed(value, 4, MAX_XATTR_VALUE_BYTES);
    }
  }
}

/** Byte fields are views of the reader's bytes. */
export function readFileMeta(reader: ByteReader): FileMeta {
  const type = FILE_TYPES[reader.u8() - 1] ?? reader.refuse('an unknown file type');
  const flags = reader.u8();
  if (flags > ALL_FLAGS) reader.refuse(`unknown flags ${flags}`);
  const meta: { -readonly [Key in keyof FileMeta]: FileMeta[Key] } = {
    type,
    mode: reader.u16(),
    uid: reader.u32(),
    gid: reader.u32(),
    mtimeNs: reader.i64(),
    userName: reader.text(),
    groupName: reader.text(),
  };
  if (flags & FLAG_SPARSE) meta.sparse = true;
  if (flags & FLAG_HARD_LINK) meta.hardLinkGroup = reader.u64();
  if (hasContent(type)) meta.content = readStreamRef(reader);
  if (type === 'symlink') meta.target = reader.prefixed(2, MAX_TARGET_BYTES);
  if (isDevice(type)) meta.device = { major: reader.u32(), minor: reader.u32() };
  if (flags & FLAG_XATTRS) meta.xattrs = readXattrs(reader);
  const fault = faultOf(meta);
  if (fault !== undefined) reader.refuse(fault);
  return meta;
}

function readXattrs(reader: ByteReader): ExtendedAttribute[] {
  const count = reader.u16();
  if (count > MAX_XATTRS) reader.refuse(`${count} extended attributes`);
  return Array.from({ length: count }, () => ({
    name: reader.prefixed(1, MAX_XATTR_NAME_BYTES),
    value: reader.prefixed(4, MAX_XATTR_VALUE_BYTES),
  }));
}
