/** Files that the command line writes for the user, and those that it is told to read. */
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fsyncDirectory } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import type { InputStream } from './console.ts';

/** Writes a file of the user's own that must not exist yet, readable by the user only, durably. */
export async function writeNewFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await fsyncDirectory(dirname(path));
}

const LONGEST_TEXT_BYTES = 65_536;

/** A short text from a file, or from standard input for `-`. @throws HoldfastError `input.too-large` */
export async function readShortText(path: string, input: InputStream): Promise<string> {
  const pieces = (path === '-' ? input : createReadStream(path)) as AsyncIterable<Uint8Array | string>;
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    length += bytes.length;
    if (length > LONGEST_TEXT_BYTES) {
      throw fail('input.too-large', { what: 'text', limit: `${LONGEST_TEXT_BYTES} bytes` });
    }
    read.push(bytes);
  }
  return Buffer.concat(read).toString('utf8');
}
