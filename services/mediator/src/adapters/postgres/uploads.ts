/** Uploads in Postgres: the space and money that they reserve, and the orders that clean up after them. */
import { and, asc, desc, eq, inArray, lt, ne, sql } from 'drizzle-orm';
import type { NewUpload, UploadStore, UploadTimes, VaultName } from '../../custody/index.ts';
import { freeBytes } from '../../nodes/index.ts';
import { awaitAnswers, noteUncommitted, settleOne } from './agreements-discards.ts';
import { releaseUpload, reserveUpload } from './agreements-uploads.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import type { Money } from './ledger.ts';
import { appendOrders, lockNodes, NODE_FIELDS, toNodeRecord } from './nodes.ts';
import { nodes, uploadNodes, uploads, vaults } from './schema.ts';
import { isVault } from './vaults.ts';

/** Uploads ended in one transaction. */
const SWEEP_BATCH = 50;

export function createUploadStore(database: Database, money: Money): UploadStore {
  return {
    open: (upload) => inTransaction(database, (tx) => reserve(tx, money, upload)),
    endSurplus: (name, surplus) =>
      inTransaction(database, async (tx) => {
        await lockVault(tx, name);
        return endSurplus(tx, money, name, surplus);
      }),
    end: (name, nowMs) =>
      inTransaction(database, async (tx) => {
        await lockVault(tx, name);
        const [upload] = await tx
          .select()
          .from(uploads)
          .where(and(isOfVault(name), eq(uploads.uploadId, name.uploadId)))
          .for('update');
        if (upload === undefined) return undefined;
        await releaseUploads(tx, money, await endUploads(tx, [upload]), nowMs);
        const rows = await tx
          .select(NODE_FIELDS)
          .from(nodes)
          .innerJoin(uploadNodes, eq(uploadNodes.nodeNo, nodes.nodeNo))
          .where(eq(uploadNodes.uploadId, name.uploadId));
        return rows.map(toNodeRecord);
      }),
    sweep: async (times) => {
      const count = { ended: 0, discarded: 0, settled: 0 };
      for (let ended = SWEEP_BATCH; ended === SWEEP_BATCH; count.ended += ended) {
        ended = await inTransaction(database, (tx) => endExpired(tx, money, times));
      }
      while (await inTransaction(database, (tx) => discardOne(tx, money, times))) count.discarded += 1;
      while (await inTransaction(database, (tx) => settleOne(tx, money, times.nowMs))) count.settled += 1;
      return count;
    },
    noteUncommitted: (nodeId, uncommitted, nowMs) => noteUncommitted(database, money, { nodeId, uncommitted, nowMs }),
  };
}

type UploadRow = typeof uploads.$inferSelect;

const isOfVault = (name: VaultName) => and(eq(uploads.clientId, name.clientId), eq(uploads.vaultId, name.vaultId));

async function reserve(tx: Transaction, money: Money, upload: NewUpload) {
  const chosen = await tx
    .select({ nodeNo: nodes.nodeNo })
    .from(nodes)
    .where(inArray(nodes.nodeId, [...upload.nodeIds]));
  const nodeNos = chosen.map(({ nodeNo }) => nodeNo);
  await lockNodes(tx, nodeNos);
  const rows = await tx
    .select({ ...NODE_FIELDS, nodeNo: nodes.nodeNo })
    .from(nodes)
    .where(inArray(nodes.nodeNo, nodeNos));
  const quota = upload.quotaBytesPerNode;
  if (rows.length !== upload.nodeIds.length || rows.some((row) => freeBytes(row) < quota)) return 'no-space' as const;
  await tx
    .update(nodes)
    .set({ reservedBytes: sql`${nodes.reservedBytes} + ${quota}` })
    .where(inArray(nodes.nodeNo, nodeNos));
  await tx.insert(uploads).values({
    uploadId: upload.uploadId,
    clientId: upload.clientId,
    vaultId: upload.vaultId,
    state: 'open',
    quotaBytesPerNode: quota,
    openedAtMs: upload.openedAtMs,
    activeAtMs: upload.openedAtMs,
    expiresAtMs: upload.expiresAtMs,
  });
  await tx.insert(uploadNodes).values(nodeNos.map((nodeNo) => ({ uploadId: upload.uploadId, nodeNo })));
  // Money last: its locks are shared by many.
  const offers = rows.map(({ nodeNo, priceSatPerTbMonth }) => ({ nodeNo, priceSatPerTbMonth }));
  await reserveUpload(tx, money, { ...upload, nodes: offers }, upload.openedAtMs);
  const records = new Map(
    rows.map(({ nodeNo: _, ...row }) => [
      row.nodeId,
      toNodeRecord({ ...row, reservedBytes: row.reservedBytes + quota }),
    ]),
  );
  return upload.nodeIds.map((nodeId) => records.get(nodeId)!);
}

