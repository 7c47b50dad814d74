/** The directory that a restore writes into: there, ours to write, with room enough. */
import { mkdirSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { fail } from '@holdfast/protocol';
import { describeErrno } from './run-job.ts';

/**
 * Makes it where it is missing, and gives back its real path: a symlink that the user names is followed, others never.
 * @throws HoldfastError `client.bad-target`
 */
export function openTarget(target: string): Buffer {
  try {
    mkdirSync(target, { recursive: true });
    const path = realpathSync.native(target, 'buffer') as unknown as Buffer;
    if (!statSync(path).isDirectory()) throw fail('client.bad-target', { path: target, detail: 'it is no directory' });
    return path;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) {
      throw fail('client.bad-target', { path: target, detail: describeErrno(code) }, error);
    }
    throw error;
  }
}

/** Bytes that this user can write there. */
export function freeBytesAt(path: Buffer): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
