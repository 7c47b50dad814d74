/** Does one job: fetch the pack (or the wanted parts of it), open its chunks, write them to their files, finish those. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ChunkIdHasher, packMaskKey, PackReader, PackTable } from '@holdfast/codec';
import type { Clock, YoungGarbage } from '@holdfast/platform';
import { fail, HoldfastError } from '@holdfast/protocol';
import { toPlainError } from '../pipeline/plain-error.ts';
import type { NodeTransport } from '../ports.ts';
import { fetchPack, isAboutGrant, packBufferBytes } from './fetch-pack.ts';
import type { FileWriter } from './file-writer.ts';
import { type ChunkWrites, decodeWrites, type FileFailure, type JobNews, type JobResult, type PackJob } from './job.ts';
import type { NodeScores } from './node-scores.ts';
import { canReadRuns, planRuns, readRuns } from './read-ranges.ts';
import type { PackRebuilder } from './rebuild-pack.ts';

export interface JobDeps {
  readonly keys: { readonly dataKey: Uint8Array; readonly maskKey: Uint8Array };
  readonly chunkId: ChunkIdHasher;
  readonly nodes: Pick<NodeTransport, 'getShard'>;
  readonly scores: NodeScores;
  readonly clock: Clock;
  readonly rebuilder: PackRebuilder;
  readonly writer: FileWriter;
  readonly news: JobNews;
  readonly garbage: Pick<YoungGarbage, 'add'>;
  readonly slowAfterMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes opened between two turns of the event loop, in which other packs arrive. */
const TURN_BYTES = 2 * 1024 * 1024;
/** What a write costs beside its bytes. */
const TURN_BYTES_PER_WRITE = 16 * 1024;

/** Buffers for packs, used again and again. */
export class PackBuffers {
  readonly #free: Uint8Array[] = [];

  async use<T>(lengthBytes: number, work: (buffer: Uint8Array) => Promise<T>): Promise<T> {
    let buffer = this.#free.pop();
    if (buffer === undefined || buffer.length < lengthBytes) buffer = Buffer.allocUnsafeSlow(lengthBytes);
    try {
      return await work(buffer);
    } finally {
      this.#free.push(buffer);
    }
  }
}

/**
 * Files that could not be written are in the answer; the others are done.
 * @throws HoldfastError when the pack as a whole cannot be had: `codec.too-few-shards`, `grant.*`, `client.interrupted`
 */
export async function runJob(deps: JobDeps, buffers: PackBuffers, job: PackJob): Promise<JobResult> {
  const table = new PackTable(job.table);
  const wanted = decodeWrites(table, job.writes);
  return buffers.use(packBufferBytes(job.places), async (buffer) => {
    const files = new JobFiles(deps, job);
    const bad = await readInRanges(deps, job, wanted, buffer, files);
    if (bad === undefined) await readWhole(deps, job, wanted, buffer, files);
    else if (bad.length > 0) {
      try {
        await readWhole(deps, job, bad, buffer, files);
      } catch (error) {
        // The other files of this job are done: only these are affected.
        if (deps.signal?.aborted) throw error;
        for (const { targets } of bad) files.failTargets(targets, error);
      }
    }
    files.finishRest();
    return { jobId: job.jobId, failures: files.failures };
  });
}

async function readWhole(
  deps: JobDeps,
  job: PackJob,
  wanted: readonly ChunkWrites[],
  buffer: Uint8Array,
  files: JobFiles,
): Promise<void> {
  const { grantsAreFresh, places } = job;
  const maskKey = packMaskKey(deps.keys.maskKey, places.packId);
  const onBytes = deps.news.onFetched;
  const onFault = deps.news.onFault;
  const onGarbage = (count: number): void => deps.garbage.add(count);
  const pack = await fetchPack({ ...deps, grantsAreFresh, onBytes, onFault, onGarbage }, places, maskKey, buffer);
  const damaged = await openChunks(deps, job, wanted, pack, files);
  for (const { targets, error } of damaged) files.failTargets(targets, error);
}

