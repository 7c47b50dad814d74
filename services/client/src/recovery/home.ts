/** The home of a client: whether it is free, and its files written so that a crash leaves all of them or a home that is free. */
import { readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createDirectoryDurably, fsyncDirectory, systemErrorCode, writeFileDurably } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { configPath, writeClientConfig } from '../config/index.ts';
import type { ClientConfig } from '../ports.ts';

export const keystorePath = (home: string): string => join(home, 'keystore');
const nextKeystorePath = (home: string): string => join(home, 'keystore.next');

/** A home is set up from the moment when its keystore is there: it is the last file to be written. */
const LEFTOVERS = /^(config\.json|keystore\.next|catalog\.sqlite.*|lock(\.owner)?|\.holdfast-[0-9a-f]{16}\.tmp)$/;

/** @throws HoldfastError `keystore.missing` */
export async function readKeystore(home: string): Promise<Uint8Array> {
  const path = keystorePath(home);
  try {
    return await readFile(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw fail('keystore.missing', { path }, error);
    throw error;
  }
}

/** Replaces the keystore of a home that is set up. */
export const writeKeystore = (home: string, sealed: Uint8Array): Promise<void> =>
  writeFileDurably(keystorePath(home), sealed);

/** @throws HoldfastError `keystore.exists`, `client.bad-directory` when it holds something else */
export async function checkHomeIsFree(home: string): Promise<void> {
  const names = await namesIn(home);
  if (names.includes('keystore')) throw fail('keystore.exists', { path: keystorePath(home) });
  const foreign = names.find((name) => !LEFTOVERS.test(name));
  if (foreign === undefined) return;
  throw fail('client.bad-directory', {
    path: home,
    detail: `this is to be a new home, but there is already ${foreign}.`,
  });
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    if (systemErrorCode(error) === 'ENOTDIR') {
      throw fail('client.bad-directory', { path: directory, detail: 'this is no directory.' }, error);
    }
    throw error;
  }
}

/**
 * Writes all files of a new home, then does `lastStep`, then puts the keystore into its place. When anything fails, the home is
 * as it was; after a crash it counts as free.
 * @throws HoldfastError as `checkHomeIsFree`, and whatever `lastStep` throws
 */
export async function createHome<T>(
  home: string,
  { config, keystore }: { readonly config: ClientConfig; readonly keystore: Uint8Array },
  lastStep: () => Promise<T>,
): Promise<T> {
  await checkHomeIsFree(home);
  const wasThere = await stat(home).then(
    () => true,
    () => false,
  );
  let result: T;
  try {
    await createDirectoryDurably(home);
    // What an unfinished attempt left is about another vault.
    await removeFiles(home);
    await writeClientConfig(home, config);
    await writeFileDurably(nextKeystorePath(home), keystore);
    result = await lastStep();
    await rename(nextKeystorePath(home), keystorePath(home));
  } catch (error) {
    await removeFiles(home).catch(() => undefined);
    // Only when it is empty.
    if (!wasThere) await rmdir(home).catch(() => undefined);
    throw error;
  }
  await fsyncDirectory(home);
  return result;
}

async function removeFiles(home: string): Promise<void> {
  await rm(configPath(home), { force: true });
  for (const name of await namesIn(home)) if (LEFTOVERS.test(name)) await rm(join(home, name), { force: true });
}
