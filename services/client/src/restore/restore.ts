/** The use case: finds the snapshot, checks the target, runs the restore. */
import type { ClientContext } from '../ports.ts';
import { createChunkReader, PackAccess } from '../vault/index.ts';
import { checkTarget } from './check-target.ts';
import type { ExistingPolicy } from './existing.ts';
import { asFault, FaultLog } from './faults.ts';
import { openSnapshot } from './open-snapshot.ts';
import type { RestoreEvent, RestoreProgress, RestoreReport } from './report.ts';
import { RestoreRun } from './restore-run.ts';
import { openTarget } from './target.ts';

export interface RestoreOptions {
  /** `latest`, or a snapshot's id or its first digits. */
  readonly snapshot: string;
  /** Original paths are made anew below this directory; `/` puts everything back in its place. */
  readonly target: string;
  /** Patterns (see path-pattern.ts); none: everything. */
  readonly include: readonly string[];
  readonly existing: ExistingPolicy;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly onEvent?: (event: RestoreEvent) => void;
  readonly signal?: AbortSignal;
  /** Threads. Default 2. */
  readonly workers?: number;
  /** A node that neither takes nor sends a byte for so long is given up. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

/**
 * Restores what the patterns select. Whatever gets its final name is whole and exact; what could not be restored is in the
 * report, and the rest goes on.
 * @throws HoldfastError `client.no-snapshot`, `client.no-match`, `client.bad-pattern`, `client.bad-target`,
 *   `client.target-exists`, `client.no-space`, `client.interrupted`, and what talking to the mediator may throw
 */
export async function restore(context: ClientContext, options: RestoreOptions): Promise<RestoreReport> {
  const startedMs = context.clock.nowMs();
  const { signal, onEvent } = options;
  const faults = new FaultLog((fault) => onEvent?.({ type: 'fault', fault }));
  const access = new PackAccess(context, {
    onFault: (fault) => faults.add(asFault(fault)),
    ...(signal === undefined ? {} : { signal }),
  });
  const { entry, snapshot } = await openSnapshot(context, access, options.snapshot);
  const target = openTarget(options.target);
  const getChunk = createChunkReader(context, access);
  await checkTarget(snapshot, { ...options, target, getChunk });
  const result = await new RestoreRun(context, options, { target, getChunk, faults }).run(snapshot);
  return {
    ...result,
    snapshotId: entry.snapshotId,
    snapshotCreatedAtMs: entry.createdAtMs,
    target: options.target,
    faults: faults.summary(),
    durationMs: context.clock.nowMs() - startedMs,
  };
}
