/** What a worker of a restore is given to do, and what it answers: one pack, its wanted chunks, and where they go. */
import { MAX_CHUNK_BYTES, type PackTable, type TableEntry } from '@holdfast/codec';
import type { PackId, SigningContext } from '@holdfast/protocol';
import type { PlainError } from '../pipeline/messages.ts';
import type { PackPlaces } from '../ports.ts';
import type { Fault } from './faults.ts';

/** What is set on a file once its bytes are in. Left out: not set. */
export interface Attributes {
  /** 0 … 0o7777 */
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs: bigint;
}

/** A file in a job. */
export interface FileToWrite {
  /** The temporary file: bytes as latin1 text. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Zero runs of 64 KiB and more become holes. */
  readonly sparse: boolean;
  /** All chunks of the file are in this job: the worker creates and finishes it. Otherwise other jobs write to it as well. */
  readonly whole: boolean;
  /** How often a chunk is written to this file in this job. */
  readonly writes: number;
  readonly attributes: Attributes;
}

export interface PackJob {
  readonly jobId: number;
  readonly places: PackPlaces;
  /** The grants were renewed just now because of an error. */
  readonly grantsAreFresh: boolean;
  /** The bytes of the pack's table. */
  readonly table: Uint8Array;
  /** Records of: chunk key, count, then `count` times: place in `files`, offset in that file. */
  readonly writes: Float64Array;
  readonly files: readonly FileToWrite[];
}

/** A file that could not be written as it should. */
export interface FileFailure {
  /** Place in the job's `files`. */
  readonly file: number;
  readonly error: PlainError;
}

export interface JobResult {
  readonly jobId: number;
  readonly failures: readonly FileFailure[];
}

/** Reads every shard of a pack and opens every chunk: for a check. */
export interface VerifyJob {
  readonly jobId: number;
  readonly places: PackPlaces;
  readonly grantsAreFresh: boolean;
  /** The bytes of the table that the index has for the pack. */
  readonly table: Uint8Array;
}

export interface VerifyResult {
  readonly jobId: number;
  /** Of the shards that are not as they should be. */
  readonly faults: readonly Fault[];
  /** By shard index: it came whole and matches its root. */
  readonly good: readonly boolean[];
  /** Chunk ids, 64 hex digits, that do not come out of enough good shards: nothing can bring them back. */
  readonly damagedChunks: readonly string[];
  /** The table in the pack cannot be opened or is another than the index says. */
  readonly isTableDamaged: boolean;
}

/** Told while jobs run. */
export interface JobNews {
  readonly onFault: (fault: Fault) => void;
  /** Bytes that came from nodes. */
  readonly onFetched: (count: number) => void;
  /** Bytes that went into files. */
  readonly onWritten: (count: number) => void;
}

/** Names a chunk within its pack by a number: frames hold at most 4 MiB of plaintext. */
export const chunkKey = ({ frame, plaintextOffset }: Pick<TableEntry, 'frame' | 'plaintextOffset'>): number =>
  frame * MAX_CHUNK_BYTES + plaintextOffset;

export interface ChunkWrites {
  readonly entry: TableEntry;
  /** Flat pairs: place in the job's `files`, offset in that file. */
  readonly targets: readonly number[];
}

/** The wanted chunks of a job in the order in which they lie in the pack. */
export function decodeWrites(table: PackTable, writes: Float64Array): ChunkWrites[] {
  const targets = new Map<number, number[]>();
  for (let at = 0; at < writes.length;) {
    const count = writes[at + 1]!;
    targets.set(writes[at]!, [...writes.subarray(at + 2, at + 2 + 2 * count)]);
    at += 2 + 2 * count;
  }
  const wanted: ChunkWrites[] = [];
  for (const entry of table.entries()) {
    const places = targets.get(chunkKey(entry));
    if (places !== undefined) wanted.push({ entry, targets: places });
  }
  return wanted;
}

/** What a worker thread needs to know to do jobs. */
export interface RestoreWorkerOptions {
  readonly dataKey: Uint8Array;
  readonly chunkIdKey: Uint8Array;
  readonly maskKey: Uint8Array;
  readonly identitySeed: Uint8Array;
  readonly signing: SigningContext;
  /** What the main thread's clock is ahead of this machine's: requests are signed by that clock. */
  readonly clockOffsetMs: number;
  readonly caPem: string;
  /** Every file is fsynced by the worker (where one call for the whole file system is not to be had). */
  readonly fsyncFiles: boolean;
  readonly stallTimeoutMs: number;
}

export type ToRestoreWorker =
  | { readonly type: 'job'; readonly job: PackJob }
  | { readonly type: 'verify'; readonly job: VerifyJob }
  /** Give up what is under way. */
  | { readonly type: 'stop' }
  | { readonly type: 'end' };

export type FromRestoreWorker =
  | { readonly type: 'done'; readonly result: JobResult | VerifyResult }
  | { readonly type: 'failed'; readonly jobId: number; readonly packId: PackId; readonly error: PlainError }
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'progress'; readonly fetchedBytes: number; readonly writtenBytes: number };
