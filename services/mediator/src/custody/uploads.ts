/** Opening an upload: nodes chosen, space reserved at each of them, and signed grants to write there. */
import type { Clock, Randomness } from '@holdfast/platform';
import {
  fail,
  grant,
  type PackPolicy,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
} from '@holdfast/protocol';
import {
  bytesPerNode,
  chooseNodes,
  countIndependentNodes,
  type MarketRules,
  type OfferBook,
  requestFor,
  type Terms,
} from '../market/index.ts';
import { freeBytes, type NodeRecord } from '../nodes/index.ts';
import type { MandatedTerms, UploadStore, VaultName, VaultRecord, VaultStore } from './ports.ts';
import { findVault } from './vaults.ts';

export interface GrantSigner {
  readonly context: SigningContext;
  readonly key: SigningKey;
}

export interface UploadsOptions {
  readonly vaults: VaultStore;
  readonly uploads: UploadStore;
  /** What the vault's mandate allows of its nodes. @throws HoldfastError `mandate.missing`, `mandate.expired` */
  readonly mandatedTerms: (name: VaultName) => Promise<MandatedTerms>;
  readonly book: OfferBook;
  readonly rules: () => MarketRules;
  readonly signer: GrantSigner;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly uploadTtlMs: number;
  readonly maxOpenUploads: number;
}

export interface GrantedNode {
  readonly node: NodeRecord;
  readonly grant: string;
  readonly isOnline: boolean;
}

export interface Upload {
  readonly uploadId: string;
  readonly policy: PackPolicy;
  readonly quotaBytesPerNode: number;
  readonly expiresAtMs: number;
  readonly nodes: readonly GrantedNode[];
}

/** Between the choice and the reservation others may take the space; so often it is chosen anew. */
const MAX_CHOICES = 5;
/** Where space is short, the vault's own uploads that nothing came from for so long are given up. */
const IDLE_MS = 600_000;
const UPLOAD_ID_BYTES = 16;
const COUNTED_NODES = 100;

/** @throws HoldfastError `vault.unknown`, `policy.too-few-nodes`, `mandate.*`, `money.insufficient` */
export async function openUpload(
  options: UploadsOptions,
  name: VaultName,
  plainBytes: number,
  avoidNodes: readonly string[],
): Promise<Upload> {
  const vault = await findVault(options.vaults, name);
  const { policy } = vault;
  const { maxPriceSatPerTbMonth, regions, avoidOperators } = await options.mandatedTerms(name);
  const terms: Terms = { maxPriceSatPerTbMonth, regions, avoidOperators };
  const wanted = { vault, terms, plainBytes: Math.max(1, plainBytes), avoidNodes };
  const quotaBytesPerNode = bytesPerNode(wanted.plainBytes, policy);
  await endSurplus(options, name, { kept: options.maxOpenUploads - 1, idleSinceMs: 0 });
  for (let tries = 0; tries < MAX_CHOICES; tries += 1) {
    const nodeIds = await chooseFor(options, wanted);
    const openedAtMs = options.clock.nowMs();
    const uploadId = toHex(options.randomness.bytes(UPLOAD_ID_BYTES));
    const expiresAtMs = openedAtMs + options.uploadTtlMs;
    const upload = { ...name, uploadId, nodeIds, quotaBytesPerNode, openedAtMs, expiresAtMs };
    const nodes = await options.uploads.open(upload);
    if (nodes === 'no-space') {
      options.book.invalidate();
      continue;
    }
    for (const node of nodes) options.book.patch(node.nodeId, { freeBytes: freeBytes(node) });
    return { ...upload, policy, nodes: nodes.map((node) => grantPut(options, node, upload)) };
  }
  throw fail('mediator.not-ready', { detail: 'the nodes’ space is being taken faster than it can be reserved.' });
}

/**
 * A client that was killed leaves its uploads open; they must not keep space from its next ones. An upload that was ended here still takes commits
 * while there is room, so a second machine at work in the same vault loses nothing.
 */
async function endSurplus(
  options: UploadsOptions,
  name: VaultName,
  surplus: { kept: number; idleSinceMs: number },
): Promise<boolean> {
  const ended = await options.uploads.endSurplus(name, { ...surplus, nowMs: options.clock.nowMs() });
  if (ended > 0) options.book.invalidate();
  return ended > 0;
}

/** @throws HoldfastError `policy.too-few-nodes` */
async function chooseFor(
  options: UploadsOptions,
  {
    vault,
    terms,
    plainBytes,
    avoidNodes,
  }: { vault: VaultRecord; terms: Terms; plainBytes: number; avoidNodes: readonly string[] },
): Promise<string[]> {
  const { policy } = vault;
  for (;;) {
    const index = await options.book.read();
    const request = requestFor(terms, policy, plainBytes, options.rules(), avoidNodes);
    const { chosen } = chooseNodes(index, request);
    if (chosen.length === request.nodeCount) return chosen.map(({ nodeId }) => nodeId);
    const idleSinceMs = options.clock.nowMs() - IDLE_MS;
    if (await endSurplus(options, vault, { kept: options.maxOpenUploads, idleSinceMs })) continue;
    const available = countIndependentNodes(index, request, COUNTED_NODES);
    throw fail('policy.too-few-nodes', { needed: request.nodeCount, ...policy, available });
  }
}

function grantPut(
  options: UploadsOptions,
  node: NodeRecord,
  upload: { clientId: string; uploadId: string; quotaBytesPerNode: number; openedAtMs: number; expiresAtMs: number },
): GrantedNode {
  const token = signMessage(
    grant,
    options.signer.context,
    {
      verb: 'put',
      clientId: upload.clientId,
      holder: upload.clientId,
      nodeId: node.nodeId,
      uploadId: upload.uploadId,
      packIds: [],
      quotaBytes: upload.quotaBytesPerNode,
      issuedAtMs: upload.openedAtMs,
      expiresAtMs: upload.expiresAtMs,
    },
    options.signer.key,
  );
  return { node, grant: token, isOnline: true };
}

/** @throws HoldfastError `upload.unknown` */
export async function closeUpload(
  options: Pick<UploadsOptions, 'uploads' | 'book' | 'clock'>,
  name: VaultName & { uploadId: string },
): Promise<void> {
  const nodes = await options.uploads.end(name, options.clock.nowMs());
  if (nodes === undefined) throw fail('upload.unknown', { uploadId: name.uploadId });
  for (const node of nodes) options.book.patch(node.nodeId, { freeBytes: freeBytes(node) });
}