/** Undefined when ranges were not tried; otherwise the chunks that did not come out well. */
async function readInRanges(
  deps: JobDeps,
  job: PackJob,
  wanted: readonly ChunkWrites[],
  buffer: Uint8Array,
  files: JobFiles,
): Promise<readonly ChunkWrites[] | undefined> {
  const { places } = job;
  const runs = planRuns(
    wanted.map(({ entry }) => entry),
    places,
  );
  if (runs === undefined || !canReadRuns(runs, places)) return undefined;
  const maskKey = packMaskKey(deps.keys.maskKey, places.packId);
  const pack = buffer.subarray(0, places.dataShards * places.shardLengthBytes);
  try {
    deps.news.onFetched(await readRuns(deps.nodes, places, runs, maskKey, pack, deps.signal));
  } catch (error) {
    if (deps.signal?.aborted) throw fail('client.interrupted', {}, deps.signal.reason);
    if (isAboutGrant(error) && !job.grantsAreFresh) throw error;
    return undefined;
  }
  return openChunks(deps, job, wanted, pack, files);
}

type DamagedChunk = ChunkWrites & { readonly error: unknown };

/** Opens chunks and writes them; gives back those that the seal or the id refused. */
async function openChunks(
  deps: JobDeps,
  { places }: PackJob,
  wanted: readonly ChunkWrites[],
  pack: Uint8Array,
  files: JobFiles,
): Promise<DamagedChunk[]> {
  const reader = new PackReader({ dataKey: deps.keys.dataKey, chunkIdKey: deps.chunkId, packId: places.packId });
  const damaged: DamagedChunk[] = [];
  let turnBytes = 0;
  for (const chunk of wanted) {
    let plaintext: Uint8Array;
    try {
      plaintext = reader.openChunkOf(pack, chunk.entry);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      damaged.push({ ...chunk, error });
      continue;
    }
    files.write(chunk.targets, plaintext);
    // Sealed and compressed bytes, and these.
    deps.garbage.add(2 * plaintext.length);
    turnBytes += plaintext.length + (chunk.targets.length / 2) * TURN_BYTES_PER_WRITE;
    if (turnBytes < TURN_BYTES) continue;
    turnBytes = 0;
    await nextTurn();
    if (deps.signal?.aborted) throw fail('client.interrupted', {}, deps.signal.reason);
  }
  return damaged;
}

/** The files of one job: how many writes each still waits for, and which failed. */
class JobFiles {
  readonly failures: FileFailure[] = [];
  readonly #deps: JobDeps;
  readonly #job: PackJob;
  readonly #left: Int32Array;
  readonly #failed = new Set<number>();

  constructor(deps: JobDeps, job: PackJob) {
    this.#deps = deps;
    this.#job = job;
    this.#left = Int32Array.from(job.files, ({ writes }) => writes);
  }

  write(targets: readonly number[], plaintext: Uint8Array): void {
    for (let at = 0; at < targets.length; at += 2) {
      const index = targets[at]!;
      if (this.#failed.has(index)) continue;
      const file = this.#job.files[index]!;
      try {
        this.#deps.writer.write(file, targets[at + 1]!, plaintext, this.#left[index] === file.writes);
        this.#left[index]! -= 1;
        if (file.whole && this.#left[index] === 0) this.#deps.writer.finish(file);
        this.#deps.news.onWritten(plaintext.length);
      } catch (error) {
        this.#fail(index, error);
      }
    }
  }

  /** The chunk could not be had. */
  failTargets(targets: readonly number[], error: unknown): void {
    for (let at = 0; at < targets.length; at += 2) this.#fail(targets[at]!, error);
  }

  /** What was written of files that failed stays for their owner to remove. */
  finishRest(): void {
    for (const index of this.#failed) this.#deps.writer.abandon(this.#job.files[index]!.path);
  }

  #fail(file: number, error: unknown): void {
    if (this.#failed.has(file)) return;
    this.#failed.add(file);
    this.failures.push({ file, error: toPlainError(asFileError(this.#job.files[file]!.path, error)) });
  }
}

/** What the system said about a file, as an error of the catalogue. */
export function asFileError(path: string, error: unknown): unknown {
  if (error instanceof HoldfastError) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code)) return error;
  return fail('client.not-writable', { path, detail: describeErrno(code) }, error);
}

const ERRNO_TEXTS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EEXIST: 'something is in the way',
  EISDIR: 'a directory is in the way',
  ENOTDIR: 'a file is in the way of a directory',
  ELOOP: 'a symlink is in the way',
  ENAMETOOLONG: 'the name is too long for this file system',
  EFBIG: 'the file is too large for this file system',
  EIO: 'the disk failed',
  EILSEQ: 'this file system does not allow such a name',
};

export const describeErrno = (code: string): string =>
  ERRNO_TEXTS[code] === undefined ? code : `${ERRNO_TEXTS[code]} (${code})`;
