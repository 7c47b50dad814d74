/** Nodes, their certificates and their orders in Postgres. */
import { MAX_MESSAGE_SHARDS } from '@holdfast/protocol';
import { and, asc, eq, gt, inArray, isNull, notInArray, or, sql } from 'drizzle-orm';
import type { NodeRecord, NodeStore, Order, ShardName } from '../../nodes/index.ts';
import { losePlaces } from './challenge-lines.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { tellNodes } from './node-news.ts';
import { nodeCertificates, nodes, orders, packs, shards } from './schema.ts';

export const NODE_FIELDS = {
  nodeId: nodes.nodeId,
  operator: nodes.operator,
  region: nodes.region,
  addresses: nodes.addresses,
  subnet: nodes.subnet,
  priceSatPerTbMonth: nodes.priceSatPerTbMonth,
  egressSatPerTb: nodes.egressSatPerTb,
  capacityBytes: nodes.capacityBytes,
  storedBytes: nodes.storedBytes,
  reservedBytes: nodes.reservedBytes,
  reportedFreeBytes: nodes.reportedFreeBytes,
  standing: nodes.state,
  isReached: nodes.isReached,
  lastSeenAtMs: nodes.lastSeenAtMs,
};

export type NodeRow = Omit<NodeRecord, 'state'> & {
  standing: 'vetting' | 'active' | 'suspended' | 'disqualified' | 'leaving';
  isReached: boolean;
};

export function toNodeRecord({ standing, isReached, ...rest }: NodeRow): NodeRecord {
  const isHidden = !isReached && (standing === 'vetting' || standing === 'active');
  return { ...rest, state: isHidden ? 'unreached' : standing };
}

export function createNodeStore(database: Database): NodeStore {
  return {
    register: (registration, certificate, nowMs, maxCertificates) =>
      inTransaction(database, async (tx) => {
        const { nodeId, signedAtMs, addresses, ...offer } = registration;
        const values = {
          operator: offer.operator,
          region: offer.region,
          addresses: [...addresses],
          priceSatPerTbMonth: offer.priceSatPerTbMonth,
          egressSatPerTb: offer.egressSatPerTb,
          capacityBytes: offer.capacityBytes,
          registrationSignedAtMs: signedAtMs,
        };
        const written = await tx
          .insert(nodes)
          .values({ nodeId, ...values, state: 'vetting', registeredAtMs: nowMs, lastSeenAtMs: nowMs })
          .onConflictDoUpdate({
            target: nodes.nodeId,
            set: { ...values, isReached: sql`${nodes.isReached} AND ${nodes.addresses} = excluded.addresses` },
            setWhere: sql`${nodes.registrationSignedAtMs} <= excluded.registration_signed_at_ms`,
          })
          .returning({ nodeId: nodes.nodeId });
        if (written.length === 0) return false;
        await tx.insert(nodeCertificates).values({ nodeId, ...certificate });
        const kept = tx
          .select({ fingerprint: nodeCertificates.fingerprint })
          .from(nodeCertificates)
          .where(eq(nodeCertificates.nodeId, nodeId))
          .orderBy(sql`${nodeCertificates.issuedAtMs} DESC, ${nodeCertificates.fingerprint}`)
          .limit(maxCertificates);
        await tx
          .delete(nodeCertificates)
          .where(and(eq(nodeCertificates.nodeId, nodeId), notInArray(nodeCertificates.fingerprint, kept)));
        return true;
      }),
    async findCertificate(fingerprint, nowMs) {
      const [row] = await database
        .select({ nodeId: nodeCertificates.nodeId })
        .from(nodeCertificates)
        .where(
          and(
            eq(nodeCertificates.fingerprint, fingerprint),
            gt(nodeCertificates.expiresAtMs, nowMs),
            isNull(nodeCertificates.revokedAtMs),
          ),
        );
      return row;
    },
    async find(nodeId) {
      const [row] = await database.select(NODE_FIELDS).from(nodes).where(eq(nodes.nodeId, nodeId));
      return row && toNodeRecord(row);
    },
    async list({ after, limit }) {
      const place = after === undefined ? undefined : afterNode(database, after);
      const rows = await database
        .select(NODE_FIELDS)
        .from(nodes)
        .where(place)
        .orderBy(asc(nodes.priceSatPerTbMonth), asc(nodes.nodeId))
        .limit(limit);
      return rows.map(toNodeRecord);
    },
    async setReached(nodeId, addresses, { isReached, subnet }) {
      await database
        .update(nodes)
        .set({ isReached, ...(isReached && { subnet }) })
        .where(and(eq(nodes.nodeId, nodeId), sql`${nodes.addresses} = ${sql.param([...addresses])}::text[]`));
    },
    heartbeat: (nodeId, heartbeat, nowMs, maxOrders) => takeHeartbeat(database, nodeId, heartbeat, nowMs, maxOrders),
    async ordersAfter(nodeId, order, maxOrders) {
      const [node] = await database.select({ nodeNo: nodes.nodeNo }).from(nodes).where(eq(nodes.nodeId, nodeId));
      return node === undefined ? [] : ordersOf(database, node.nodeNo, order, maxOrders);
    },
    async carriedOut(nodeId, order) {
      await database
        .update(nodes)
        .set({ carriedOutOrder: sql`LEAST(${order}, ${nodes.lastOrder})` })
        .where(eq(nodes.nodeId, nodeId));
    },
    reportLosses: (nodeId, names, nowMs) =>
      inTransaction(database, async (tx) => (await markLost(tx, nodeId, names, nowMs)).length),
  };
}

