/** Entries that are no regular files: symlinks, fifos, devices, further names of hard-linked files. */
import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, linkSync, lutimesSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import type { FileMeta } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import type { Attributes } from './job.ts';
import { showPath } from './target-path.ts';
import { toFileTime } from './times.ts';

export interface SpecialPlace {
  /** Beside the final name. */
  readonly temporary: Buffer;
  readonly final: Buffer;
  /** A temporary name that is text, for programs that take no other; on the same file system, one hopes. */
  readonly plainTemporary: string;
}

/** Makes it under the temporary name, sets what can be set, and gives it its name. Leaves nothing when that fails. */
export function createSpecial(meta: FileMeta, place: SpecialPlace, attributes: Attributes): void {
  try {
    switch (meta.type) {
      case 'symlink':
        symlinkSync(Buffer.from(meta.target!), place.temporary);
        break;
      case 'fifo':
        runMaker('mkfifo', ['-m', '600', '--', place.plainTemporary], place.final);
        renameSync(place.plainTemporary, place.temporary);
        break;
      case 'character-device':
      case 'block-device':
        makeDevice(meta, place);
        break;
      case 'file':
      case 'directory':
        throw new TypeError(`a ${meta.type} is nothing special`);
    }
    setAttributes(meta, place.temporary, attributes);
    renameSync(place.temporary, place.final);
  } catch (error) {
    rmSync(place.temporary, { force: true });
    rmSync(place.plainTemporary, { force: true });
    throw error;
  }
}

/** One more name for a file that this restore made. */
export function createHardLink(
  existing: Buffer,
  { temporary, final }: Pick<SpecialPlace, 'temporary' | 'final'>,
): void {
  linkSync(existing, temporary);
  try {
    renameSync(temporary, final);
  } finally {
    // Renaming one name of a file to another of its names leaves both.
    rmSync(temporary, { force: true });
  }
}

function makeDevice({ type, device }: FileMeta, { plainTemporary, temporary, final }: SpecialPlace): void {
  if (process.geteuid?.() !== 0) {
    throw fail('client.not-writable', { path: showPath(final), detail: 'only root can make devices' });
  }
  const letter = type === 'character-device' ? 'c' : 'b';
  runMaker('mknod', ['-m', '600', '--', plainTemporary, letter, String(device!.major), String(device!.minor)], final);
  renameSync(plainTemporary, temporary);
}

/** Node has no call for these. */
function runMaker(program: string, parameters: string[], final: Buffer): void {
  try {
    execFileSync(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const { stderr, code } = error as { stderr?: Buffer; code?: string };
    const said = stderr?.toString('utf8').trim().split('\n')[0];
    throw fail(
      'client.not-writable',
      { path: showPath(final), detail: said || `${program}: ${code ?? 'failed'}` },
      error,
    );
  }
}

function setAttributes({ type }: FileMeta, path: Buffer, { uid, gid, mode, mtimeNs }: Attributes): void {
  if (uid !== undefined && gid !== undefined) lchownSync(path, uid, gid);
  // Symlinks have no mode of their own on Linux. The name was just made by us, so it is none.
  if (type !== 'symlink') chmodSync(path, mode);
  const time = toFileTime(mtimeNs);
  lutimesSync(path, time, time);
}