async function lockVault(tx: Transaction, name: VaultName): Promise<void> {
  await tx.select({ vaultId: vaults.vaultId }).from(vaults).where(isVault(name)).for('no key update');
}

async function endSurplus(
  tx: Transaction,
  money: Money,
  name: VaultName,
  { kept, idleSinceMs, nowMs }: { kept: number; idleSinceMs: number; nowMs: number },
): Promise<number> {
  const open = await tx
    .select()
    .from(uploads)
    .where(and(isOfVault(name), eq(uploads.state, 'open')))
    .orderBy(desc(uploads.openedAtMs), asc(uploads.uploadId))
    .for('update');
  const surplus = open.filter(({ activeAtMs }, place) => place >= kept || activeAtMs < idleSinceMs);
  await releaseUploads(tx, money, await endUploads(tx, surplus), nowMs);
  return surplus.length;
}

/** Ends those that are open and releases the space that they did not use. Their rows must be locked. Resolves to those, whose money is still reserved. */
export async function endUploads(tx: Transaction, rows: readonly UploadRow[]): Promise<readonly UploadRow[]> {
  const open = rows.filter(({ state }) => state === 'open');
  if (open.length === 0) return [];
  const uploadIds = open.map(({ uploadId }) => uploadId);
  await tx.update(uploads).set({ state: 'ended' }).where(inArray(uploads.uploadId, uploadIds));
  const places = await tx.select().from(uploadNodes).where(inArray(uploadNodes.uploadId, uploadIds));
  const unused = new Map(open.map((row) => [row.uploadId, row.quotaBytesPerNode - row.committedBytesPerNode]));
  const perNode = new Map<number, number>();
  for (const { uploadId, nodeNo } of places) {
    perNode.set(nodeNo, (perNode.get(nodeNo) ?? 0) + (unused.get(uploadId) ?? 0));
  }
  await lockNodes(tx, [...perNode.keys()]);
  await tx.execute(sql`
    UPDATE ${nodes} SET reserved_bytes = ${nodes.reservedBytes} - released.reserved_bytes
    FROM unnest(${sql.param([...perNode.keys()])}::int[], ${sql.param([...perNode.values()])}::bigint[])
      AS released(node_no, reserved_bytes)
    WHERE ${nodes.nodeNo} = released.node_no`);
  return open;
}

/** Call it last in the transaction. Clients in one order, so that two of them never wait for each other. */
async function releaseUploads(
  tx: Transaction,
  money: Money,
  ended: readonly UploadRow[],
  nowMs: number,
): Promise<void> {
  const ordered = ended.toSorted((a, b) => (a.clientId < b.clientId ? -1 : a.clientId > b.clientId ? 1 : 0));
  for (const { uploadId } of ordered) await releaseUpload(tx, money, uploadId, nowMs);
}

async function endExpired(tx: Transaction, money: Money, times: UploadTimes): Promise<number> {
  const rows = await tx
    .select()
    .from(uploads)
    .where(and(eq(uploads.state, 'open'), lt(uploads.expiresAtMs, times.endExpiredBeforeMs)))
    .orderBy(asc(uploads.expiresAtMs))
    .limit(SWEEP_BATCH)
    .for('update', { skipLocked: true });
  await releaseUploads(tx, money, await endUploads(tx, rows), times.nowMs);
  return rows.length;
}

/** From here on no commit of these uploads is taken, so their nodes may delete what no `committed` order named. */
async function discardOne(tx: Transaction, money: Money, times: UploadTimes): Promise<boolean> {
  const due = and(ne(uploads.state, 'discarded'), lt(uploads.expiresAtMs, times.discardExpiredBeforeMs));
  const rows = await tx
    .select()
    .from(uploads)
    .where(due)
    .orderBy(asc(uploads.expiresAtMs))
    .limit(1)
    .for('update', { skipLocked: true });
  const [upload] = rows;
  if (upload === undefined) return false;
  await endUploads(tx, rows);
  const { uploadId, clientId } = upload;
  await tx.update(uploads).set({ state: 'discarded' }).where(eq(uploads.uploadId, uploadId));
  const places = await tx.select().from(uploadNodes).where(eq(uploadNodes.uploadId, uploadId));
  const discards = places.map(({ nodeNo }) => ({
    nodeNo,
    kind: 'discard-upload' as const,
    clientId,
    uploadId,
    shards: null,
    storedBytes: 0,
    reservedBytes: 0,
  }));
  await appendOrders(tx, discards, times.nowMs);
  await tx.delete(uploadNodes).where(eq(uploadNodes.uploadId, uploadId));
  await awaitAnswers(tx, money, uploadId, times.nowMs);
  return true;
}
