/** Packs and shards in Postgres: commits and drops are one transaction with the orders that tell the nodes. */
import { fail, type HoldfastError } from '@holdfast/protocol';
import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import type { CheckedPack, PackPlaces, PackStore, VaultName } from '../../custody/index.ts';
import { freeBytes } from '../../nodes/index.ts';
import { placeShards, recordHoles, removePlaces } from './challenge-lines.ts';
import { hexArray } from './columns.ts';
import { growUnderUpload, shrinkAgreements } from './agreements-growth.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import type { Money } from './ledger.ts';
import { appendOrders, lockNodes, NODE_FIELDS, type OrderForNode, toNodeRecord } from './nodes.ts';
import { nodes, packs, shards, uploadNodes, uploads, vaults } from './schema.ts';
import { isVault } from './vaults.ts';

export function createPackStore(database: Database, money: Money): PackStore {
  return {
    commit: (name, list, times) => inTransaction(database, (tx) => commit(tx, money, name, list, times)),
    drop: (name, packIds, nowMs) => inTransaction(database, (tx) => drop(tx, money, name, packIds, nowMs)),
    async list(name, { after, limit }) {
      const rows = await database
        .select({ packId: packs.packId })
        .from(packs)
        .where(
          and(isPackOf(name), eq(packs.isDropped, false), after === undefined ? undefined : gt(packs.packId, after)),
        )
        .orderBy(asc(packs.packId))
        .limit(limit);
      return rows.map(({ packId }) => packId);
    },
    locate: (name, packIds) => locate(database, name, packIds),
  };
}

const isPackOf = (name: VaultName) => and(eq(packs.clientId, name.clientId), eq(packs.vaultId, name.vaultId));

type UploadRow = typeof uploads.$inferSelect;
type CommitName = VaultName & { uploadId: string };

async function commit(
  tx: Transaction,
  money: Money,
  name: CommitName,
  list: readonly CheckedPack[],
  times: { nowMs: number; endExpiredBeforeMs: number },
): Promise<void> {
  await lockVault(tx, name);
  const fresh = await withoutCommitted(tx, name, list);
  if (fresh.length === 0) return;
  const { upload, nodeNos } = await lockUpload(tx, name, times.endExpiredBeforeMs);
  const addedBytes = fresh.reduce((sum, pack) => sum + pack.shardLengthBytes, 0);
  const leftBytes = upload.quotaBytesPerNode - upload.committedBytesPerNode;
  if (addedBytes > leftBytes) {
    const quotaBytes = upload.quotaBytesPerNode * fresh[0]!.policy.dataShards;
    throw fail('upload.quota-exceeded', { quotaBytes });
  }
  for (const { packId, shards: places } of fresh) {
    const stranger = places.find(({ nodeId }) => !nodeNos.has(nodeId));
    if (stranger === undefined) continue;
    throw fail('pack.bad-commit', { packId, detail: `node ${stranger.nodeId} is not one of this upload’s.` });
  }
  // An upload that has ended holds no reservation any more: what it wrote in time counts as long as there is room.
  if (upload.state === 'ended') await checkRoom(tx, nodeNos, addedBytes);
  await tx
    .update(uploads)
    .set({
      committedBytesPerNode: sql`${uploads.committedBytesPerNode} + ${addedBytes}`,
      activeAtMs: times.nowMs,
    })
    .where(eq(uploads.uploadId, name.uploadId));
  const packNos = await insertPacks(tx, name, fresh, nodeNos, times.nowMs);
  const orders = ordersFor(name, fresh, nodeNos, upload.state === 'open' ? -addedBytes : 0);
  await appendOrders(tx, orders, times.nowMs);
  await placeShards(tx, packNos);
  await tx
    .update(vaults)
    .set({
      packCount: sql`${vaults.packCount} + ${fresh.length}`,
      storedBytes: sql`${vaults.storedBytes} + ${addedBytes * nodeNos.size}`,
    })
    .where(isVault(name));
  // Money last: its locks are shared by many.
  const bytesAt = new Map(orders.map(({ nodeNo, storedBytes }) => [nodeNo, storedBytes]));
  await growUnderUpload(tx, money, name, bytesAt, times.nowMs);
}

/** @throws HoldfastError `vault.unknown` */
async function lockVault(tx: Transaction, name: VaultName): Promise<void> {
  const rows = await tx.select({ vaultId: vaults.vaultId }).from(vaults).where(isVault(name)).for('no key update');
  if (rows.length === 0) throw fail('vault.unknown', { vaultId: name.vaultId });
}