/** Rows after that node in the order of the list; an unknown node gives the list's beginning. */
const afterNode = (database: Database, nodeId: string) => {
  const price = database.select({ price: nodes.priceSatPerTbMonth }).from(nodes).where(eq(nodes.nodeId, nodeId));
  return or(
    sql`NOT EXISTS (${price})`,
    sql`${nodes.priceSatPerTbMonth} > (${price})`,
    and(sql`${nodes.priceSatPerTbMonth} = (${price})`, gt(nodes.nodeId, nodeId)),
  );
};

async function takeHeartbeat(
  database: Database,
  nodeId: string,
  heartbeat: { version: string; freeBytes: number; carriedOutOrder: number },
  nowMs: number,
  maxOrders: number,
): Promise<Order[]> {
  const [node] = await database
    .update(nodes)
    .set({
      version: heartbeat.version,
      reportedFreeBytes: heartbeat.freeBytes,
      lastSeenAtMs: sql`GREATEST(${nodes.lastSeenAtMs}, ${nowMs})`,
      // A node that lost its cursor says a smaller number, and is told again what is still kept.
      carriedOutOrder: sql`LEAST(${heartbeat.carriedOutOrder}, ${nodes.lastOrder})`,
    })
    .where(eq(nodes.nodeId, nodeId))
    .returning({ nodeNo: nodes.nodeNo });
  return node === undefined ? [] : ordersOf(database, node.nodeNo, heartbeat.carriedOutOrder, maxOrders);
}

async function ordersOf(database: Database, nodeNo: number, after: number, maxOrders: number): Promise<Order[]> {
  const rows = await database
    .select()
    .from(orders)
    .where(and(eq(orders.nodeNo, nodeNo), gt(orders.orderNo, after)))
    .orderBy(asc(orders.orderNo))
    .limit(maxOrders);
  return firstOrders(rows).map(toOrder);
}

/** As many as one answer carries: at least one, and no more shard names than this. */
const MAX_SHARD_NAMES = MAX_MESSAGE_SHARDS;

function firstOrders(rows: (typeof orders.$inferSelect)[]): (typeof orders.$inferSelect)[] {
  let names = 0;
  const end = rows.findIndex((row, at) => (names += row.shards?.length ?? 0) > MAX_SHARD_NAMES && at > 0);
  return end < 0 ? rows : rows.slice(0, end);
}

function toOrder(row: typeof orders.$inferSelect): Order {
  const { orderNo: order, clientId, uploadId } = row;
  const names = (row.shards ?? []).map(([packId, shardIndex]): ShardName => ({ clientId, packId, shardIndex }));
  if (row.kind === 'delete') return { order, clientId, kind: 'delete', shards: names };
  if (row.kind === 'committed') return { order, clientId, kind: 'committed', uploadId: uploadId ?? '', shards: names };
  return { order, clientId, kind: 'discard-upload', uploadId: uploadId ?? '' };
}

/** A shard that was just marked lost. */
export interface LostShard {
  readonly packNo: number;
  readonly shardIndex: number;
  readonly clientId: string;
  readonly vaultId: string;
  readonly packId: string;
  readonly lengthBytes: number;
}

