/** Copies of heads and shard maps in an SQLite file of their own: small records, many of them, each durable. */
import { fromHex } from '@holdfast/protocol';
import type { CopyRecords } from '../vault-copies/index.ts';
import { type OpenSqlite, openSqlite, transaction } from './open-sqlite.ts';

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS heads (
    client BLOB NOT NULL, vault BLOB NOT NULL, sequence INTEGER NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (client, vault)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS shard_maps (
    client BLOB NOT NULL, pack BLOB NOT NULL, vault BLOB NOT NULL, token TEXT NOT NULL,
    PRIMARY KEY (client, pack)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS shard_maps_by_vault ON shard_maps (client, vault, pack);
`;

export interface CopiesDatabase extends CopyRecords {
  close(): void;
}

const id = (hex: string): Uint8Array => fromHex(hex);

/** A damaged one is moved aside: clients leave their copies again with their next backups, and other nodes have them. */
export function openCopiesDatabase(options: Omit<OpenSqlite, 'schema'>): CopiesDatabase {
  const { database } = openSqlite({ ...options, schema: SCHEMA });
  const statements = {
    head: database.prepare('SELECT sequence, token FROM heads WHERE client = ? AND vault = ?'),
    putHead: database.prepare(
      `INSERT INTO heads VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
       SET sequence = excluded.sequence, token = excluded.token WHERE excluded.sequence > sequence`,
    ),
    vaultCount: database.prepare('SELECT count(*) AS n FROM heads WHERE client = ?'),
    map: database.prepare('SELECT token FROM shard_maps WHERE client = ? AND pack = ?'),
    putMap: database.prepare('INSERT OR IGNORE INTO shard_maps (client, pack, vault, token) VALUES (?, ?, ?, ?)'),
    maps: database.prepare(
      'SELECT token FROM shard_maps WHERE client = ? AND vault = ? AND pack > ? ORDER BY pack LIMIT ?',
    ),
    forgetMap: database.prepare('DELETE FROM shard_maps WHERE client = ? AND pack = ?'),
    forgetHeads: database.prepare('DELETE FROM heads WHERE client = ?'),
    forgetMaps: database.prepare('DELETE FROM shard_maps WHERE client = ?'),
  };
  return {
    head: (clientId, vaultId) =>
      statements.head.get(id(clientId), id(vaultId)) as { sequence: number; token: string } | undefined,
    putHead: (clientId, vaultId, { sequence, token }) =>
      void statements.putHead.run(id(clientId), id(vaultId), sequence, token),
    vaultCount: (clientId) => (statements.vaultCount.get(id(clientId)) as { n: number }).n,
    shardMap: (clientId, packId) =>
      (statements.map.get(id(clientId), id(packId)) as { token: string } | undefined)?.token,
    putShardMaps: (clientId, vaultId, maps) =>
      transaction(database, () => {
        for (const { packId, token } of maps) statements.putMap.run(id(clientId), id(packId), id(vaultId), token);
      }),
    shardMaps: (clientId, vaultId, after, limit) =>
      statements.maps
        .all(id(clientId), id(vaultId), id(after ?? ''), limit)
        .map((row) => (row as { token: string }).token),
    forgetShardMaps: (packs) =>
      transaction(database, () => {
        for (const { clientId, packId } of packs) statements.forgetMap.run(id(clientId), id(packId));
      }),
    forgetClient: (clientId) =>
      transaction(database, () => {
        statements.forgetHeads.run(id(clientId));
        statements.forgetMaps.run(id(clientId));
      }),
    close: () => database.close(),
  };
}
