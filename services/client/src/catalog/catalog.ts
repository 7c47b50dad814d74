/** What this machine knows of the vault's packs: their tables, and whether an index pack names them. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type IndexedPack,
  type PackKind,
  type PackPolicy,
  PackTable,
  TABLE_ENTRY_BYTES,
  type TableEntry,
} from '@holdfast/codec';
import { fromHex, type PackId, toHex } from '@holdfast/protocol';
import { ChunkIndex } from './chunk-index.ts';
import { asStateError, inTransaction, openDatabase } from './database.ts';
import { DirectoryCache } from './directory-cache.ts';

/** Where a chunk is: a frame of a pack. */
export interface ChunkPlace extends TableEntry {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
}

interface PackRow {
  readonly number: number;
  readonly pack_id: Uint8Array;
  readonly kind: PackKind;
  readonly data_shards: number;
  readonly parity_shards: number;
  readonly shard_length_bytes: number;
  readonly contents: Uint8Array;
}

/** Tables kept decoded: neighbouring chunks tend to lie in one pack. */
const KEPT_PACKS = 16;

export class Catalog {
  readonly path: string;
  readonly directories: DirectoryCache;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #kept = new Map<number, IndexedPack>();
  #index: ChunkIndex | undefined;

  constructor(path: string) {
    this.path = path;
    this.#database = openDatabase(path);
    this.directories = new DirectoryCache(this.#database, path);
  }

  /** Remembers committed packs. Those already known stay as they are, but may become indexed. */
  addPacks(packs: readonly IndexedPack[], { indexed }: { indexed: boolean }): void {
    this.#transaction(() => {
      for (const pack of packs) {
        const { lastInsertRowid, changes } = this.#prepare(
          `INSERT INTO packs (pack_id, kind, data_shards, parity_shards, shard_length_bytes, contents, indexed)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pack_id) DO NOTHING`,
        ).run(
          fromHex(pack.packId, 32),
          pack.kind,
          pack.policy.dataShards,
          pack.policy.parityShards,
          pack.shardLengthBytes,
          pack.table.bytes,
          indexed ? 1 : 0,
        );
        if (changes === 0) {
          if (indexed) this.#setIndexed(pack.packId);
        } else if (this.#index !== undefined) {
          addToIndex(this.#index, Number(lastInsertRowid), pack.table.bytes);
        }
      }
    });
  }

  /** Forgets packs that the vault no longer has. */
  removePacks(packIds: readonly PackId[]): void {
    this.#transaction(() => {
      for (const packId of packIds) {
        this.#prepare('DELETE FROM packs WHERE pack_id = ?').run(fromHex(packId, 32));
        this.#prepare('DELETE FROM index_packs WHERE pack_id = ?').run(fromHex(packId, 32));
      }
    });
    this.#index = undefined;
    this.#kept.clear();
  }

  /** After the head named new index packs: these packs are in them, and these are all index packs now. */
  setIndexed(packIds: readonly PackId[], indexPackIds: readonly PackId[]): void {
    this.#transaction(() => {
      for (const packId of packIds) this.#setIndexed(packId);
      this.#prepare('DELETE FROM index_packs').run();
      for (const packId of indexPackIds) this.#prepare('INSERT INTO index_packs VALUES (?)').run(fromHex(packId, 32));
    });
  }

  /** No pack is indexed any more: the next backup writes the whole index anew. */
  forgetIndexPacks(): void {
    this.#transaction(() => {
      this.#prepare('UPDATE packs SET indexed = 0').run();
      this.#prepare('DELETE FROM index_packs').run();
    });
  }

  /** Index packs whose contents are in this catalog. */
  indexPackIds(): PackId[] {
    return this.#all<{ pack_id: Uint8Array }>('SELECT pack_id FROM index_packs').map((row) => toHex(row.pack_id));
  }

  /** All data and tree packs. */
  packIds(): PackId[] {
    return this.#all<{ pack_id: Uint8Array }>('SELECT pack_id FROM packs').map((row) => toHex(row.pack_id));
  }

  /** One after the other, so that memory holds one table. @param which only those that no index pack names. */
  *packs(which: 'all' | 'not-indexed' = 'all'): IterableIterator<IndexedPack> {
    const condition = which === 'all' ? '' : 'WHERE indexed = 0';
    for (const { number } of this.#all<{ number: number }>(`SELECT number FROM packs ${condition} ORDER BY number`)) {
      yield packOf(this.#row(number)!);
    }
  }

  counts(): { packs: number; notIndexed: number; chunks: number } {
    const [row] = this.#all<{ packs: number; notIndexed: number; bytes: number }>(
      `SELECT count(*) AS packs, count(*) FILTER (WHERE indexed = 0) AS notIndexed,
       coalesce(sum(length(contents)), 0) AS bytes FROM packs`,
    );
    return { packs: row!.packs, notIndexed: row!.notIndexed, chunks: row!.bytes / TABLE_ENTRY_BYTES };
  }

  getPack(packId: PackId): IndexedPack | undefined {
    const [row] = this.#all<PackRow>('SELECT * FROM packs WHERE pack_id = ?', fromHex(packId, 32));
    return row === undefined ? undefined : packOf(row);
  }

  /** The first call reads all tables into memory (24 to 48 bytes a chunk). */
  findChunk(id: Uint8Array): ChunkPlace | undefined {
    const found = this.#loadedIndex().find(id);
    if (found === undefined) return undefined;
    const { packId, kind, policy, shardLengthBytes, table } = this.#keptPack(found.packNumber);
    return { ...table.entry(found.chunk), packId, kind, policy, shardLengthBytes };
  }

  /** The joined 41-byte table entries of each pack, for whoever wants all ids. */
  *tables(): IterableIterator<Uint8Array> {
    for (const row of this.#iterate<PackRow>('SELECT contents FROM packs')) yield row.contents;
  }

  getFact(name: string): string | undefined {
    return this.#all<{ value: string }>('SELECT value FROM facts WHERE name = ?', name)[0]?.value;
  }
  setFact(name: string, value: string): void {
    this.#prepare('INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value').run(
      name,
      value,
    );
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #setIndexed(packId: PackId): void {
    this.#prepare('UPDATE packs SET indexed = 1 WHERE pack_id = ?').run(fromHex(packId, 32));
  }

  #loadedIndex(): ChunkIndex {
    if (this.#index === undefined) {
      const index = new ChunkIndex(this.counts().chunks);
      for (const row of this.#iterate<PackRow>('SELECT number, contents FROM packs ORDER BY number')) {
        addToIndex(index, row.number, row.contents);
      }
      this.#index = index;
    }
    return this.#index;
  }

  #keptPack(number: number): IndexedPack {
    let pack = this.#kept.get(number);
    if (pack === undefined) {
      pack = packOf(this.#row(number)!);
      if (this.#kept.size >= KEPT_PACKS) this.#kept.delete(this.#kept.keys().next().value!);
    } else {
      this.#kept.delete(number);
    }
    this.#kept.set(number, pack);
    return pack;
  }

  #row(number: number): PackRow | undefined {
    return this.#all<PackRow>('SELECT * FROM packs WHERE number = ?', number)[0];
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #all<Row>(sql: string, ...values: (string | number | Uint8Array)[]): Row[] {
    try {
      return this.#prepare(sql).all(...values) as Row[];
    } catch (error) {
      throw asStateError(this.path, error);
    }
  }

  #iterate<Row>(sql: string): IterableIterator<Row> {
    // Prepared afresh: a statement that is being iterated must not be run again.
    return this.#database.prepare(sql).iterate() as IterableIterator<Row>;
  }

  #transaction(work: () => void): void {
    this.directories.flush();
    try {
      inTransaction(this.#database, work);
    } catch (error) {
      throw asStateError(this.path, error);
    }
  }
}

const packOf = (row: PackRow): IndexedPack => ({
  packId: toHex(row.pack_id),
  kind: row.kind,
  policy: { dataShards: row.data_shards, parityShards: row.parity_shards },
  shardLengthBytes: row.shard_length_bytes,
  table: new PackTable(row.contents),
});

function addToIndex(index: ChunkIndex, packNumber: number, contents: Uint8Array): void {
  const count = contents.length / TABLE_ENTRY_BYTES;
  for (let chunk = 0; chunk < count; chunk += 1) index.set(contents, chunk * TABLE_ENTRY_BYTES, { packNumber, chunk });
}
