/**
 * The node's own small state in SQLite: which shards are committed, losses to report, the cursor of the orders, past prices.
 * SQLite and not a log of our own, because one transaction (one fsync) holds a batch of orders and the cursor behind
 * them, look-ups need no memory, and torn writes are its business.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { fromHex, type UploadId } from '@holdfast/protocol';
import type { PriceRecords } from '../agreements/index.ts';
import type { DiscardedUpload, Loss, ShardRecords } from '../shards/ports.ts';
import { openSqlite, transaction } from './open-sqlite.ts';
import { type ShardName, shardKeyBytes, shardNameFromBytes } from '../shards/shard-name.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS committed (shard BLOB PRIMARY KEY, length INTEGER NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS adopted (shard BLOB PRIMARY KEY, upload BLOB NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS uploads (
    upload BLOB PRIMARY KEY, committed_bytes INTEGER NOT NULL DEFAULT 0, ended_at_ms INTEGER
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS discarded (
    upload BLOB PRIMARY KEY, size_bytes INTEGER NOT NULL, lain_ms INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS losses (
    shard BLOB PRIMARY KEY, detail TEXT NOT NULL, found_at_ms INTEGER NOT NULL, reported INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS prices (since_ms INTEGER NOT NULL, sat_per_tb_month TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
`;
const FACTS = { format: 'format', cursor: 'cursor', scrub: 'scrub-position' } as const;
const FORMAT = 1;
/** Which every shard's key begins with. */
const CLIENT_BYTES = 32;
/** Past prices that are kept. */
const MAX_PRICES = 200;

export interface StateDatabase extends ShardRecords, PriceRecords {
  close(): void;
}

export interface OpenStateOptions {
  readonly path: string;
  /** Whether the node has shards already: then an empty database means that the old one was lost. */
  readonly hasShards: boolean;
  readonly nowMs: number;
  readonly onDamaged: (detail: string) => void;
}

/** A damaged database is moved aside and begun anew; `isComplete` is false then. */
export function openStateDatabase({ hasShards, ...options }: OpenStateOptions): StateDatabase {
  const { database, isNew } = openSqlite({ ...options, schema: SCHEMA });
  addLengths(database);
  database.prepare('INSERT OR IGNORE INTO facts VALUES (?, ?)').run(FACTS.format, FORMAT);
  return recordsOf(database, !(isNew && hasShards));
}

/** The first databases did not have them. */
function addLengths(database: DatabaseSync): void {
  const columns = database.prepare('PRAGMA table_info(committed)').all() as unknown as { name: string }[];
  if (columns.some(({ name }) => name === 'length')) return;
  database.exec('ALTER TABLE committed ADD COLUMN length INTEGER NOT NULL DEFAULT 0');
}

const uploadBytes = (uploadId: UploadId): Uint8Array => fromHex(uploadId, 16);

function recordsOf(database: DatabaseSync, isComplete: boolean): StateDatabase {
  const known = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const statement = known.get(sql) ?? database.prepare(sql);
    known.set(sql, statement);
    return statement;
  };
  const inTransaction = (run: () => void): void => transaction(database, run);
  const fact = (name: string): unknown =>
    (prepare('SELECT value FROM facts WHERE name = ?').get(name) as { value: unknown } | undefined)?.value;
  const setFact = (name: string, value: number | Uint8Array): void => {
    prepare('INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value').run(name, value);
  };
  const setCursor = (cursor: number | undefined): void => {
    if (cursor !== undefined) setFact(FACTS.cursor, cursor);
  };
  const eachKey = (sql: string, names: readonly ShardName[]): void => {
    for (const name of names) prepare(sql).run(shardKeyBytes(name));
  };

  return {
    isComplete,
    isCommitted: (name) => prepare('SELECT 1 FROM committed WHERE shard = ?').get(shardKeyBytes(name)) !== undefined,
    committedCount: () => (prepare('SELECT count(*) AS n FROM committed').get() as { n: number }).n,
    bytesOfClient(clientId) {
      const [from, to] = [new Uint8Array(CLIENT_BYTES), new Uint8Array(CLIENT_BYTES + 34).fill(0xff)];
      for (const key of [from, to]) key.set(fromHex(clientId, CLIENT_BYTES));
      const row = prepare('SELECT coalesce(sum(length), 0) AS n FROM committed WHERE shard BETWEEN ? AND ?').get(
        from,
        to,
      );
      return (row as { n: number }).n;
    },
    lengthOf(name) {
      const row = prepare('SELECT length FROM committed WHERE shard = ?').get(shardKeyBytes(name));
      return (row as { length: number } | undefined)?.length;
    },
    committed: (after, limit) =>
      prepare('SELECT shard FROM committed WHERE shard > ? ORDER BY shard LIMIT ?')
        .all(after === undefined ? new Uint8Array() : shardKeyBytes(after), limit)
        .map((row) => shardNameFromBytes((row as { shard: Uint8Array }).shard)),
    commit(shards, usage, cursor) {
      inTransaction(() => {
        for (const { name, lengthBytes } of shards) {
          prepare('INSERT OR IGNORE INTO committed VALUES (?, ?)').run(shardKeyBytes(name), lengthBytes);
          prepare('DELETE FROM adopted WHERE shard = ?').run(shardKeyBytes(name));
        }
        for (const [uploadId, bytes] of usage) {
          prepare(
            `INSERT INTO uploads (upload, committed_bytes) VALUES (?, ?)
             ON CONFLICT DO UPDATE SET committed_bytes = committed_bytes + excluded.committed_bytes`,
          ).run(uploadBytes(uploadId), bytes);
        }
        setCursor(cursor);
      });
    },
    forget(names, cursor) {
      inTransaction(() => {
        for (const table of ['committed', 'adopted', 'losses']) eachKey(`DELETE FROM ${table} WHERE shard = ?`, names);
        setCursor(cursor);
      });
    },
    adopt(name, uploadId) {
      prepare('INSERT INTO adopted VALUES (?, ?) ON CONFLICT DO UPDATE SET upload = excluded.upload').run(
        shardKeyBytes(name),
        uploadBytes(uploadId),
      );
    },
    adoptedBy(name) {
      const row = prepare('SELECT lower(hex(upload)) AS upload FROM adopted WHERE shard = ?').get(shardKeyBytes(name));
      return (row as { upload: string } | undefined)?.upload;
    },
    ...uploadRecords(prepare, inTransaction),
    ...lossRecords(prepare, eachKey, inTransaction),
    ...priceRecords(prepare, inTransaction),
    cursor: () => Number(fact(FACTS.cursor) ?? 0),
    setCursor,
    scrubPosition() {
      const bytes = fact(FACTS.scrub);
      return bytes instanceof Uint8Array && bytes.length === 65 ? shardNameFromBytes(bytes) : undefined;
    },
    setScrubPosition: (name) => setFact(FACTS.scrub, name === undefined ? 0 : shardKeyBytes(name)),
    close: () => database.close(),
  };
}