/** Marks those of the shards lost that this node holds and that are not lost yet. */
export async function markLost(
  tx: Transaction,
  nodeId: string,
  names: readonly ShardName[],
  nowMs: number,
): Promise<LostShard[]> {
  if (names.length === 0) return [];
  const { rows } = await tx.execute<Omit<LostShard, 'packNo'> & { packNo: string }>(sql`
    UPDATE ${shards} SET lost_at_ms = ${nowMs}
    FROM ${packs}, ${nodes},
      unnest(
        ${hexArray(names.map(({ clientId }) => clientId))},
        ${hexArray(names.map(({ packId }) => packId))},
        ${sql.param(names.map(({ shardIndex }) => shardIndex))}::int[]
      ) AS named(client_id, pack_id, shard_index)
    WHERE ${packs.clientId} = named.client_id AND ${packs.packId} = named.pack_id
      AND ${shards.packNo} = ${packs.packNo} AND ${shards.shardIndex} = named.shard_index
      AND ${nodes.nodeNo} = ${shards.nodeNo} AND ${nodes.nodeId} = ${Buffer.from(nodeId, 'hex')}
      AND ${shards.lostAtMs} IS NULL
    RETURNING ${packs.packNo} AS "packNo", ${shards.shardIndex} AS "shardIndex",
      encode(${packs.clientId}, 'hex') AS "clientId", encode(${packs.vaultId}, 'hex') AS "vaultId",
      encode(${packs.packId}, 'hex') AS "packId", ${packs.shardLengthBytes} AS "lengthBytes"`);
  const lost: LostShard[] = rows.map((row) => ({ ...row, packNo: Number(row.packNo) }));
  if (lost.length === 0) return lost;
  const lostBytes = lost.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  await tx
    .update(nodes)
    .set({ storedBytes: sql`${nodes.storedBytes} - ${lostBytes}` })
    .where(eq(nodes.nodeId, nodeId));
  await losePlaces(tx, lost);
  return lost;
}

/** Takes the rows' locks in one order everywhere, so that transactions wait for each other and never in a circle. */
export async function lockNodes(tx: Transaction, nodeNos: readonly number[]): Promise<void> {
  await tx
    .select({ nodeNo: nodes.nodeNo })
    .from(nodes)
    .where(inArray(nodes.nodeNo, [...nodeNos]))
    .orderBy(asc(nodes.nodeNo))
    .for('no key update');
}

export interface OrderForNode {
  readonly nodeNo: number;
  readonly kind: 'committed' | 'delete' | 'discard-upload';
  readonly clientId: string;
  readonly uploadId: string | null;
  readonly shards: [string, number][] | null;
  /** Changes to the node's accounts that go with the order. */
  readonly storedBytes: number;
  readonly reservedBytes: number;
}

/**
 * Appends at most one order per node. The node's row is locked until the end of the transaction, so numbers become visible in their order: a node
 * that polls by cursor cannot pass one that is still to be committed.
 */
export async function appendOrders(tx: Transaction, list: readonly OrderForNode[], nowMs: number): Promise<void> {
  if (list.length === 0) return;
  await lockNodes(
    tx,
    list.map(({ nodeNo }) => nodeNo),
  );
  const numbered = await tx.execute<{ node_no: number; node_id: string; last_order: string }>(sql`
    UPDATE ${nodes} SET
      last_order = ${nodes.lastOrder} + 1,
      stored_bytes = ${nodes.storedBytes} + change.stored_bytes,
      reserved_bytes = ${nodes.reservedBytes} + change.reserved_bytes
    FROM unnest(
      ${sql.param(list.map(({ nodeNo }) => nodeNo))}::int[],
      ${sql.param(list.map(({ storedBytes }) => storedBytes))}::bigint[],
      ${sql.param(list.map(({ reservedBytes }) => reservedBytes))}::bigint[]
    ) AS change(node_no, stored_bytes, reserved_bytes)
    WHERE ${nodes.nodeNo} = change.node_no
    RETURNING ${nodes.nodeNo}, encode(${nodes.nodeId}, 'hex') AS node_id, ${nodes.lastOrder}`);
  tellNodes(
    tx,
    numbered.rows.map(({ node_id }) => node_id),
  );
  const numbers = new Map(numbered.rows.map((row) => [row.node_no, Number(row.last_order)]));
  await tx.insert(orders).values(
    list.map((order) => ({
      nodeNo: order.nodeNo,
      orderNo: numbers.get(order.nodeNo)!,
      kind: order.kind,
      clientId: order.clientId,
      uploadId: order.uploadId,
      shards: order.shards,
      createdAtMs: nowMs,
    })),
  );
}
