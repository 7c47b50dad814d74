/** The use case: opens the newest head and its index as a new machine would, judges every pack, walks every snapshot. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Catalog } from '../catalog/index.ts';
import type { ClientContext } from '../ports.ts';
import { asFault } from '../restore/index.ts';
import { throwIfStopped } from '../transport/index.ts';
import { createChunkReader, PackAccess } from '../vault/index.ts';
import { CheckPacks } from './check-packs.ts';
import { ShardFaults } from './shard-faults.ts';
import { openVault } from './open-vault.ts';
import { type CheckEvent, type CheckProgress, type CheckReport, Findings } from './report.ts';
import { SnapshotCheck } from './check-snapshots.ts';

export interface CheckOptions {
  /** Read and open every byte; otherwise nodes are asked for roots, and only indexes and trees are read. */
  readonly readData: boolean;
  /** Ids or their first digits, or `latest`; only what these need is checked. Default: the whole vault. */
  readonly snapshots?: readonly string[];
  readonly onProgress?: (progress: CheckProgress) => void;
  readonly onEvent?: (event: CheckEvent) => void;
  readonly signal?: AbortSignal;
  /** Threads that read. Default 2. */
  readonly workers?: number;
  /** A node that neither takes nor sends a byte for so long is given up. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

/**
 * Changes nothing, at nodes or here. What the local catalog knows is not relied on.
 * @throws HoldfastError `client.no-snapshot`, `head.rollback`, `client.interrupted`, and what talking to the mediator may throw
 */
export async function check(context: ClientContext, options: CheckOptions): Promise<CheckReport> {
  const startedMs = context.clock.nowMs();
  const { onEvent, signal = new AbortController().signal } = options;
  const scratch = mkdtempSync(join(context.home, 'check-'));
  const catalog = new Catalog(join(scratch, 'catalog.sqlite'));
  const faults = new ShardFaults((fault) => onEvent?.({ type: 'fault', fault }));
  const findings = new Findings(onEvent);
  try {
    const access = new PackAccess(context, { signal, onFault: (fault) => faults.addRead(asFault(fault)) });
    const vault = await openVault(context, { catalog, access, findings, signal, wanted: options.snapshots });
    const packs = new CheckPacks({ context, catalog, findings, faults, options, signal });
    const getChunk = createChunkReader({ catalog }, access);
    const snapshots = new SnapshotCheck({ catalog, findings, getChunk, signal, onFile: () => packs.tellFile() });
    const isPart = options.snapshots !== undefined;
    // Judging needs to know which packs a snapshot needs; naming its files needs to know how well the packs are.
    const needed = isPart ? await snapshots.packsOf(vault.snapshots, vault.indexPackIds) : undefined;
    await packs.run(needed);
    await snapshots.run(vault.snapshots);
    const faulty = faults.summary();
    return {
      verdict: findings.verdict(faulty.length),
      readData: options.readData,
      headSequence: vault.headSequence,
      snapshots: vault.snapshots.length,
      files: snapshots.files,
      packs: findings.packs,
      chunks: catalog.counts().chunks,
      shards: { ...findings.shards },
      readBytes: packs.readBytes,
      margins: findings.margins(),
      weakPacks: findings.weak.listed,
      weakPackCount: findings.weak.count,
      lostPacks: findings.lost.listed,
      lostPackCount: findings.lost.count,
      affected: findings.affected.listed,
      affectedCount: findings.affected.count,
      mayComeBack: findings.mayComeBack,
      atRiskFiles: findings.atRisk.listed,
      atRiskFileCount: findings.atRisk.count,
      damagedChunks: findings.damagedChunks.size,
      signedRoots: { ...findings.signedRoots },
      unindexedPacks: vault.unindexedPacks,
      faults: faulty,
      problems: findings.problems,
      durationMs: context.clock.nowMs() - startedMs,
    };
  } catch (error) {
    // However the work noticed that it should stop, it was stopped.
    throwIfStopped(options.signal);
    throw error;
  } finally {
    catalog.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}