type UploadRecords = Pick<
  ShardRecords,
  'committedBytesOf' | 'endUploads' | 'hasEnded' | 'discardedUploads' | 'forgetDiscarded'
>;

const uploadRecords = (
  prepare: (sql: string) => StatementSync,
  transaction: (run: () => void) => void,
): UploadRecords => ({
  committedBytesOf(uploadId) {
    const row = prepare('SELECT committed_bytes AS n FROM uploads WHERE upload = ?').get(uploadBytes(uploadId));
    return (row as { n: number } | undefined)?.n ?? 0;
  },
  endUploads(ended, atMs, forgetBeforeMs) {
    transaction(() => {
      prepare('DELETE FROM uploads WHERE ended_at_ms < ?').run(forgetBeforeMs);
      for (const { uploadId, sizeBytes, lainMs } of ended) {
        prepare('INSERT OR IGNORE INTO discarded VALUES (?, ?, ?)').run(uploadBytes(uploadId), sizeBytes, lainMs);
        prepare(
          'INSERT INTO uploads (upload, ended_at_ms) VALUES (?, ?) ON CONFLICT DO UPDATE SET ended_at_ms = excluded.ended_at_ms',
        ).run(uploadBytes(uploadId), atMs);
      }
    });
  },
  hasEnded: (uploadId) =>
    prepare('SELECT 1 FROM uploads WHERE upload = ? AND ended_at_ms IS NOT NULL').get(uploadBytes(uploadId)) !==
    undefined,
  discardedUploads: (limit) =>
    prepare('SELECT lower(hex(upload)) AS uploadId, size_bytes AS sizeBytes, lain_ms AS lainMs FROM discarded LIMIT ?')
      .all(limit)
      .map((row) => ({ ...(row as unknown as DiscardedUpload) })),
  forgetDiscarded: (uploadIds) =>
    transaction(() => {
      for (const uploadId of uploadIds) prepare('DELETE FROM discarded WHERE upload = ?').run(uploadBytes(uploadId));
    }),
});

type LossRecords = Pick<ShardRecords, 'addLoss' | 'unreportedLosses' | 'markReported' | 'withdrawLoss'>;

const lossRecords = (
  prepare: (sql: string) => StatementSync,
  eachKey: (sql: string, names: readonly ShardName[]) => void,
  transaction: (run: () => void) => void,
): LossRecords => ({
  addLoss({ name, detail, foundAtMs }: Loss) {
    transaction(() => {
      prepare('INSERT OR IGNORE INTO losses (shard, detail, found_at_ms) VALUES (?, ?, ?)').run(
        shardKeyBytes(name),
        detail,
        foundAtMs,
      );
      for (const table of ['committed', 'adopted']) eachKey(`DELETE FROM ${table} WHERE shard = ?`, [name]);
    });
  },
  unreportedLosses: (limit) =>
    prepare('SELECT shard, detail, found_at_ms FROM losses WHERE reported = 0 ORDER BY rowid LIMIT ?')
      .all(limit)
      .map((row) => {
        const { shard, detail, found_at_ms } = row as { shard: Uint8Array; detail: string; found_at_ms: number };
        return { name: shardNameFromBytes(shard), detail, foundAtMs: found_at_ms };
      }),
  markReported: (names) => transaction(() => eachKey('UPDATE losses SET reported = 1 WHERE shard = ?', names)),
  withdrawLoss: (name) => eachKey('DELETE FROM losses WHERE shard = ?', [name]),
});

const priceRecords = (
  prepare: (sql: string) => StatementSync,
  transaction: (run: () => void) => void,
): PriceRecords => ({
  notePrice(priceSatPerTbMonth, nowMs) {
    const last = prepare('SELECT sat_per_tb_month AS price FROM prices ORDER BY rowid DESC LIMIT 1').get();
    if ((last as { price: string } | undefined)?.price === String(priceSatPerTbMonth)) return;
    transaction(() => {
      prepare('INSERT INTO prices VALUES (?, ?)').run(nowMs, String(priceSatPerTbMonth));
      prepare('DELETE FROM prices WHERE rowid <= (SELECT max(rowid) FROM prices) - ?').run(MAX_PRICES);
    });
  },
  prices: () =>
    prepare('SELECT since_ms AS sinceMs, sat_per_tb_month AS price FROM prices ORDER BY rowid')
      .all()
      .map((row) => {
        const { sinceMs, price } = row as { sinceMs: number; price: string };
        return { sinceMs, priceSatPerTbMonth: BigInt(price) };
      }),
});
