/** For tests of challenges: a real database with agreements and shards whose bytes the nodes really have, or lose. */
import { createCipheriv, createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { shardTree } from '@holdfast/codec';
import {
  type Clock,
  createSeededRandomness,
  createSilentLogger,
  createSimulatedClock,
  type Logger,
} from '@holdfast/platform';
import {
  buildProof,
  createSigningKey,
  LEAF_BYTES,
  lossReport,
  messageHash,
  openChallenge,
  packCommit,
  type SigningKey,
  shardKeyOf,
  type ShardRef,
  signMessage,
  toHex,
  ZERO_32,
} from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import { createFrameArchive } from '../adapters/frame-archive.ts';
import { createChallengeStore } from '../adapters/postgres/challenges.ts';
import { createPackStore } from '../adapters/postgres/packs.ts';
import type { Database } from '../adapters/postgres/database.ts';
import type { Money } from '../adapters/postgres/ledger.ts';
import {
  type ChallengeRules,
  challengeRules,
  type Challenges,
  createChallenges,
  createSecretSeal,
  type ReadShard,
} from '../challenges/index.ts';
import { FIRST, openTestLedger, openUpload, type TestLedger } from './test-ledger.ts';
import { freshDirectory, freshId } from './test-mediator.ts';

const GROUP = 65_536;
const HOUR_MS = 3_600_000;
const MEDIATOR_KEY = createSigningKey(new Uint8Array(32).fill(7));
export const CONTEXT = { network: 'regtest' as const, mediatorId: toHex(MEDIATOR_KEY.publicKey) };

interface Held extends ShardRef {
  bytes: Uint8Array;
}

export interface TestHolder {
  readonly nodeNo: number;
  readonly nodeId: string;
  readonly key: SigningKey;
  readonly priceSatPerTbMonth: bigint;
  /** By shardKeyOf; a test takes from it or changes it as disks do. */
  readonly held: Map<string, Held>;
}

export interface TestChallenges {
  readonly ledger: TestLedger;
  readonly database: Database;
  readonly clock: ReturnType<typeof createSimulatedClock>;
  readonly rules: ChallengeRules;
  readonly challenges: Challenges;
  readonly dataDir: string;
  readonly reads: { answer: ReadShard };
  /** Another process over the same database. */
  another(logger?: Logger): Challenges;
  node(price?: bigint): Promise<TestHolder>;
  /** A client with a vault and money. */
  client(): Promise<TestOwner>;
  /** To the start of the next period, with all that the clock brings on the way. */
  nextPeriod(): Promise<number>;
  /** Lets all challenges of the present period be issued now. */
  issueAll(): Promise<void>;
  /** Answers what is open for the node; resolves to how many. */
  answer(node: TestHolder): Promise<number>;
  /** Lets the deadline of what is open pass, and judges. */
  judgeAll(): Promise<void>;
  report(node: TestHolder, shards: readonly ShardRef[]): Promise<number>;
  close(): Promise<void>;
}

export interface TestOwner {
  readonly clientId: string;
  readonly key: SigningKey;
  readonly vaultId: string;
  /** Stores packs of so many groups a shard at these nodes. */
  store(nodes: readonly TestHolder[], packs: number, groups?: number): Promise<string[]>;
  drop(packIds: readonly string[]): Promise<void>;
  balance(): Promise<{ availableMsat: bigint; heldMsat: bigint }>;
}

const testRules = (changes: Partial<ChallengeRules> = {}): ChallengeRules =>
  challengeRules(HOUR_MS, { drawnLeaves: 40, outageMs: 250_000, ...changes });
let worlds = 0;

/** The domain over a database; another process makes another one over the same. */
export function testChallengesOver(parts: {
  readonly database: Database;
  readonly money: Money;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly rules?: ChallengeRules;
  readonly logger?: Logger;
  readonly readShard?: ReadShard;
}): Challenges {
  const { database, money, dataDir, clock, rules = testRules(), logger = createSilentLogger() } = parts;
  worlds += 1;
  const randomness = createSeededRandomness(`challenges ${process.pid} ${worlds}`);
  return createChallenges({
    store: createChallengeStore(database, money, rules),
    frames: createFrameArchive(dataDir),
    readShard: parts.readShard ?? (async () => ({ kind: 'unreachable', detail: 'nobody there' })),
    rules,
    signer: { context: CONTEXT, key: MEDIATOR_KEY },
    seal: createSecretSeal(new Uint8Array(32).fill(9), randomness),
    clock,
    randomness,
    logger,
    wake: () => undefined,
    offlineAfterMs: HOUR_MS,
  });
}

export async function openTestChallenges(changes: Partial<ChallengeRules> = {}): Promise<TestChallenges> {
  const ledger = await openTestLedger();
  const { database, money } = ledger;
  const rules = testRules(changes);
  const clock = createSimulatedClock(FIRST * HOUR_MS + 1000);
  const dataDir = freshDirectory();
  const reads: { answer: ReadShard } = { answer: async () => ({ kind: 'unreachable', detail: 'nobody there' }) };
  const another = (logger: Logger = createSilentLogger()): Challenges =>
    testChallengesOver({ database, money, dataDir, clock, rules, logger, readShard: (read) => reads.answer(read) });
  const challenges = another();
  const { work } = challenges;
  const tick = async (): Promise<void> => {
    await work.periods();
    await work.issue();
    await work.judge();
  };
  const test: TestChallenges = {
    ledger,
    database,
    clock,
    rules,
    challenges,
    dataDir,
    reads,
    another,
    node: (price = 1_000_000_000n) => makeHolder(database, price),
    client: () => makeOwner(ledger, clock),
    async nextPeriod() {
      await tick();
      const next = (Math.floor(clock.nowMs() / HOUR_MS) + 1) * HOUR_MS + 1;
      // A mediator at work is seen at work.
      while (clock.nowMs() < next) {
        await clock.advance(Math.min(rules.outageMs, next - clock.nowMs()));
        await work.periods();
      }
      await tick();
      return Math.floor(next / HOUR_MS);
    },
    async issueAll() {
      await work.periods();
      // All at the same moment, whatever the secret drew.
      await database.execute(sql`UPDATE challenges SET due_at_ms = ${clock.nowMs()} WHERE state = 'planned'`);
      await work.issue();
    },
    async answer(node) {
      const open = await challenges.openChallengesOf(node.nodeId);
      for (const { token } of open) await challenges.answer(node.nodeId, await frameOf(node, token));
      return open.length;
    },
    async judgeAll() {
      for (let passedMs = 0; passedMs <= rules.deadlineMs; passedMs += rules.outageMs) {
        await clock.advance(rules.outageMs);
        await work.periods();
      }
      await work.judge();
    },
    report(node, shards) {
      const body = {
        nodeId: node.nodeId,
        reportedAtMs: clock.nowMs(),
        shards: shards.map(({ clientId, packId, shardIndex }) => ({ clientId, packId, shardIndex })),
      };
      return challenges.reportLosses(node.nodeId, signMessage(lossReport, CONTEXT, body, node.key));
    },
    async close() {
      await ledger.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return test;
}

/** What the node answers, from what it still has. */
export async function frameOf(node: TestHolder, token: string): Promise<Uint8Array> {
  const challenge = openChallenge(CONTEXT, token, node.nodeId);
  const find = (shard: ShardRef): Held | undefined => node.held.get(shardKeyOf(shard));
  const reader = {
    hashesOf: async (shard: ShardRef) => {
      const found = find(shard);
      return found && shardTree(found.bytes);
    },
    readGroup: async (shard: ShardRef, at: number) => find(shard)?.bytes.subarray(at * GROUP, (at + 1) * GROUP),
  };
  return (await buildProof(CONTEXT, challenge, reader, node.key)).frame;
}

/** A disk that changes a byte of every leaf, and a node that makes new hashes for what it finds. */
export function flip({ held }: TestHolder, shard: ShardRef): void {
  const { bytes } = held.get(shardKeyOf(shard))!;
  for (let at = 0; at < bytes.length; at += LEAF_BYTES) bytes[at]! ^= 1;
}

const bytesOf = (label: string, lengthBytes: number): Uint8Array => {
  const key = createHash('sha256').update(label).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)));
};

