/** Compares two directory trees as docs/fidelity.md promises them to be equal: every name, byte, mode, time and link. */
import { type BigIntStats, lstatSync, type PathLike, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';

export interface TreeDifference {
  /** Below the trees' tops, escaped for people. */
  readonly path: string;
  readonly what: string;
}

export interface TreeComparison {
  /** Entries that both trees have, the tops included. */
  readonly compared: number;
  /** Bytes of file contents that were compared. */
  readonly comparedBytes: number;
  /** Empty: the trees are equal. At most `maxDifferences`. */
  readonly differences: readonly TreeDifference[];
}

export interface CompareOptions {
  /** Also compare user and group. Default: only when this process is root. */
  readonly owners?: boolean;
  /** Also that a file with holes has them again, roughly. Default true. */
  readonly holes?: boolean;
  /** Names (directly below the top of a directory) that are left out of both trees. */
  readonly ignore?: (path: string) => boolean;
  readonly maxDifferences?: number;
}

const PIECE_BYTES = 1024 * 1024;
const SMALL_BYTES = 65_536n;
const HOLE_SLACK_BYTES = 1024 * 1024;
const TYPES = [
  'isFile',
  'isDirectory',
  'isSymbolicLink',
  'isFIFO',
  'isCharacterDevice',
  'isBlockDevice',
  'isSocket',
] as const;

/** @param expected the tree that was backed up; sockets in it are not expected in `actual` */
export async function compareTrees(
  expected: string,
  actual: string,
  options: CompareOptions = {},
): Promise<TreeComparison> {
  const comparison = new Comparison(options);
  await comparison.compare(Buffer.from(expected), Buffer.from(actual), Buffer.alloc(0));
  comparison.compareLinks();
  return comparison;
}

class Comparison implements TreeComparison {
  compared = 0;
  comparedBytes = 0;
  readonly differences: TreeDifference[] = [];
  readonly #options: Required<CompareOptions>;
  /** By device and inode: the paths of a file with several names, in both trees. */
  readonly #links: [Map<string, string[]>, Map<string, string[]>] = [
    new Map<string, string[]>(),
    new Map<string, string[]>(),
  ];

  constructor({
    owners = process.geteuid?.() === 0,
    holes = true,
    ignore = () => false,
    maxDifferences = 100,
  }: CompareOptions) {
    this.#options = { owners, holes, ignore, maxDifferences };
  }

  async compare(expected: Buffer, actual: Buffer, path: Buffer): Promise<void> {
    const [left, right] = [expected, actual].map((at) => lstatSync(at, { bigint: true, throwIfNoEntry: false }));
    if (left === undefined || right === undefined) {
      this.#differ(path, left === undefined ? 'is there, but should not be' : 'is missing');
      return;
    }
    this.compared += 1;
    const type = TYPES.find((is) => left[is]());
    if (type === undefined || !right[type]()) {
      this.#differ(path, `is ${typeName(right)} instead of ${typeName(left)}`);
      return;
    }
    this.#compareStats(left, right, path);
    if (!left.isDirectory()) this.#remember(left, right, path);
    try {
      if (left.isDirectory()) await this.#compareDirectories(expected, actual, path);
      else if (left.isFile()) await this.#compareFiles(expected, actual, left, right, path);
      else if (left.isSymbolicLink() && !readLink(expected).equals(readLink(actual)))
        this.#differ(path, 'points elsewhere');
    } catch (error) {
      this.#differ(path, `cannot be read: ${(error as Error).message}`);
    }
  }

  #differ(path: Buffer, what: string): void {
    if (this.differences.length < this.#options.maxDifferences) this.differences.push({ path: show(path), what });
  }

  #compareStats(left: BigIntStats, right: BigIntStats, path: Buffer): void {
    // Symlinks have no mode of their own.
    if (!left.isSymbolicLink() && left.mode !== right.mode) {
      this.#differ(
        path,
        `has mode ${(right.mode & 0o7777n).toString(8)} instead of ${(left.mode & 0o7777n).toString(8)}`,
      );
    }
    if (!isSameTime(left.mtimeNs, right.mtimeNs)) {
      this.#differ(path, `was modified at ${right.mtimeNs} ns instead of ${left.mtimeNs} ns`);
    }
    if (this.#options.owners && (left.uid !== right.uid || left.gid !== right.gid)) {
      this.#differ(path, `belongs to ${right.uid}:${right.gid} instead of ${left.uid}:${left.gid}`);
    }
    if ((left.isCharacterDevice() || left.isBlockDevice()) && left.rdev !== right.rdev)
      this.#differ(path, 'is another device');
  }

  async #compareDirectories(expected: Buffer, actual: Buffer, path: Buffer): Promise<void> {
    const names = new Map<string, Buffer>();
    for (const name of [...list(expected, true), ...list(actual, false)]) names.set(name.toString('latin1'), name);
    for (const key of [...names.keys()].toSorted()) {
      const name = names.get(key)!;
      const below = join(path, name);
      if (this.#options.ignore(below.toString('utf8'))) continue;
      await this.compare(join(expected, name), join(actual, name), below);
    }
  }

  async #compareFiles(
    expected: Buffer,
    actual: Buffer,
    left: BigIntStats,
    right: BigIntStats,
    path: Buffer,
  ): Promise<void> {
    if (left.size !== right.size) {
      this.#differ(path, `has ${right.size} bytes instead of ${left.size}`);
      return;
    }
    this.comparedBytes += Number(left.size);
    // Most files are small, and four promises for each of 100,000 would take minutes.
    if (left.size <= SMALL_BYTES && readFileSync(expected).equals(readFileSync(actual))) return;
    const at = await firstDifference(expected, actual, Number(left.size));
    if (at !== undefined) this.#differ(path, `differs from byte ${at} on`);
    const spare = right.blocks * 512n - left.blocks * 512n;
    if (this.#options.holes && left.blocks * 512n < left.size && spare > BigInt(HOLE_SLACK_BYTES)) {
      this.#differ(path, `takes ${spare} bytes more on disk: its holes are filled`);
    }
  }

  #remember(left: BigIntStats, right: BigIntStats, path: Buffer): void {
    for (const [tree, { nlink, dev, ino }] of [left, right].entries()) {
      if (nlink < 2n) continue;
      const links = this.#links[tree]!;
      const key = `${dev} ${ino}`;
      links.set(key, [...(links.get(key) ?? []), path.toString('latin1')]);
    }
  }

  /** The same sets of names share a file in both trees. */
  compareLinks(): void {
    const [left, right] = this.#links.map(
      (links) => new Set([...links.values()].filter((paths) => paths.length > 1).map((paths) => paths.join('\0'))),
    );
    for (const paths of left!) if (!right!.has(paths)) this.#differ(firstOf(paths), 'is not linked to the same names');
    for (const paths of right!)
      if (!left!.has(paths)) this.#differ(firstOf(paths), 'is linked to names that it should not');
  }
}

