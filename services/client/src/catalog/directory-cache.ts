/**
 * What the last backups saw of each directory, in pages: for every entry what lstat said (its identity), and the
 * encoded tree entries. Rows of a run count as trusted once that run's snapshot stands.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { StreamRef } from '@holdfast/codec';
import { asStateError, inTransaction } from './database.ts';
import { decodeStreamRef, encodeStreamRef } from './stream-ref-bytes.ts';

export interface CachedDirectory {
  readonly run: number;
  readonly pageCount: number;
  readonly tree: StreamRef;
  /** Its run ended with a snapshot: whatever its entries name is in the vault. Otherwise check each id. */
  readonly trusted: boolean;
}

export interface CachedPage {
  readonly identities: Uint8Array;
  readonly entries: Uint8Array;
}

/** Few enough that a restore which runs beside never waits long. */
const ROWS_PER_TRANSACTION = 512;

export class DirectoryCache {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #statements = new Map<string, StatementSync>();
  #completedRun: number;
  /** Rows written in the open transaction; 0: none is open. */
  #batchRows = 0;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#completedRun = Number(
      this.#get<{ value: string }>('SELECT value FROM facts WHERE name = ?', 'completed-run')?.value ?? 0,
    );
  }

  /** The number of a new run: above every run that left rows. */
  startRun(): number {
    const newest = this.#get<{ run: number }>(
      'SELECT max(coalesce((SELECT max(run) FROM directories), 0), coalesce((SELECT max(run) FROM directory_pages), 0)) AS run',
    )!.run;
    return Math.max(newest, this.#completedRun) + 1;
  }

  /** The run's snapshot stands: its rows are trusted from now on, and what interrupted runs left over is deleted. */
  completeRun(run: number): void {
    this.flush();
    this.#guard(() =>
      inTransaction(this.#database, () => {
        const before = this.#completedRun;
        this.#run('DELETE FROM directory_pages WHERE run > ? AND run < ?', before, run);
        this.#run('DELETE FROM directories WHERE run > ? AND run < ?', before, run);
        this.#run(
          "INSERT INTO facts VALUES ('completed-run', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          String(run),
        );
      }),
    );
    this.#completedRun = run;
  }

  /** Packs vanished: no row is trusted until its ids were checked again. */
  distrust(): void {
    this.flush();
    this.#run("DELETE FROM facts WHERE name = 'completed-run'");
    this.#completedRun = 0;
  }

  get(path: Uint8Array): CachedDirectory | undefined {
    const row = this.#get<{ run: number; page_count: number; tree: Uint8Array }>(
      'SELECT run, page_count, tree FROM directories WHERE path = ?',
      path,
    );
    if (row === undefined) return undefined;
    const trusted = row.run <= this.#completedRun;
    return { run: row.run, pageCount: row.page_count, tree: decodeStreamRef(row.tree), trusted };
  }

  getPage(path: Uint8Array, run: number, page: number): CachedPage | undefined {
    return this.#get<{ identities: Uint8Array; entries: Uint8Array }>(
      'SELECT identities, entries FROM directory_pages WHERE path = ? AND run = ? AND page = ?',
      path,
      run,
      page,
    );
  }

  putPage(path: Uint8Array, run: number, page: number, { identities, entries }: CachedPage): void {
    this.#write(
      'INSERT OR REPLACE INTO directory_pages (path, run, page, identities, entries) VALUES (?, ?, ?, ?, ?)',
      path,
      run,
      page,
      identities,
      entries,
    );
  }

  /** The directory's pages of this run are complete; older ones go. */
  put(path: Uint8Array, run: number, pageCount: number, tree: StreamRef): void {
    this.#write('DELETE FROM directory_pages WHERE path = ? AND run <> ?', path, run);
    this.#write(
      'INSERT OR REPLACE INTO directories (path, run, page_count, tree) VALUES (?, ?, ?, ?)',
      path,
      run,
      pageCount,
      encodeStreamRef(tree),
    );
  }

  /** Forgets a directory that is gone, and everything below it. */
  remove(path: Uint8Array): void {
    const below = Buffer.concat([path, Buffer.from('/')]);
    const beyond = Buffer.concat([path, Buffer.from('0')]);
    for (const table of ['directories', 'directory_pages']) {
      this.#write(`DELETE FROM ${table} WHERE path = ?`, path);
      this.#write(`DELETE FROM ${table} WHERE path > ? AND path < ?`, below, beyond);
    }
  }

  /** Writes are gathered in one transaction until here. */
  flush(): void {
    if (this.#batchRows === 0) return;
    this.#batchRows = 0;
    this.#guard(() => this.#database.exec('COMMIT'));
  }

  #write(sql: string, ...values: (string | number | Uint8Array)[]): void {
    if (this.#batchRows === 0) this.#guard(() => this.#database.exec('BEGIN IMMEDIATE'));
    this.#batchRows += 1;
    this.#run(sql, ...values);
    if (this.#batchRows >= ROWS_PER_TRANSACTION) this.flush();
  }

  #run(sql: string, ...values: (string | number | Uint8Array)[]): void {
    this.#guard(() => this.#prepare(sql).run(...values));
  }

  #get<Row>(sql: string, ...values: (string | number | Uint8Array)[]): Row | undefined {
    return this.#guard(() => this.#prepare(sql).get(...values) as Row | undefined);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStateError(this.#path, error);
    }
  }
}
