/** The hot wallet's seed in a file of its own, which nobody but the mediator's user may read. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { createHotWallet, type HotWallet } from '@holdfast/bitcoin';
import { systemErrorCode } from '@holdfast/platform';
import { fail, fromHex, type Network } from '@holdfast/protocol';

const MAX_FILE_BYTES = 1_024;
const OTHERS = 0o077;

/** Reads 64 hex digits: a seed of 32 bytes. @throws HoldfastError `payout.bad-seed-file`, which never shows what the file holds */
export async function openSeedFile(path: string, network: Network): Promise<HotWallet> {
  const text = (await readPrivately(path)).trim();
  if (!/^[0-9a-f]{64}$/i.test(text)) throw bad(path, 'it does not hold 64 hex digits.');
  return createHotWallet(fromHex(text.toLowerCase(), 32), network);
}

async function readPrivately(path: string): Promise<string> {
  let file;
  try {
    // No link: what it points to could be changed by somebody else.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw bad(path, `it cannot be opened (${systemErrorCode(error) ?? 'unknown'}).`);
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) throw bad(path, 'it is not a file.');
    if ((status.mode & OTHERS) !== 0) throw bad(path, `others may read or change it (mode ${modeOf(status.mode)}).`);
    const user = process.getuid?.();
    if (user !== undefined && status.uid !== user) throw bad(path, 'it belongs to another user.');
    if (status.size > MAX_FILE_BYTES) throw bad(path, 'it is too long.');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

const modeOf = (mode: number): string => (mode & 0o777).toString(8);

const bad = (path: string, detail: string) => fail('payout.bad-seed-file', { path, detail });