async function makeHolder(database: Database, price: bigint): Promise<TestHolder> {
  const key = createSigningKey(createHash('sha256').update(freshId()).digest());
  const nodeId = toHex(key.publicKey);
  const { rows } = await database.execute<{ node_no: number }>(sql`
    INSERT INTO nodes (node_id, operator, region, addresses, price_sat_per_tb_month, egress_sat_per_tb, capacity_bytes,
      state, is_reached, registered_at_ms, registration_signed_at_ms, last_seen_at_ms)
    VALUES (${Buffer.from(nodeId, 'hex')}, ${nodeId.slice(0, 8)}, 'r', '{127.0.0.1:1}', ${price}, 0, 1000000000000,
      'active', true, 0, 0, ${FIRST * HOUR_MS * 2}) RETURNING node_no`);
  return { nodeNo: rows[0]!.node_no, nodeId, key, priceSatPerTbMonth: price, held: new Map() };
}

async function makeOwner(ledger: TestLedger, clock: { nowMs(): number }): Promise<TestOwner> {
  const key = createSigningKey(createHash('sha256').update(freshId()).digest());
  const clientId = toHex(key.publicKey);
  const { database, money } = ledger;
  const { vaultId } = await ledger.vault(clientId);
  await ledger.credit(clientId, 10n ** 12n);
  const packStore = createPackStore(database, money);
  return {
    clientId,
    key,
    vaultId,
    balance: () => ledger.ledger.clientBalance(clientId),
    async drop(packIds) {
      await packStore.drop({ clientId, vaultId }, packIds, clock.nowMs());
    },
    async store(holders, count, groups = 1) {
      const lengthBytes = groups * GROUP;
      const uploadId = await openUpload(ledger, { clientId, vaultId }, holders, count * lengthBytes, clock.nowMs());
      for (const { nodeNo } of holders) {
        await database.execute(sql`
          INSERT INTO upload_nodes (upload_id, node_no) VALUES (${Buffer.from(uploadId, 'hex')}, ${nodeNo})`);
        await database.execute(sql`
          UPDATE nodes SET reserved_bytes = reserved_bytes + ${count * lengthBytes} WHERE node_no = ${nodeNo}`);
      }
      const policy = { dataShards: 1, parityShards: holders.length - 1 };
      const packs = Array.from({ length: count }, () => {
        const packId = freshId();
        const shards = holders.map((holder, shardIndex) => {
          const bytes = bytesOf(`${packId} ${shardIndex}`, lengthBytes);
          const shard = { clientId, packId, shardIndex };
          holder.held.set(shardKeyOf(shard), { ...shard, bytes });
          return { nodeId: holder.nodeId, root: toHex(shardTree(bytes).root) };
        });
        const body = {
          clientId,
          vaultId,
          packId,
          ...policy,
          shardLengthBytes: lengthBytes,
          maskKeyHash: ZERO_32,
          shards,
        };
        const commitToken = signMessage(packCommit, CONTEXT, body, key);
        return {
          packId,
          policy,
          shardLengthBytes: lengthBytes,
          commitHash: messageHash(commitToken),
          commitToken,
          sealedMaskKey: new Uint8Array(60),
          shards: shards.map((shard) => ({ ...shard, receivedAtMs: 0, receiptSignature: new Uint8Array(64) })),
        };
      });
      await packStore.commit({ clientId, vaultId, uploadId }, packs, { nowMs: clock.nowMs(), endExpiredBeforeMs: 0 });
      return packs.map(({ packId }) => packId);
    },
  };
}