/** Those that are not committed yet. @throws HoldfastError `pack.conflict` when one is, with other contents. */
async function withoutCommitted(
  tx: Transaction,
  name: VaultName,
  list: readonly CheckedPack[],
): Promise<readonly CheckedPack[]> {
  const packIds = list.map(({ packId }) => packId);
  const known = await tx
    .select({
      packId: packs.packId,
      vaultId: packs.vaultId,
      commitHash: packs.commitHash,
      isDropped: packs.isDropped,
    })
    .from(packs)
    .where(and(eq(packs.clientId, name.clientId), inArray(packs.packId, packIds)));
  const byId = new Map(known.map((row) => [row.packId, row]));
  return list.filter(({ packId, commitHash }) => {
    const row = byId.get(packId);
    if (row === undefined) return true;
    const isSame = row.commitHash === commitHash && row.vaultId === name.vaultId && !row.isDropped;
    if (!isSame) throw fail('pack.conflict', { packId });
    return false;
  });
}

/** @throws HoldfastError `upload.unknown`, `upload.expired` */
async function lockUpload(
  tx: Transaction,
  { uploadId, ...name }: CommitName,
  endExpiredBeforeMs: number,
): Promise<{ upload: UploadRow; nodeNos: Map<string, number> }> {
  const [upload] = await tx
    .select()
    .from(uploads)
    .where(and(eq(uploads.uploadId, uploadId), eq(uploads.clientId, name.clientId), eq(uploads.vaultId, name.vaultId)))
    .for('update');
  if (upload === undefined) throw fail('upload.unknown', { uploadId });
  if (upload.state === 'discarded' || upload.expiresAtMs < endExpiredBeforeMs) throw expired(uploadId);
  const places = await tx
    .select({ nodeNo: nodes.nodeNo, nodeId: nodes.nodeId })
    .from(uploadNodes)
    .innerJoin(nodes, eq(nodes.nodeNo, uploadNodes.nodeNo))
    .where(eq(uploadNodes.uploadId, uploadId));
  return { upload, nodeNos: new Map(places.map(({ nodeId, nodeNo }) => [nodeId, nodeNo])) };
}

const expired = (uploadId: string): HoldfastError => fail('upload.expired', { uploadId });

/** @throws HoldfastError `node.full` */
async function checkRoom(tx: Transaction, nodeNos: ReadonlyMap<string, number>, neededBytes: number): Promise<void> {
  await lockNodes(tx, [...nodeNos.values()]);
  const rows = await tx
    .select(NODE_FIELDS)
    .from(nodes)
    .where(inArray(nodes.nodeNo, [...nodeNos.values()]));
  for (const row of rows) {
    // What the node itself reports already lacks these bytes: they are written.
    const free = freeBytes({ ...row, reportedFreeBytes: null });
    if (free < neededBytes) throw fail('node.full', { freeBytes: free, neededBytes });
  }
}

async function insertPacks(
  tx: Transaction,
  name: CommitName,
  list: readonly CheckedPack[],
  nodeNos: ReadonlyMap<string, number>,
  nowMs: number,
): Promise<number[]> {
  const inserted = await tx
    .insert(packs)
    .values(
      list.map((pack) => ({
        clientId: name.clientId,
        vaultId: name.vaultId,
        uploadId: name.uploadId,
        packId: pack.packId,
        ...pack.policy,
        shardLengthBytes: pack.shardLengthBytes,
        commitHash: pack.commitHash,
        commitToken: pack.commitToken,
        sealedMaskKey: pack.sealedMaskKey,
        committedAtMs: nowMs,
      })),
    )
    .returning({ packId: packs.packId, packNo: packs.packNo });
  const packNos = new Map(inserted.map(({ packId, packNo }) => [packId, packNo]));
  const rows = list.flatMap((pack) =>
    pack.shards.map((shard, shardIndex) => ({ ...shard, shardIndex, packNo: packNos.get(pack.packId)! })),
  );
  await tx.execute(sql`
    INSERT INTO ${shards} (pack_no, shard_index, node_no, root, received_at_ms, receipt_signature)
    SELECT * FROM unnest(
      ${sql.param(rows.map(({ packNo }) => packNo))}::bigint[],
      ${sql.param(rows.map(({ shardIndex }) => shardIndex))}::smallint[],
      ${sql.param(rows.map(({ nodeId }) => nodeNos.get(nodeId)!))}::int[],
      ${hexArray(rows.map(({ root }) => root))},
      ${sql.param(rows.map(({ receivedAtMs }) => receivedAtMs))}::bigint[],
      ${sql.param(rows.map(({ receiptSignature }) => Buffer.from(receiptSignature)))}::bytea[]
    )`);
  return [...packNos.values()];
}

function ordersFor(
  name: CommitName,
  list: readonly CheckedPack[],
  nodeNos: ReadonlyMap<string, number>,
  reservedBytes: number,
): OrderForNode[] {
  const perNode = new Map<string, { shards: [string, number][]; storedBytes: number }>();
  for (const pack of list) {
    for (const [shardIndex, { nodeId }] of pack.shards.entries()) {
      const at = perNode.get(nodeId) ?? { shards: [], storedBytes: 0 };
      at.shards.push([pack.packId, shardIndex]);
      at.storedBytes += pack.shardLengthBytes;
      perNode.set(nodeId, at);
    }
  }
  return [...perNode].map(([nodeId, at]) => ({
    nodeNo: nodeNos.get(nodeId)!,
    kind: 'committed',
    clientId: name.clientId,
    uploadId: name.uploadId,
    shards: at.shards,
    storedBytes: at.storedBytes,
    reservedBytes,
  }));
}

