/** The vault's head: the sealed content of the signed vault-head message. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { fail, MAX_HEAD_BYTES, type PackId } from '@holdfast/protocol';
import { ByteReader, ByteWriter } from './binary.ts';
import { headKey } from './pack-keys.ts';
import { badArgument, damaged, ID_BYTES, type RandomSource, unsupportedVersion } from './shapes.ts';
import { readStreamRef, type StreamRef, writeStreamRef } from './stream-ref.ts';

const HEAD_VERSION = 1;
/** Snapshots that the head itself lists; older ones go to `olderSnapshots`. */
export const MAX_HEAD_SNAPSHOTS = 512;
export const MAX_HEAD_INDEX_PACKS = 512;

const SHORT_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Version and nonce before, tag behind the ciphertext. */
const OVERHEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;
/** Sealed heads are multiples of this long, so that their length does not count snapshots. */
const SEALED_UNIT_BYTES = 1024;
const SNAPSHOT_ENTRY_BYTES = SHORT_ID_BYTES + 8 + ID_BYTES;

export interface SnapshotEntry {
  /** 32 hex digits. */
  readonly snapshotId: string;
  readonly createdAtMs: number;
  /** The chunk of the snapshot's record, 32 bytes. */
  readonly recordId: Uint8Array;
}

export interface HeadContent {
  /** The machine that wrote this head: 32 hex digits, drawn once per machine, and its host name. */
  readonly machineId: string;
  readonly hostName: string;
  /** All current index packs, oldest first, each once; at most 512 (merge them long before). */
  readonly indexPacks: readonly PackId[];
  /** Strictly ascending by time, then by id; at most 512. */
  readonly snapshots: readonly SnapshotEntry[];
  /** A stream of `encodeSnapshotList`, all before `snapshots`. */
  readonly olderSnapshots?: StreamRef;
}

/** What a head is bound to: it opens only under the same two. */
export interface HeadPlace {
  /** 32 hex digits. */
  readonly vaultId: string;
  readonly sequence: number;
}

/** The order of snapshots in heads and lists. */
export const compareSnapshots = (a: SnapshotEntry, b: SnapshotEntry): number =>
  a.createdAtMs - b.createdAtMs || (a.snapshotId < b.snapshotId ? -1 : a.snapshotId > b.snapshotId ? 1 : 0);

function faultOf({ indexPacks, snapshots }: Pick<HeadContent, 'indexPacks' | 'snapshots'>): string | undefined {
  if (indexPacks.length > MAX_HEAD_INDEX_PACKS) return `${indexPacks.length} index packs`;
  if (new Set(indexPacks).size !== indexPacks.length) return 'an index pack twice';
  if (snapshots.length > MAX_HEAD_SNAPSHOTS) return `${snapshots.length} snapshots`;
  return orderFaultOf(snapshots);
}

const orderFaultOf = (snapshots: readonly SnapshotEntry[]): string | undefined =>
  snapshots.some((entry, place) => place > 0 && compareSnapshots(snapshots[place - 1]!, entry) >= 0)
    ? 'snapshots out of order'
    : undefined;

function writeSnapshotEntry(writer: ByteWriter, { snapshotId, createdAtMs, recordId }: SnapshotEntry): void {
  writer.hex(snapshotId, SHORT_ID_BYTES);
  writer.u64(createdAtMs);
  writer.raw(recordId, ID_BYTES);
}

const readSnapshotEntry = (reader: ByteReader): SnapshotEntry => ({
  snapshotId: reader.hex(SHORT_ID_BYTES),
  createdAtMs: reader.u64(),
  recordId: reader.raw(ID_BYTES),
});

/** The plaintext that `sealHead` seals, padding included. */
export function encodeHeadContent(content: HeadContent): Uint8Array {
  const writer = new ByteWriter('a head', 4096);
  const fault = faultOf(content);
  if (fault !== undefined) writer.refuse(fault);
  writer.hex(content.machineId, SHORT_ID_BYTES);
  writer.text(content.hostName);
  writer.u16(content.indexPacks.length);
  for (const packId of content.indexPacks) writer.hex(packId, ID_BYTES);
  writer.u16(content.snapshots.length);
  for (const entry of content.snapshots) writeSnapshotEntry(writer, entry);
  writer.u8(content.olderSnapshots === undefined ? 0 : 1);
  if (content.olderSnapshots !== undefined) writeStreamRef(writer, content.olderSnapshots);
  const units = Math.ceil((writer.length + OVERHEAD_BYTES) / SEALED_UNIT_BYTES);
  writer.raw(new Uint8Array(units * SEALED_UNIT_BYTES - OVERHEAD_BYTES - writer.length));
  return writer.take();
}

