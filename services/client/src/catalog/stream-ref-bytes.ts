/** A stream reference as bytes for the catalog (a private encoding: the vault has its own). */
import type { StreamRef } from '@holdfast/codec';

const ID_BYTES = 32;
const HEADER_BYTES = 9;

export function encodeStreamRef({ sizeBytes, depth, ids }: StreamRef): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + ids.length * ID_BYTES);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 0);
  bytes.writeUInt8(depth, 8);
  ids.forEach((id, place) => bytes.set(id, HEADER_BYTES + place * ID_BYTES));
  return bytes;
}

export function decodeStreamRef(bytes: Uint8Array): StreamRef {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = (bytes.length - HEADER_BYTES) / ID_BYTES;
  const ids = Array.from({ length: count }, (_, place) =>
    bytes.subarray(HEADER_BYTES + place * ID_BYTES, HEADER_BYTES + (place + 1) * ID_BYTES),
  );
  return { sizeBytes: Number(view.readBigUInt64BE(0)), depth: view.readUInt8(8), ids };
}
