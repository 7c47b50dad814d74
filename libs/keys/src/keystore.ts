/**
 * The keystore file: the 24 words' entropy, sealed under a passphrase. Version 1, big-endian:
 * magic (8) | version (1) | KDF (1) | memory in KiB (4) | passes (4) | lanes (1) | salt (16) | nonce (12) | sealed
 * entropy (32) | tag (16) | SHA-256 of all bytes before it (32): 127 bytes. The key is Argon2id (RFC 9106) of the
 * passphrase; AES-256-GCM binds everything before the sealed entropy as additional data. The checksum at the end needs
 * no key: it tells a damaged file from a wrong passphrase.
 */
import { argon2, createCipheriv, createDecipheriv, createHash, timingSafeEqual } from 'node:crypto';
import { fail } from '@holdfast/protocol';
import { ENTROPY_BYTES, entropyFromWords, wordsFromEntropy, type RandomSource, type Words } from './words.ts';

/** What it costs to try one passphrase. */
export interface KdfCost {
  /** 8 × lanes … 1,048,576 (1 GiB). */
  readonly memoryKib: number;
  /** 1 … 64; memory × passes at most 4 GiB. */
  readonly passes: number;
  /** 1 … 16. */
  readonly lanes: number;
}

/**
 * The second recommended choice of RFC 9106 (section 4), for where 2 GiB are too much; above OWASP's least. About 0.2 s of one
 * core, which every command pays: node:crypto works the lanes one after the other, a guesser's machine may do so at once.
 */
export const DEFAULT_KDF_COST: KdfCost = { memoryKib: 64 * 1024, passes: 3, lanes: 4 };

export const KEYSTORE_BYTES = 127;

const MAGIC = Buffer.from('HFKEYS\r\n', 'latin1');
const VERSION = 1;
const ARGON2ID = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CHECKSUM_BYTES = 32;
const SALT_AT = 19;
const NONCE_AT = SALT_AT + SALT_BYTES;
const SEALED_AT = NONCE_AT + NONCE_BYTES;
const TAG_AT = SEALED_AT + ENTROPY_BYTES;
const CHECKSUM_AT = TAG_AT + TAG_BYTES;

const MAX_MEMORY_KIB = 1_048_576;
const MAX_WORK_KIB = 4 * 1_048_576;
const MAX_PASSES = 64;
const MAX_LANES = 16;

/**
 * The file's bytes for these words, with a fresh salt and nonce. The caller writes them durably, mode 0600.
 * @throws HoldfastError `passphrase.empty`
 */
export async function sealKeystore(options: {
  readonly words: Words;
  readonly passphrase: string;
  readonly randomness: RandomSource;
  /** Default DEFAULT_KDF_COST. */
  readonly cost?: KdfCost;
}): Promise<Uint8Array> {
  const cost = options.cost ?? DEFAULT_KDF_COST;
  if (!isSane(cost)) throw fail('codec.bad-argument', { detail: 'a keystore cost out of bounds' });
  const header = Buffer.alloc(SEALED_AT);
  MAGIC.copy(header);
  header.writeUInt8(VERSION, 8);
  header.writeUInt8(ARGON2ID, 9);
  header.writeUInt32BE(cost.memoryKib, 10);
  header.writeUInt32BE(cost.passes, 14);
  header.writeUInt8(cost.lanes, 18);
  header.set(options.randomness.bytes(SALT_BYTES), SALT_AT);
  header.set(options.randomness.bytes(NONCE_BYTES), NONCE_AT);
  const key = await passphraseKey(options.passphrase, header.subarray(SALT_AT, NONCE_AT), cost);
  const cipher = createCipheriv('aes-256-gcm', key, header.subarray(NONCE_AT, SEALED_AT)).setAAD(header);
  const sealed = Buffer.concat([cipher.update(entropyFromWords(options.words)), cipher.final(), cipher.getAuthTag()]);
  const body = Buffer.concat([header, sealed]);
  return new Uint8Array(Buffer.concat([body, sha256(body)]));
}

