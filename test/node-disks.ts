/** What really lies on the nodes' disks, and what the mediator's database says should lie there. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';

export interface ShardOnDisk {
  /** 64 hex digits. */
  readonly packId: string;
  readonly shardIndex: number;
  readonly path: string;
  /** With what the node keeps beside the shard. */
  readonly fileBytes: number;
  /** Of the shard itself. */
  readonly lengthBytes: number;
}

const GROUP_BYTES = 65_536;

/** Shards of a node, whatever the node knows of them; files of other names show as `stray`. */
export function shardsOnDisk(dataDir: string): { shards: ShardOnDisk[]; stray: string[] } {
  const shards: ShardOnDisk[] = [];
  const stray = readdirSync(join(dataDir, 'incoming')).map((name) => join(dataDir, 'incoming', name));
  const top = join(dataDir, 'shards');
  for (const entry of readdirSync(top, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const match = /^([0-9a-f]{64})-(\d+)$/.exec(entry.name);
    if (match === null) {
      stray.push(path);
      continue;
    }
    const fileBytes = statSync(path).size;
    const lengthBytes = Math.floor(fileBytes / GROUP_BYTES) * GROUP_BYTES;
    shards.push({ packId: match[1]!, shardIndex: Number(match[2]), path, fileBytes, lengthBytes });
  }
  return { shards, stray };
}

export interface CommittedShard {
  readonly nodeId: string;
  readonly packId: string;
  readonly shardIndex: number;
  readonly lengthBytes: number;
  readonly root: string;
}

/** Every row of the answer. */
export async function queryDatabase<Row>(databaseUrl: string, sql: string): Promise<Row[]> {
  for (;;) {
    try {
      return await queryOnce<Row>(databaseUrl, sql);
    } catch (error) {
      if (!isRecovering(error as Error)) throw error;
      await sleep(100);
    }
  }
}

/** Of a server that crashed a moment ago, for those who were connected and for those who come. */
const isRecovering = ({ code, message }: Error & { code?: string }): boolean =>
  ['57P02', '57P03', 'ECONNRESET'].includes(code ?? '') || message === 'Connection terminated unexpectedly';

async function queryOnce<Row>(databaseUrl: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** Shards of packs that are committed and not dropped. */
export const committedShards = (databaseUrl: string): Promise<CommittedShard[]> =>
  queryDatabase(
    databaseUrl,
    `SELECT encode(nodes.node_id, 'hex') AS "nodeId", encode(packs.pack_id, 'hex') AS "packId",
       shards.shard_index AS "shardIndex", packs.shard_length_bytes AS "lengthBytes", encode(shards.root, 'hex') AS root
     FROM shards JOIN packs USING (pack_no) JOIN nodes USING (node_no) WHERE NOT packs.is_dropped`,
  );

/** One line per shard: who, which, how long; sorted. */
export const shardLines = (
  shards: Iterable<Pick<CommittedShard, 'nodeId' | 'packId' | 'shardIndex' | 'lengthBytes'>>,
): string[] =>
  Array.from(
    shards,
    ({ nodeId, packId, shardIndex, lengthBytes }) => `${nodeId} ${packId}-${shardIndex} ${lengthBytes}`,
  ).toSorted();

/** The same from the disks of these nodes. */
export const shardLinesOnDisk = (nodes: readonly { nodeId: string; dataDir: string }[]): string[] =>
  shardLines(
    nodes.flatMap(({ nodeId, dataDir }) => shardsOnDisk(dataDir).shards.map((shard) => ({ nodeId, ...shard }))),
  );
