/** Every key that the format derives, with its label: HKDF-SHA256 (RFC 5869) throughout. */
import { createCipheriv, hkdfSync } from 'node:crypto';
import { fromHex, type PackId } from '@holdfast/protocol';
import { checkKey } from './shapes.ts';

const NO_SALT = new Uint8Array(0);

function derive(key: Uint8Array, salt: Uint8Array, info: string | Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, 32));
}

/** Seals the frames, table and trailer of one pack. */
export function packKey(dataKey: Uint8Array, packId: PackId): Uint8Array {
  checkKey('data key', dataKey);
  return derive(dataKey, fromHex(packId, 32), 'holdfast/v1/pack-key');
}

/** Makes the padding of one pack. */
export function paddingKey(dataKey: Uint8Array, packId: PackId): Uint8Array {
  checkKey('data key', dataKey);
  return derive(dataKey, fromHex(packId, 32), 'holdfast/v1/padding');
}

/** The 32 bytes that the mediator gets with a pack's commit: they mask and unmask this pack's shards, and no other. */
export function packMaskKey(maskKey: Uint8Array, packId: PackId): Uint8Array {
  checkKey('mask key', maskKey);
  return derive(maskKey, fromHex(packId, 32), 'holdfast/v1/pack-mask-key');
}

/** The AES-256-CTR key of one shard. */
export function shardMaskKey(packMaskKey: Uint8Array, shardIndex: number): Uint8Array {
  checkKey('pack mask key', packMaskKey);
  return derive(packMaskKey, NO_SALT, Buffer.from([...Buffer.from('holdfast/v1/shard-mask'), shardIndex]));
}

/** Seals one head: a key for each vault and sequence number. */
export function headKey(dataKey: Uint8Array, vaultId: string, sequence: number): Uint8Array {
  checkKey('data key', dataKey);
  const salt = Buffer.alloc(24);
  salt.set(fromHex(vaultId, 16));
  salt.writeBigUInt64BE(BigInt(sequence), 16);
  return derive(dataKey, salt, 'holdfast/v1/head');
}

/**
 * The 256 random numbers of the chunker's rolling hash: a key of the vault decides where chunks are cut, so that chunk
 * lengths give no file away. Little-endian u64s of the AES-256-CTR key stream under HKDF(gear key, "holdfast/v1/gear-table").
 */
export function gearTable(gearKey: Uint8Array): BigUint64Array {
  checkKey('gear key', gearKey);
  const stream = createCipheriv('aes-256-ctr', derive(gearKey, NO_SALT, 'holdfast/v1/gear-table'), Buffer.alloc(16));
  const bytes = stream.update(Buffer.alloc(256 * 8));
  return BigUint64Array.from({ length: 256 }, (_, place) => bytes.readBigUInt64LE(8 * place));
}
