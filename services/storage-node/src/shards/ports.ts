/** What the shards' domain asks of the world around it. */
import type { ClientId, UploadId } from '@holdfast/protocol';
import type { ShardName } from './shard-name.ts';

/** A shard that was here and is not whole any more. */
export interface Loss {
  readonly name: ShardName;
  /** For the operator. */
  readonly detail: string;
  readonly foundAtMs: number;
}

/** A shard and how long it is, so that the books stay right even when its file has gone. */
export interface CommittedShard {
  readonly name: ShardName;
  readonly lengthBytes: number;
}

/** What lay here of an upload when it was discarded. */
export interface DiscardedUpload {
  readonly uploadId: UploadId;
  readonly sizeBytes: number;
  /** For how long, on average over those bytes. */
  readonly lainMs: number;
}

/**
 * The little that the files do not say by themselves. Every method that changes something returns when it is durable.
 */
export interface ShardRecords {
  /** False when it was begun anew although there may be shards: nothing is known to be uncommitted then. */
  readonly isComplete: boolean;
  isCommitted(name: ShardName): boolean;
  /** Bytes of a committed shard; undefined when it is not committed or its length was never known. */
  lengthOf(name: ShardName): number | undefined;
  committedCount(): number;
  /** Bytes of all committed shards of that client. */
  bytesOfClient(clientId: ClientId): number;
  /** Those after that one, in order of their names. */
  committed(after: ShardName | undefined, limit: number): ShardName[];
  /**
   * These count from now on. `usage` tells what they add to the bytes committed of each upload; `cursor`, where given, is
   * stored in the same transaction.
   */
  commit(shards: readonly CommittedShard[], usage: ReadonlyMap<UploadId, number>, cursor?: number): void;
  /** Forgets everything about these shards. */
  forget(names: readonly ShardName[], cursor?: number): void;
  /** An uncommitted shard was sent again under another upload: it counts to that one. */
  adopt(name: ShardName, uploadId: UploadId): void;
  adoptedBy(name: ShardName): UploadId | undefined;
  /** Bytes of the upload that were committed. */
  committedBytesOf(uploadId: UploadId): number;
  /**
   * No more shards are taken for them, and what lay here is kept until the mediator has noted it; of an upload that is
   * discarded again before that, the first figures. Forgets uploads that ended before `forgetBeforeMs`.
   */
  endUploads(uploads: readonly DiscardedUpload[], atMs: number, forgetBeforeMs: number): void;
  /** Those that the mediator has not noted yet. */
  discardedUploads(limit: number): DiscardedUpload[];
  /** The mediator has noted them. */
  forgetDiscarded(uploadIds: readonly UploadId[]): void;
  hasEnded(uploadId: UploadId): boolean;

  addLoss(loss: Loss): void;
  /** Oldest first. */
  unreportedLosses(limit: number): Loss[];
  markReported(names: readonly ShardName[]): void;
  /** The shard is whole again and was not reported: as if nothing had happened. */
  withdrawLoss(name: ShardName): void;

  cursor(): number;
  setCursor(order: number): void;
  scrubPosition(): ShardName | undefined;
  setScrubPosition(name: ShardName | undefined): void;
}