async function drop(
  tx: Transaction,
  money: Money,
  name: VaultName,
  packIds: readonly string[],
  nowMs: number,
): Promise<string[]> {
  await lockVault(tx, name);
  const rows = await tx
    .select({
      packNo: packs.packNo,
      packId: packs.packId,
      isDropped: packs.isDropped,
      lengthBytes: packs.shardLengthBytes,
      shardCount: sql<number>`(${packs.dataShards} + ${packs.parityShards})::int`,
    })
    .from(packs)
    .where(and(isPackOf(name), inArray(packs.packId, [...packIds])))
    .for('update');
  const present = new Map(rows.filter(({ isDropped }) => !isDropped).map((row) => [row.packNo, row]));
  if (present.size > 0) {
    const packNos = [...present.keys()];
    await tx
      .update(packs)
      .set({ isDropped: true, sealedMaskKey: null, commitToken: null })
      .where(inArray(packs.packNo, packNos));
    const holes = await removePlaces(tx, packNos);
    const removed = await tx.delete(shards).where(inArray(shards.packNo, packNos)).returning({
      packNo: shards.packNo,
      shardIndex: shards.shardIndex,
      nodeNo: shards.nodeNo,
      lostAtMs: shards.lostAtMs,
    });
    const perNode = new Map<number, { shards: [string, number][]; storedBytes: number }>();
    for (const { packNo, shardIndex, nodeNo, lostAtMs } of removed) {
      const { packId, lengthBytes } = present.get(packNo)!;
      const at = perNode.get(nodeNo) ?? { shards: [], storedBytes: 0 };
      at.shards.push([packId, shardIndex]);
      // A lost shard was taken off the node's account when it was lost.
      if (lostAtMs === null) at.storedBytes -= lengthBytes;
      perNode.set(nodeNo, at);
    }
    const orders = [...perNode].map(([nodeNo, at]): OrderForNode => ({
      nodeNo,
      kind: 'delete',
      clientId: name.clientId,
      uploadId: null,
      shards: at.shards,
      storedBytes: at.storedBytes,
      reservedBytes: 0,
    }));
    await appendOrders(tx, orders, nowMs);
    await recordHoles(tx, holes);
    const freedBytes = [...present.values()].reduce((sum, row) => sum + row.lengthBytes * row.shardCount, 0);
    await tx
      .update(vaults)
      .set({
        packCount: sql`${vaults.packCount} - ${present.size}`,
        storedBytes: sql`${vaults.storedBytes} - ${freedBytes}`,
      })
      .where(isVault(name));
    const freedAt = orders.filter(({ storedBytes }) => storedBytes < 0);
    const bytesAt = new Map(freedAt.map(({ nodeNo, storedBytes }) => [nodeNo, -storedBytes]));
    if (bytesAt.size > 0) await shrinkAgreements(tx, money, name, bytesAt, nowMs);
  }
  return rows.map(({ packId }) => packId);
}

async function locate(database: Database, name: VaultName, packIds: readonly string[]) {
  const rows = await database
    .select({
      packId: packs.packId,
      dataShards: packs.dataShards,
      parityShards: packs.parityShards,
      shardLengthBytes: packs.shardLengthBytes,
      shardIndex: shards.shardIndex,
      nodeId: nodes.nodeId,
      root: shards.root,
      lostAtMs: shards.lostAtMs,
    })
    .from(packs)
    .innerJoin(shards, eq(shards.packNo, packs.packNo))
    .innerJoin(nodes, eq(nodes.nodeNo, shards.nodeNo))
    .where(and(isPackOf(name), eq(packs.isDropped, false), sql`${packs.packId} = ANY(${hexArray(packIds)})`))
    .orderBy(asc(packs.packId), asc(shards.shardIndex));
  const places = new Map<string, PackPlaces & { shards: { nodeId: string; root: string; isLost: boolean }[] }>();
  for (const { packId, dataShards, parityShards, shardLengthBytes, nodeId, root, lostAtMs } of rows) {
    const pack = places.get(packId) ?? { packId, policy: { dataShards, parityShards }, shardLengthBytes, shards: [] };
    pack.shards.push({ nodeId, root, isLost: lostAtMs !== null });
    places.set(packId, pack);
  }
  const nodeIds = [...new Set(rows.map(({ nodeId }) => nodeId))];
  const holders =
    nodeIds.length === 0
      ? []
      : await database.select(NODE_FIELDS).from(nodes).where(inArray(nodes.nodeId, nodeIds)).orderBy(asc(nodes.nodeId));
  return { packs: [...places.values()], nodes: holders.map(toNodeRecord) };
}