/**
 * The words in a keystore file.
 * @param path for the sentence of an error.
 * @throws HoldfastError `keystore.wrong-passphrase`, `keystore.damaged` (not a keystore, truncated, or any byte
 * changed), `keystore.unsupported-version`, `passphrase.empty`. No input makes it take more than 1 GiB, or more work
 * than 4 GiB of passes.
 */
export async function openKeystore(file: Uint8Array, passphrase: string, path = 'file'): Promise<Words> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const cost = checkFile(bytes, path);
  const key = await passphraseKey(passphrase, bytes.subarray(SALT_AT, NONCE_AT), cost);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(NONCE_AT, SEALED_AT), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(bytes.subarray(0, SEALED_AT)).setAuthTag(bytes.subarray(TAG_AT, CHECKSUM_AT));
  try {
    return wordsFromEntropy(Buffer.concat([decipher.update(bytes.subarray(SEALED_AT, TAG_AT)), decipher.final()]));
  } catch (error) {
    throw fail('keystore.wrong-passphrase', {}, error);
  }
}

/**
 * The file for the same words under another passphrase; the caller replaces the old file durably. Errors as
 * `openKeystore`.
 */
export async function changePassphrase(options: {
  readonly file: Uint8Array;
  readonly oldPassphrase: string;
  readonly newPassphrase: string;
  readonly randomness: RandomSource;
  readonly cost?: KdfCost;
  readonly path?: string;
}): Promise<Uint8Array> {
  checkNotEmpty(options.newPassphrase);
  const words = await openKeystore(options.file, options.oldPassphrase, options.path);
  return sealKeystore({
    words,
    passphrase: options.newPassphrase,
    randomness: options.randomness,
    ...(options.cost && { cost: options.cost }),
  });
}

/** Everything that can be known without the passphrase. In every version, magic comes first and the checksum last. */
function checkFile(bytes: Buffer, path: string): KdfCost {
  const damaged = (): Error => fail('keystore.damaged', { path });
  const longest = 64 * 1024;
  if (bytes.length < MAGIC.length + 1 + CHECKSUM_BYTES || bytes.length > longest) throw damaged();
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged();
  const end = bytes.length - CHECKSUM_BYTES;
  if (!timingSafeEqual(sha256(bytes.subarray(0, end)), bytes.subarray(end))) throw damaged();
  const version = bytes.readUInt8(8);
  if (version !== VERSION) throw fail('keystore.unsupported-version', { version });
  if (bytes.length !== KEYSTORE_BYTES || bytes.readUInt8(9) !== ARGON2ID) throw damaged();
  const cost = { memoryKib: bytes.readUInt32BE(10), passes: bytes.readUInt32BE(14), lanes: bytes.readUInt8(18) };
  if (!isSane(cost)) throw damaged();
  return cost;
}

function isSane({ memoryKib, passes, lanes }: KdfCost): boolean {
  const areWhole = [memoryKib, passes, lanes].every((value) => Number.isSafeInteger(value) && value >= 1);
  if (!areWhole || passes > MAX_PASSES || lanes > MAX_LANES) return false;
  return memoryKib >= 8 * lanes && memoryKib <= MAX_MEMORY_KIB && memoryKib * passes <= MAX_WORK_KIB;
}

/** The same characters typed on another system may come as other code points: NFC makes them one. */
function passphraseKey(passphrase: string, salt: Uint8Array, cost: KdfCost): Promise<Buffer> {
  checkNotEmpty(passphrase);
  const parameters = {
    message: Buffer.from(passphrase.normalize('NFC'), 'utf8'),
    nonce: salt,
    memory: cost.memoryKib,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: 32,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

function checkNotEmpty(passphrase: string): void {
  if (passphrase === '') throw fail('passphrase.empty');
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
