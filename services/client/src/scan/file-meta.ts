/** From what lstat says to what the vault keeps of a file. */
import { readlinkSync } from 'node:fs';
import type { FileMeta, StreamRef } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import { type ByteString, toPath } from './byte-string.ts';
import { type FileStat, typeOf } from './file-stat.ts';
import type { HardLinks } from './hard-links.ts';
import type { Owners } from './owners.ts';

const MODE_BITS = 0o7777;
const BLOCK_BYTES = 512;

export interface MetaSources {
  readonly owners: Owners;
  readonly hardLinks: HardLinks;
}

/**
 * @param content of a file or directory; undefined for other types
 * @throws NodeJS.ErrnoException when a symlink cannot be read
 */
export function toFileMeta(
  { owners, hardLinks }: MetaSources,
  path: ByteString,
  stat: FileStat,
  content: StreamRef | undefined,
): FileMeta {
  const type = typeOf(stat);
  const common = {
    mode: stat.mode & MODE_BITS,
    uid: stat.uid,
    gid: stat.gid,
    userName: owners.userName(stat.uid),
    groupName: owners.groupName(stat.gid),
    mtimeNs: stat.mtimeNs,
    ...(stat.nlink > 1 && type !== 'directory' ? { hardLinkGroup: hardLinks.groupOf(stat) } : {}),
  };
  switch (type) {
    case 'file':
      return { ...common, type, content: content!, ...(hasHoles(stat) ? { sparse: true } : {}) };
    case 'directory':
      return { ...common, type, content: content! };
    case 'symlink':
      return { ...common, type, target: readlinkSync(toPath(path), 'buffer') };
    case 'character-device':
    case 'block-device':
      return { ...common, type, device: deviceNumber(stat.rdev) };
    case 'fifo':
      return { ...common, type };
    case 'socket':
    case undefined:
      break;
  }
  throw fail('codec.bad-argument', { detail: `a ${type ?? 'thing of unknown type'}, which no snapshot holds` });
}

const hasHoles = (stat: FileStat): boolean => stat.blocks * BLOCK_BYTES < stat.sizeBytes;

/** As glibc packs them: 12 + 20 bits each, interleaved. */
function deviceNumber(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
