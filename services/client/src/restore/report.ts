/** What a restore tells while it runs and when it is done. */
import type { PackId } from '@holdfast/protocol';
import { HoldfastError } from '@holdfast/protocol';
import { fromPlainError } from '../pipeline/plain-error.ts';
import type { Fault, NodeFaults } from './faults.ts';
import { asFileError } from './run-job.ts';
import { showPath } from './target-path.ts';

/** Something that is not as it was saved. */
export interface NotRestored {
  /** Where it should be. */
  readonly path: string;
  readonly code: string;
  /** A sentence. */
  readonly detail: string;
  readonly packId?: PackId;
}

export interface RestoreProgress {
  /** Known so far; `isPlanned` when all of it is known. */
  readonly files: number;
  readonly totalBytes: number;
  readonly isPlanned: boolean;
  readonly doneFiles: number;
  readonly doneBytes: number;
  /** Bytes that came from nodes. */
  readonly fetchedBytes: number;
}

export type RestoreEvent =
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'not-restored'; readonly item: NotRestored };

export interface RestoreReport {
  readonly snapshotId: string;
  readonly snapshotCreatedAtMs: number;
  readonly target: string;
  /** Regular files, also further names of one. */
  readonly files: number;
  readonly directories: number;
  /** Symlinks, fifos, devices. */
  readonly others: number;
  /** Of the restored files. */
  readonly sizeBytes: number;
  readonly fetchedBytes: number;
  /** There already, and left alone. */
  readonly skipped: number;
  /** By node: who did not serve what it should. Everything restored is exact all the same. */
  readonly faults: readonly NodeFaults[];
  /** At most 1,000 of them; see the count. */
  readonly notRestored: readonly NotRestored[];
  readonly notRestoredCount: number;
  /** What could not be set, once each, in sentences. */
  readonly notes: readonly string[];
  readonly durationMs: number;
}

const MAX_LISTED = 1000;

/** Collects what could not be restored. */
export class FailureLog {
  readonly listed: NotRestored[] = [];
  readonly #onItem: ((item: NotRestored) => void) | undefined;
  count = 0;

  constructor(onItem?: (item: NotRestored) => void) {
    this.#onItem = onItem;
  }

  add(path: Uint8Array, error: unknown): void {
    const known = asHoldfastError(path, error);
    const packId = known.params['packId'];
    const item: NotRestored = {
      path: showPath(path),
      code: known.code,
      detail: known.message,
      ...(packId === undefined ? {} : { packId }),
    };
    this.count += 1;
    if (this.listed.length < MAX_LISTED) this.listed.push(item);
    this.#onItem?.(item);
  }
}

/** Also of one that came from another thread. @throws whatever is no error that a user can do something about */
function asHoldfastError(path: Uint8Array, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (typeof error === 'object' && error !== null && 'code' in error && 'params' in error) {
    return fromPlainError(error as Parameters<typeof fromPlainError>[0]);
  }
  const fileError = asFileError(showPath(path), error);
  if (fileError instanceof HoldfastError) return fileError;
  throw error;
}