const firstOf = (paths: string): Buffer => Buffer.from(paths.split('\0')[0]!, 'latin1');
const join = (path: Buffer, name: Buffer): Buffer =>
  path.length === 0 ? name : Buffer.concat([path, Buffer.from('/'), name]);
const readLink = (path: PathLike): Buffer => readlinkSync(path, 'buffer');
const typeName = (stats: BigIntStats): string => TYPES.find((is) => stats[is]())?.slice(2) ?? 'unknown';

function list(directory: Buffer, withoutSockets: boolean): Buffer[] {
  const names = readdirSync(directory, 'buffer') as unknown as Buffer[];
  if (!withoutSockets) return names;
  return names.filter((name) => lstatSync(join(directory, name), { throwIfNoEntry: false })?.isSocket() !== true);
}

/** To the microsecond from 1970 on, to the millisecond before. */
function isSameTime(leftNs: bigint, rightNs: bigint): boolean {
  if (leftNs >= 0n) return leftNs / 1000n === rightNs / 1000n;
  const slack = leftNs - rightNs;
  return slack > -1_000_000n && slack < 1_001_000n;
}

async function firstDifference(expected: Buffer, actual: Buffer, sizeBytes: number): Promise<number | undefined> {
  const [left, right] = await Promise.all([open(expected), open(actual)]);
  const pieces = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)] as const;
  try {
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const [a, b] = await Promise.all([
        left.read(pieces[0], 0, PIECE_BYTES, at),
        right.read(pieces[1], 0, PIECE_BYTES, at),
      ]);
      if (a.bytesRead === b.bytesRead && pieces[0].compare(pieces[1], 0, b.bytesRead, 0, a.bytesRead) === 0) continue;
      const length = Math.min(a.bytesRead, b.bytesRead);
      for (let index = 0; index < length; index += 1) if (pieces[0][index] !== pieces[1][index]) return at + index;
      return at + length;
    }
    return undefined;
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
}

/** Escaped where it is no plain text. */
function show(path: Buffer): string {
  const text = path.toString('utf8');
  const isText = Buffer.from(text).equals(path);
  return JSON.stringify(isText ? text : path.toString('latin1'));
}
