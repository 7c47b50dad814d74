/** What goes wrong with disks, done on purpose: shards that vanish, bytes that flip. Nobody tells the node. */
import { closeSync, fsyncSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GROUP_BYTES } from '@holdfast/protocol';

/** So much of a node is damaged, at least one shard or byte: a challenge of 460 leaves finds that in 99 of 100 periods. */
const DAMAGED_SHARE = 0.01;

export interface Damage {
  /** `pack-index` of each shard that is not what it was. */
  readonly shards: ReadonlySet<string>;
  /** Of shards or bytes. */
  readonly count: number;
}

interface ShardOnDisk {
  readonly path: string;
  readonly groups: number;
}

/** A shard's file is named by its pack and index, and is the shard with a trailer behind it. */
function shardsOf(dataDir: string): ShardOnDisk[] {
  const root = join(dataDir, 'shards');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ path: join(root, name), stats: statSync(join(root, name)) }))
    .filter(({ stats }) => stats.isFile())
    .map(({ path, stats }) => ({ path, groups: Math.floor(stats.size / GROUP_BYTES) }));
}

const toDamage = (groups: number): number => Math.max(1, Math.ceil(groups * DAMAGED_SHARE));
const groupsOf = (shards: readonly ShardOnDisk[]): number => shards.reduce((sum, { groups }) => sum + groups, 0);

export function deleteShards(dataDir: string): Damage {
  const shards = shardsOf(dataDir);
  let left = toDamage(groupsOf(shards));
  const gone = new Set<string>();
  for (const { path, groups } of shards) {
    if (left <= 0) break;
    rmSync(path);
    gone.add(basename(path));
    left -= groups;
  }
  return { shards: gone, count: gone.size };
}

/** One byte in each of some groups, spread over the disk. */
export function flipBytes(dataDir: string): Damage {
  const shards = shardsOf(dataDir);
  const all = groupsOf(shards);
  const count = toDamage(all);
  const wanted = new Set(Array.from({ length: count }, (_, index) => Math.floor((index * all) / count)));
  const damaged = new Set<string>();
  let first = 0;
  for (const { path, groups } of shards) {
    for (let group = 0; group < groups; group += 1) {
      if (!wanted.has(first + group)) continue;
      flipByte(path, group * GROUP_BYTES + GROUP_BYTES / 2);
      damaged.add(basename(path));
    }
    first += groups;
  }
  return { shards: damaged, count };
}

function flipByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  try {
    const byte = new Uint8Array(1);
    readSync(fd, byte, 0, 1, offset);
    byte[0] = byte[0]! ^ 1;
    writeSync(fd, byte, 0, 1, offset);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
