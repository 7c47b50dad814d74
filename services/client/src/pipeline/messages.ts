/** What the main thread and the pipeline's workers say to each other. */
import type { PackKind, PackPolicy, VaultKeys } from '@holdfast/codec';
import type { ErrorCode, NodeId, PackId, SigningContext, UploadId } from '@holdfast/protocol';
import type { NodeTarget } from '../ports.ts';
import type { FileStat } from '../scan/file-stat.ts';
import type { ChunkSetShare } from './chunk-set.ts';

/** A file to read, or one segment of it. Paths are byte strings: one character per byte. */
export interface FileToRead {
  readonly path: string;
  /** As the scan saw it. */
  readonly stat: FileStat;
  /** Only this part of the file; without it all of it. */
  readonly segment?: { readonly offset: number; readonly lengthBytes: number };
}

export interface FileResult {
  /** Bytes that were read. */
  readonly sizeBytes: number;
  /** How many of the job's ids are this file's. */
  readonly chunkCount: number;
  /** What fstat said, when it differs from what the scan saw. */
  readonly stat?: FileStat;
  /** It changed while it was read, also the second time; what was read is kept. */
  readonly changed?: true;
  /** Nothing was read, because of this. */
  readonly unreadable?: string;
}

/** Where a pack's shards go. */
export interface Placement {
  readonly uploadId: UploadId;
  /** By shard index. */
  readonly targets: readonly NodeTarget[];
  /** One of the targets failed before, but there is no other: be patient with it. */
  readonly patient: boolean;
}

/** A placement on its way to a worker, with the main thread's time: requests are signed by that clock. */
export interface TimedPlacement extends Placement {
  readonly nowMs: number;
}

/** An error of the catalogue on its way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly params: Readonly<Record<string, string>>;
  /** Of an error that is not of the catalogue. */
  readonly stack?: string;
}

export type ToWorker =
  | { readonly type: 'files'; readonly jobId: number; readonly files: readonly FileToRead[] }
  | {
      readonly type: 'chunks';
      readonly kind: PackKind;
      /** 32 bytes each; claimed by the sender. */
      readonly ids: Uint8Array;
      readonly lengths: readonly number[];
      readonly bytes: Uint8Array;
    }
  /** Close the open packs, and say `flushed` when all are stored. */
  | { readonly type: 'flush' }
  | { readonly type: 'placed'; readonly packId: PackId; readonly placement: TimedPlacement }
  | { readonly type: 'not-placed'; readonly packId: PackId; readonly error: PlainError }
  /** Give up uploads under way. */
  | { readonly type: 'stop' }
  | { readonly type: 'end' };

/** A pack all of whose shards were acknowledged. */
export interface StoredPack {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  /** The bytes of its table. */
  readonly table: Uint8Array;
  readonly uploadId: UploadId;
  /** By shard index. */
  readonly nodeIds: readonly NodeId[];
  readonly roots: readonly string[];
  readonly receipts: readonly string[];
}

export type FromWorker =
  | { readonly type: 'ready' }
  | {
      readonly type: 'files-read';
      readonly jobId: number;
      readonly results: readonly FileResult[];
      /** 32 bytes each: the chunks of all files, in order. */
      readonly ids: Uint8Array;
      readonly lengths: Uint32Array;
    }
  | { readonly type: 'chunks-taken'; readonly sizeBytes: number }
  | {
      readonly type: 'place';
      readonly packId: PackId;
      readonly shardLengthBytes: number;
      /** The placement that did not work out. */
      readonly failed?: { readonly placement: Placement; readonly nodeId: NodeId; readonly error: PlainError };
    }
  | { readonly type: 'stored'; readonly pack: StoredPack }
  | { readonly type: 'flushed' }
  | { readonly type: 'failed'; readonly error: PlainError };

export interface WorkerOptions {
  readonly keys: VaultKeys;
  readonly identitySeed: Uint8Array;
  readonly signing: SigningContext;
  readonly caPem: string;
  readonly policy: PackPolicy;
  readonly chunkSet: ChunkSetShare;
  /** See counters.ts. */
  readonly counters: SharedArrayBuffer;
  /** Trees and index objects come to this worker too. */
  readonly takesChunks: boolean;
  readonly compressionLevel: number;
  readonly connectionsPerNode: number;
  readonly stallTimeoutMs: number;
  /** Waits before a shard is sent to the same node again. */
  readonly retryDelaysMs: readonly number[];
  /** The same for a node for which there is no other. */
  readonly patientRetryDelaysMs: readonly number[];
}
