/** Whether a commit of packs and its receipts say the same, and were signed by those who must. Pure but for the signatures' CPU time. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  fail,
  fromBase64Url,
  fromHex,
  GROUP_BYTES,
  type HoldfastError,
  MAX_SHARD_BYTES,
  messageHash,
  openMessage,
  packCommit,
  type PackPolicy,
  receipt,
  type SigningContext,
} from '@holdfast/protocol';
import type { MaskKeySeal } from './mask-keys.ts';
import type { CheckedPack, VaultName } from './ports.ts';

export interface OfferedPack {
  readonly commit: string;
  /** 64 hex digits. */
  readonly maskKey: string;
  /** By shard index. */
  readonly receipts: readonly string[];
}

export interface CommitScope extends VaultName {
  readonly uploadId: string;
  readonly policy: PackPolicy;
}

type Commit = ReturnType<typeof openMessage<Parameters<(typeof packCommit)['signer']>[0]>>;

const SIGNATURE_BYTES = 64;

/**
 * Checks all packs, letting other requests in between two of them.
 * @throws HoldfastError `message.*`, `pack.bad-commit`, `receipt.mismatch`, `receipt.wrong-shard`
 */
export async function checkPacks(
  offered: readonly OfferedPack[],
  scope: CommitScope,
  context: SigningContext,
  maskKeys: MaskKeySeal,
): Promise<CheckedPack[]> {
  const checked: CheckedPack[] = [];
  const known = new Set<string>();
  for (const pack of offered) {
    const one = checkPack(pack, scope, context, maskKeys);
    if (known.has(one.packId)) throw badCommit(one.packId, 'it stands in this request twice.');
    known.add(one.packId);
    checked.push(one);
    await nextTurn();
  }
  return checked;
}

function checkPack(
  { commit: commitToken, maskKey, receipts }: OfferedPack,
  scope: CommitScope,
  context: SigningContext,
  maskKeys: MaskKeySeal,
): CheckedPack {
  const commit = openMessage(packCommit, context, commitToken);
  checkTerms(commit, scope);
  const { packId, shards } = commit;
  if (createHash('sha256').update(fromHex(maskKey, 32)).digest('hex') !== commit.maskKeyHash) {
    throw badCommit(packId, 'the mask key is not the one that was signed for.');
  }
  if (receipts.length !== shards.length) {
    throw badCommit(packId, `${receipts.length} receipts came for ${shards.length} shards.`);
  }
  return {
    packId,
    policy: scope.policy,
    shardLengthBytes: commit.shardLengthBytes,
    commitHash: messageHash(commitToken),
    commitToken,
    sealedMaskKey: maskKeys.seal(fromHex(maskKey, 32), scope.clientId, packId),
    shards: shards.map((shard, shardIndex) => ({
      ...shard,
      ...checkReceipt(receipts[shardIndex]!, commit, shardIndex, scope, context),
    })),
  };
}

function checkTerms(commit: Commit, scope: CommitScope): void {
  const { packId, shards, shardLengthBytes: length, dataShards, parityShards } = commit;
  if (commit.clientId !== scope.clientId) throw badCommit(packId, 'it is signed by another client.');
  if (commit.vaultId !== scope.vaultId) throw badCommit(packId, 'it is for another vault.');
  if (dataShards !== scope.policy.dataShards || parityShards !== scope.policy.parityShards) {
    const { policy } = scope;
    throw badCommit(
      packId,
      `${dataShards}+${parityShards} is not the vault’s ${policy.dataShards}+${policy.parityShards}.`,
    );
  }
  if (shards.length !== dataShards + parityShards) {
    throw badCommit(packId, `it names ${shards.length} shards, not ${dataShards + parityShards}.`);
  }
  if (length <= 0 || length % GROUP_BYTES !== 0 || length > MAX_SHARD_BYTES) {
    throw badCommit(packId, `a shard of ${length} bytes is not allowed.`);
  }
  if (new Set(shards.map(({ nodeId }) => nodeId)).size !== shards.length) {
    throw badCommit(packId, 'two of its shards are at one node.');
  }
}

function checkReceipt(
  token: string,
  commit: Commit,
  shardIndex: number,
  scope: CommitScope,
  context: SigningContext,
): { receivedAtMs: number; receiptSignature: Uint8Array } {
  const said = openMessage(receipt, context, token);
  const { packId } = commit;
  const { nodeId, root } = commit.shards[shardIndex]!;
  const isOurs =
    said.clientId === scope.clientId &&
    said.packId === packId &&
    said.shardIndex === shardIndex &&
    said.nodeId === nodeId;
  if (!isOurs) throw fail('receipt.wrong-shard', { nodeId: said.nodeId });
  const differs = (field: string): HoldfastError => fail('receipt.mismatch', { field, packId, nodeId });
  if (said.uploadId !== scope.uploadId) throw differs('upload');
  if (said.lengthBytes !== commit.shardLengthBytes) throw differs('length');
  if (said.root !== root) throw differs('root');
  return { receivedAtMs: said.receivedAtMs, receiptSignature: fromBase64Url(token).slice(-SIGNATURE_BYTES) };
}

const badCommit = (packId: string, detail: string): HoldfastError => fail('pack.bad-commit', { packId, detail });
