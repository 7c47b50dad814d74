/** The trees that are backed up: made from a seed, so that two machines measure the same bytes. */
import { createCipheriv, createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeFacts {
  files: number;
  bytes: number;
}

/** An endless stream of reproducible bytes: AES-256-CTR over zeros. */
function createBytes(seed: string): (count: number) => Buffer {
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
  return (count) => cipher.update(Buffer.alloc(count));
}

const POOL_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 512;

/** Text-like bytes that zstd shrinks to less than half: pieces, at random places, of a pool of words in random order. */
export function createText(seed: string): (count: number) => Buffer {
  const bytes = createBytes(seed);
  const words = Array.from({ length: 4096 }, () =>
    bytes(2 + (bytes(1)[0]! % 7))
      .toString('base64url')
      .toLowerCase(),
  );
  const picks = bytes(POOL_BYTES);
  const text: string[] = [];
  for (let at = 0, length = 0; length < POOL_BYTES; at += 2) {
    const word = words[picks.readUInt16LE(at) % words.length]!;
    text.push(word);
    length += word.length + 1;
  }
  const pool = Buffer.from(text.join(' '), 'latin1');
  return (count) => {
    const content = Buffer.alloc(count);
    const places = bytes(4 * Math.ceil(count / PIECE_BYTES));
    for (let at = 0, piece = 0; at < count; at += PIECE_BYTES, piece += 1) {
      const from = places.readUInt32LE(4 * piece) % (pool.length - PIECE_BYTES);
      pool.copy(content, at, from, from + PIECE_BYTES);
    }
    return content;
  };
}

/** Files of many sizes, two thirds of the bytes compressible, a tenth of the files copies of others, in nested directories. */
export function makeMixedTree(directory: string, totalBytes: number, seed: string): TreeFacts {
  const random = createBytes(`${seed} random`);
  const text = createText(`${seed} text`);
  const dice = createBytes(`${seed} dice`);
  const facts = { files: 0, bytes: 0 };
  let copy: Buffer | undefined;
  while (facts.bytes < totalBytes) {
    const folder = join(directory, `d${facts.files % 40}`, `e${Math.floor(facts.files / 40) % 25}`);
    mkdirSync(folder, { recursive: true });
    const draw = dice(6);
    // log-uniform: 1 KiB … 1 MiB for nine in ten, up to 32 MiB for the tenth
    const exponent =
      draw[0]! < 230 ? 10 + (draw.readUInt16LE(1) / 65_536) * 10 : 20 + (draw.readUInt16LE(1) / 65_536) * 5;
    const size = Math.min(Math.floor(2 ** exponent), totalBytes - facts.bytes);
    const isCopy = copy !== undefined && draw[3]! < 26;
    const content: Buffer = isCopy ? copy! : draw[4]! < 170 ? text(size) : random(size);
    writeFileSync(join(folder, `f${facts.files}.bin`), content);
    copy = content;
    facts.files += 1;
    facts.bytes += content.length;
  }
  return facts;
}

/** Bytes that neither compress nor repeat, in files of 64 MiB. */
export function makeRandomTree(directory: string, totalBytes: number, seed: string): TreeFacts {
  const random = createBytes(seed);
  const facts = { files: 0, bytes: 0 };
  mkdirSync(directory, { recursive: true });
  while (facts.bytes < totalBytes) {
    const size = Math.min(64 * 1024 * 1024, totalBytes - facts.bytes);
    writeFileSync(join(directory, `r${facts.files}.bin`), random(size));
    facts.files += 1;
    facts.bytes += size;
  }
  return facts;
}