export function decodeHeadContent(plaintext: Uint8Array): HeadContent {
  const reader = new ByteReader('the head', plaintext);
  const machineId = reader.hex(SHORT_ID_BYTES);
  const hostName = reader.text();
  const packCount = reader.u16();
  if (packCount > MAX_HEAD_INDEX_PACKS) reader.refuse(`${packCount} index packs`);
  const indexPacks = Array.from({ length: packCount }, () => reader.hex(ID_BYTES));
  const snapshotCount = reader.u16();
  if (snapshotCount > MAX_HEAD_SNAPSHOTS) reader.refuse(`${snapshotCount} snapshots`);
  const snapshots = Array.from({ length: snapshotCount }, () => readSnapshotEntry(reader));
  const hasOlder = reader.u8();
  if (hasOlder > 1) reader.refuse(`unknown flags ${hasOlder}`);
  const older = hasOlder === 1 ? { olderSnapshots: readStreamRef(reader) } : {};
  const padding = reader.raw(reader.remaining);
  const isWhole = (plaintext.length + OVERHEAD_BYTES) % SEALED_UNIT_BYTES === 0 && padding.length < SEALED_UNIT_BYTES;
  if (!isWhole || padding.some((byte) => byte !== 0)) reader.refuse('it is not padded as heads are');
  const fault = faultOf({ indexPacks, snapshots });
  if (fault !== undefined) reader.refuse(fault);
  return { machineId, hostName, indexPacks, snapshots, ...older };
}

/** At most MAX_HEAD_BYTES (64 KiB). @throws HoldfastError `codec.bad-argument` */
export function sealHead(
  dataKey: Uint8Array,
  place: HeadPlace,
  content: HeadContent,
  randomness: RandomSource,
): Uint8Array {
  const plaintext = encodeHeadContent(content);
  const nonce = randomness.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', headKey(dataKey, place.vaultId, place.sequence), nonce);
  const version = Uint8Array.of(HEAD_VERSION);
  cipher.setAAD(version);
  const parts = [version, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat(parts));
}

/** @throws HoldfastError `codec.wrong-key`, `codec.damaged`, `codec.unsupported-version` */
export function openHead(dataKey: Uint8Array, place: HeadPlace, sealed: Uint8Array): HeadContent {
  if (sealed.length < 1) throw damaged('the head', 'it is empty');
  if (sealed[0] !== HEAD_VERSION) throw unsupportedVersion('The head', sealed[0]!);
  if (sealed.length > MAX_HEAD_BYTES || sealed.length % SEALED_UNIT_BYTES !== 0) {
    throw damaged('the head', `no head is ${sealed.length} bytes long`);
  }
  const key = headKey(dataKey, place.vaultId, place.sequence);
  const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES));
  cipher.setAAD(sealed.subarray(0, 1));
  cipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plaintext = cipher.update(sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    cipher.final();
  } catch {
    throw fail('codec.wrong-key', { what: 'The head' });
  }
  return decodeHeadContent(new Uint8Array(plaintext));
}

/** For `olderSnapshots`: 56 bytes an entry, in order. @throws HoldfastError `codec.bad-argument` */
export function encodeSnapshotList(snapshots: readonly SnapshotEntry[]): Uint8Array {
  const fault = orderFaultOf(snapshots);
  if (fault !== undefined) throw badArgument(fault);
  const writer = new ByteWriter('a list of snapshots', 4096);
  for (const entry of snapshots) writeSnapshotEntry(writer, entry);
  return writer.take();
}

/** Ids are views of `bytes`. @throws HoldfastError `codec.damaged` */
export function decodeSnapshotList(bytes: Uint8Array): SnapshotEntry[] {
  const reader = new ByteReader('a list of snapshots', bytes);
  if (bytes.length % SNAPSHOT_ENTRY_BYTES !== 0) reader.refuse('it has bytes left over');
  const snapshots: SnapshotEntry[] = [];
  while (reader.remaining > 0) snapshots.push(readSnapshotEntry(reader));
  const fault = orderFaultOf(snapshots);
  if (fault !== undefined) reader.refuse(fault);
  return snapshots;
}
