/** Walks the snapshots' trees: every chunk that they name must be in the index, and in a pack that can be read. */
import { createHash } from 'node:crypto';
import { type GetChunk, type SnapshotEntry, streamChunkIds, type StreamRef } from '@holdfast/codec';
import { fail, HoldfastError, type PackId, toHex } from '@holdfast/protocol';
import type { Catalog } from '../catalog/index.ts';
import { compilePatterns, showPath, type WalkedDirectory, walkSnapshot } from '../restore/index.ts';
import { throwIfStopped } from '../transport/index.ts';
import { readDirectory, readSnapshot } from '../vault/index.ts';
import { marginOf, stateOf } from './pack-health.ts';
import type { Findings } from './report.ts';

interface SnapshotCheckDeps {
  /** Knows what the index says. */
  readonly catalog: Catalog;
  readonly findings: Findings;
  readonly getChunk: GetChunk;
  readonly signal: AbortSignal;
  readonly onFile: () => void;
}

type Look = (path: () => Buffer, content: StreamRef) => Promise<void>;

export class SnapshotCheck {
  /** Entries that are no directories. */
  files = 0;
  readonly #deps: SnapshotCheckDeps;

  constructor(deps: SnapshotCheckDeps) {
    this.#deps = deps;
  }

  /** All packs that are needed to restore these snapshots. */
  async packsOf(snapshots: readonly SnapshotEntry[], indexPackIds: readonly PackId[]): Promise<Set<PackId>> {
    const { catalog, getChunk } = this.#deps;
    const needed = new Set(indexPackIds);
    const add = (id: Uint8Array): void => {
      const place = catalog.findChunk(id);
      if (place !== undefined) needed.add(place.packId);
    };
    const counting: GetChunk = (id) => {
      add(id);
      return getChunk(id);
    };
    const look: Look = async (_, content) => {
      if (content.depth === 0) for (const id of content.ids) add(id);
      else for await (const id of streamChunkIds(content, counting)) add(id);
    };
    // What cannot be read is told by `run`.
    await this.#walkAll(snapshots, counting, look, () => undefined);
    return needed;
  }

  async run(snapshots: readonly SnapshotEntry[]): Promise<void> {
    const { findings, getChunk } = this.#deps;
    let current = '';
    const onBroken = (snapshotId: string, path: Buffer, error: unknown): void =>
      findings.addAffected({ snapshotId, path: showPath(path), ...inWords(error) });
    const look: Look = async (path, content) => {
      this.files += 1;
      this.#deps.onFile();
      const isAtRisk = await this.#lookAtFile(content);
      if (isAtRisk) findings.atRisk.add({ snapshotId: current, path: showPath(path()) });
    };
    await this.#walkAll(snapshots, getChunk, look, onBroken, (snapshotId) => (current = snapshotId));
  }

  async #walkAll(
    snapshots: readonly SnapshotEntry[],
    getChunk: GetChunk,
    look: Look,
    onBroken: (snapshotId: string, path: Buffer, error: unknown) => void,
    onSnapshot?: (snapshotId: string) => void,
  ): Promise<void> {
    const seen = new Set<string>();
    for (const entry of snapshots) {
      onSnapshot?.(entry.snapshotId);
      await this.#walk(entry, seen, getChunk, look, (path, error) => {
        throwIfStopped(this.#deps.signal);
        if (!(error instanceof HoldfastError)) throw error;
        onBroken(entry.snapshotId, path, error);
      });
    }
  }

  async #walk(
    entry: SnapshotEntry,
    seen: Set<string>,
    getChunk: GetChunk,
    look: Look,
    onBroken: (path: Buffer, error: unknown) => void,
  ): Promise<void> {
    let snapshot;
    try {
      snapshot = await readSnapshot(entry, getChunk);
    } catch (error) {
      onBroken(Buffer.from('/'), error);
      return;
    }
    const steps = walkSnapshot(snapshot, {
      patterns: compilePatterns([]),
      readDirectory: (tree) => readDirectory(tree, getChunk),
      enter: (directory) => isNew(seen, directory),
    });
    for await (const step of steps) {
      throwIfStopped(this.#deps.signal);
      if (step.type === 'broken') onBroken(step.path, step.error);
      if (step.type !== 'entry') continue;
      const { directory, name, meta } = step;
      const path = (): Buffer => Buffer.concat([directory.path, directory.path.length === 1 ? EMPTY : SLASH, name]);
      try {
        await look(path, meta.content ?? NO_CONTENT);
      } catch (error) {
        onBroken(path(), error);
      }
    }
  }

  /** True: one more loss would make it unreadable. @throws HoldfastError what keeps it from being restored */
  async #lookAtFile(content: StreamRef): Promise<boolean> {
    const { catalog, findings, getChunk } = this.#deps;
    let isAtRisk = false;
    let sizeBytes = 0;
    let lastPackId = '';
    const look = (id: Uint8Array): void => {
      const place = catalog.findChunk(id);
      if (place === undefined) throw fail('chunk.unknown', { chunkId: toHex(id) });
      sizeBytes += place.plaintextBytes;
      if (findings.damagedChunks.size > 0 && findings.damagedChunks.has(toHex(id))) {
        throw fail('codec.damaged', { what: 'a chunk', detail: `${toHex(id)} is not what was saved.` });
      }
      if (place.packId === lastPackId) return;
      lastPackId = place.packId;
      const health = findings.healthOf(place.packId);
      if (health === undefined) return;
      if (stateOf(health) !== 'weaker') {
        throw fail('codec.too-few-shards', { packId: place.packId, good: health.good, needed: health.needed });
      }
      isAtRisk ||= marginOf(health) === 0;
    };
    if (content.depth === 0) for (const id of content.ids) look(id);
    else for await (const id of streamChunkIds(content, getChunk)) look(id);
    if (sizeBytes !== content.sizeBytes) {
      throw fail('codec.damaged', {
        what: 'a file in the snapshot',
        detail: `its chunks do not add up to ${content.sizeBytes} bytes`,
      });
    }
    return isAtRisk;
  }
}

const EMPTY = Buffer.alloc(0);
const SLASH = Buffer.from('/');
const NO_CONTENT: StreamRef = { sizeBytes: 0, depth: 0, ids: [] };

/** Whether this directory was not walked with the same tree in a newer snapshot: snapshots share most of theirs. */
function isNew(seen: Set<string>, { path, meta }: WalkedDirectory): boolean {
  const content = meta?.content;
  if (content === undefined || content.ids.length === 0) return true;
  const key = createHash('sha256').update(path).update(Buffer.concat(content.ids)).digest('base64');
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

function inWords(error: unknown): { code: string; detail: string; packId?: PackId } {
  const { code, message, params } = error as HoldfastError;
  const packId = params['packId'];
  return { code, detail: message, ...(packId === undefined ? {} : { packId }) };
}
