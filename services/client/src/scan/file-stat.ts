/** What lstat says of a file, in the form in which it is compared, sent between threads and kept. */
import type { BigIntStats } from 'node:fs';

export interface FileStat {
  readonly dev: bigint;
  readonly ino: bigint;
  /** With the bits of the file type. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: bigint;
  readonly sizeBytes: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export const toFileStat = (stats: BigIntStats): FileStat => ({
  dev: stats.dev,
  ino: stats.ino,
  mode: Number(stats.mode),
  nlink: Number(stats.nlink),
  uid: Number(stats.uid),
  gid: Number(stats.gid),
  rdev: stats.rdev,
  sizeBytes: Number(stats.size),
  blocks: Number(stats.blocks),
  mtimeNs: stats.mtimeNs,
  ctimeNs: stats.ctimeNs,
});

/** The same contents, as far as anybody can tell without reading them: nothing wrote to the file in between. */
export const sameContents = (a: FileStat, b: FileStat): boolean =>
  a.ctimeNs === b.ctimeNs &&
  a.mtimeNs === b.mtimeNs &&
  a.sizeBytes === b.sizeBytes &&
  a.ino === b.ino &&
  a.dev === b.dev;

/** Clocks of file systems tick: what changed so shortly before can change again without a new time. */
const TICK_MS = 50;
/** Some keep whole seconds only, or every other one. */
const COARSE_TICK_MS = 2500;
const SECOND_NS = 1_000_000_000n;
const MILLISECOND_NS = 1_000_000n;

/** Whether a write from now on would surely leave another change time than this. */
export function isSettled({ ctimeNs }: Pick<FileStat, 'ctimeNs'>, nowMs: number): boolean {
  const tickMs = ctimeNs % SECOND_NS === 0n ? COARSE_TICK_MS : TICK_MS;
  return Number(ctimeNs / MILLISECOND_NS) + tickMs < nowMs;
}

const TYPE_BITS = 0o170000;
const TYPES = {
  [0o100000]: 'file',
  [0o040000]: 'directory',
  [0o120000]: 'symlink',
  [0o010000]: 'fifo',
  [0o020000]: 'character-device',
  [0o060000]: 'block-device',
  [0o140000]: 'socket',
} as const;
export type StatType = (typeof TYPES)[keyof typeof TYPES];

export const typeOf = ({ mode }: Pick<FileStat, 'mode'>): StatType | undefined =>
  TYPES[(mode & TYPE_BITS) as keyof typeof TYPES];
