/** The newest head, its index, its list of snapshots, read from the network into a catalog of the check's own. */
import type { SnapshotEntry } from '@holdfast/codec';
import { fail, HoldfastError, type PackId } from '@holdfast/protocol';
import type { Catalog } from '../catalog/index.ts';
import type { ClientContext } from '../ports.ts';
import { findNewestHead } from '../recovery/find-newest-head.ts';
import {
  createChunkReader,
  findSnapshot,
  learnIndex,
  listSnapshots,
  type PackAccess,
  readHead,
  reconcilePacks,
  type VaultHead,
} from '../vault/index.ts';
import type { Findings } from './report.ts';

interface OpenVaultOptions {
  /** Empty. */
  readonly catalog: Catalog;
  readonly access: PackAccess;
  readonly findings: Findings;
  readonly signal: AbortSignal;
  /** Undefined: all snapshots. */
  readonly wanted: readonly string[] | undefined;
}

interface OpenedVault {
  readonly headSequence: number;
  /** Newest first. */
  readonly snapshots: readonly SnapshotEntry[];
  readonly indexPackIds: readonly PackId[];
  readonly unindexedPacks: number;
}

/** @throws HoldfastError `client.no-snapshot`, `head.rollback`, … */
export async function openVault(context: ClientContext, options: OpenVaultOptions): Promise<OpenedVault> {
  const { catalog, access, findings, wanted } = options;
  const head = await newestHead(context, findings, options.signal);
  if (head === undefined) throw fail('client.no-snapshot', { snapshot: 'yet' });
  const isIndexed = await learnPacks(context, options, head);
  const known = new Set(catalog.packIds());
  let unindexedPacks = 0;
  if (isIndexed) for await (const packId of context.mediator.listPacks()) if (!known.has(packId)) unindexedPacks += 1;
  const all = await listSnapshots(head, createChunkReader({ catalog }, access));
  const chosen = wanted === undefined ? all : [...new Set(wanted.map((id) => findSnapshot(all, id)))];
  return {
    headSequence: head.sequence,
    snapshots: chosen.toSorted((a, b) => b.createdAtMs - a.createdAtMs),
    indexPackIds: head.content.indexPacks,
    unindexedPacks,
  };
}

/** Of the heads that mediator and nodes give, the valid one with the highest sequence. */
async function newestHead(
  context: ClientContext,
  findings: Findings,
  signal: AbortSignal,
): Promise<VaultHead | undefined> {
  const { head, mediatorSequence } = await findNewestHead(context, signal);
  if (head === undefined || head.sequence <= mediatorSequence) {
    // Also compares with what this machine has seen before.
    await readHead(context);
    return head;
  }
  findings.problems.push(
    `The mediator shows the head with sequence ${mediatorSequence}; a node has sequence ${head.sequence}, signed by you. Tell the mediator’s operator; the newer one was checked.`,
  );
  return head;
}

const INDEX_ERRORS: ReadonlySet<string> = new Set(['codec.damaged', 'codec.too-few-shards', 'pack.unknown']);

/** False: the index could not be read, and the packs' own tables stand in for it. */
async function learnPacks(
  { mediator, logger }: ClientContext,
  { catalog, access, findings }: OpenVaultOptions,
  head: VaultHead,
): Promise<boolean> {
  try {
    await learnIndex({ catalog }, access, head);
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError) || !INDEX_ERRORS.has(error.code)) throw error;
    findings.problems.push(
      `The index cannot be read (${error.message}). The packs’ own tables were read instead, and nothing is lost by that.`,
    );
    await reconcilePacks({ catalog, mediator, logger }, access);
    return false;
  }
}
