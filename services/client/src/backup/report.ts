/** What a backup tells: numbers while it runs, and a report at the end. */
import type { CopyFailure } from './node-copies.ts';

/** A path with what is the matter. Paths are text for people: bytes that are not UTF-8 show as �. */
export interface Issue {
  readonly path: string;
  /** A sentence or a system's error code. */
  readonly detail: string;
}

export interface BackupReport {
  readonly snapshotId: string;
  /** Nothing had changed since the snapshot before; only the head moved. */
  readonly unchanged: boolean;
  readonly fileCount: number;
  readonly directoryCount: number;
  /** Of all files. */
  readonly sizeBytes: number;
  /** Plaintext that the vault did not have. */
  readonly newBytes: number;
  /** The same after compression, sealed. */
  readonly sealedBytes: number;
  /** Acknowledged by nodes, with redundancy. */
  readonly storedBytes: number;
  /** Files that were read, new or changed. */
  readonly filesRead: number;
  /** Missing from the snapshot, or missing what is below them. The first thousands; `unreadableCount` counts all. */
  readonly unreadable: readonly Issue[];
  readonly unreadableCount: number;
  /** Changed while being read, or vanished: kept as they were read, or left out. */
  readonly changed: readonly Issue[];
  readonly changedCount: number;
  /** Left out because a backup does not keep such things: sockets, the client's own home. */
  readonly skipped: readonly Issue[];
  readonly skippedCount: number;
  /** Nodes that failed and were replaced. */
  readonly failedNodes: readonly CopyFailure[];
  /** Nodes that did not take their copy of head or shard maps. */
  readonly copyFailures: readonly CopyFailure[];
  readonly durationMs: number;
}

export interface BackupProgress {
  /** Found so far. */
  readonly filesFound: number;
  readonly bytesFound: number;
  /** Whether these are all there are. */
  readonly isScanDone: boolean;
  /** Of the snapshot before: what to expect while the scan goes on; 0 without one. */
  readonly expectedBytes: number;
  /** Done: unchanged, or read. */
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly newBytes: number;
  readonly storedBytes: number;
}

export type BackupEvent =
  | ({ readonly type: 'unreadable' | 'changed' | 'skipped' } & Issue)
  | ({ readonly type: 'node-failed' } & CopyFailure)
  | { readonly type: 'resumed'; readonly adoptedPacks: number; readonly forgottenPacks: number };

const MOST_LISTED = 5000;

/** Issues of one kind: all are counted, the first ones kept. */
export class IssueList {
  readonly issues: Issue[] = [];
  count = 0;

  add(issue: Issue): void {
    this.count += 1;
    if (this.issues.length < MOST_LISTED) this.issues.push(issue);
  }
}
