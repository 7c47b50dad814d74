/** Nodes that serve anything but what they hold: the restore is exact all the same, and says which node served what. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { EXIT_CODES } from '@holdfast/protocol';
import { compareTrees, isLongRun } from '@holdfast/testkit';
import { startCli } from '../cli-process.ts';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Lie, type LyingNode, readShard, type ShardRequest, startLyingNode } from '../lying-node.ts';
import { type Network, startNetwork } from '../network.ts';
import { type ShardOnDisk, shardsOnDisk } from '../node-disks.ts';

const LONG_MS = 600_000;
const DATA_SHARDS = 4;
const HOLDERS = 8;

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let clientId: string;
/** The nodes with the data shards of the newest data pack: a restore asks them first. Then the other holders. */
let holders: number[];
const liars: LyingNode[] = [];
let restores = 0;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: HOLDERS + 1 });
  source = join(scratch.path, 'source');
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  const random = createSeededRandomness('hostile nodes');
  mkdirSync(join(source, 'below'), { recursive: true });
  for (let n = 0; n < 40; n += 1) writeFileSync(join(source, `below/file ${n}`), random.bytes(n * 500));
  // An older version of the same size: so every node has an older shard that looks like the newer one.
  for (const size of [6_000_000, 6_000_000]) {
    writeFileSync(join(source, 'version'), random.bytes(size));
    await client.backup([source]);
  }
  const neighbour = await createTestClient(network, { home: join(scratch.path, 'neighbour') });
  await neighbour.backup([source]);
  holders = await findHolders();
}, LONG_MS);

afterEach(stopLying, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

async function findHolders(): Promise<number[]> {
  return client.use(async (vault) => {
    clientId = vault.clientId;
    const newest = [...vault.catalog.packs()].filter(({ kind }) => kind === 'data').at(-1)!;
    const [places] = await vault.mediator.locatePacks([newest.packId]);
    return places!.shards.map(({ target }) => network.nodes.findIndex(({ nodeId }) => nodeId === target.nodeId));
  });
}

async function stopLying(): Promise<void> {
  await Promise.all(liars.splice(0).map((liar) => liar.stop()));
  for (const index of holders) if (!network.isNodeUp(index)) await network.restartNode(index);
}

/** Node `indexes[n]` tells `lies[n]`. */
async function lie(indexes: readonly number[], lies: readonly Lie[]): Promise<void> {
  for (const [place, index] of indexes.entries()) liars.push(await startLyingNode(network, index, lies[place]!));
}

const idsOf = (indexes: readonly number[]): string[] => indexes.map((index) => network.nodes[index]!.nodeId).toSorted();
const freshTarget = (): string => join(scratch.path, `restored-${(restores += 1)}`);

async function expectExact(target: string): Promise<void> {
  const { differences, comparedBytes } = await compareTrees(source, join(target, source));
  expect(differences).toEqual([]);
  expect(comparedBytes).toBeGreaterThan(6_000_000);
}

const flipBit = (bytes: Buffer): Buffer => {
  const flipped = Buffer.from(bytes);
  flipped[flipped.length >> 1]! ^= 0x10;
  return flipped;
};

/** The same stretch of another shard, as long as it is; zeros where that one is shorter. */
function sendAnother({ all, shard, honest, start, send }: ShardRequest, isLike: (other: ShardOnDisk) => boolean): void {
  const others = all.filter((other) => other.packId !== shard.packId && isLike(other));
  const other = others.find(({ lengthBytes }) => lengthBytes === shard.lengthBytes) ?? others[0]!;
  const bytes = Buffer.alloc(honest.length);
  readShard(other).subarray(start).copy(bytes);
  send(bytes);
}

const isOurs = ({ path }: ShardOnDisk): boolean => path.includes(clientId);

const LIES: Record<string, { tell: Lie; kind: string }> = {
  'a flipped bit': { tell: ({ honest, send }) => send(flipBit(honest)), kind: 'wrong-bytes' },
  zeros: { tell: ({ honest, send }) => send(Buffer.alloc(honest.length)), kind: 'wrong-bytes' },
  'stale bytes, of another shard of this client': {
    tell: (request) => sendAnother(request, isOurs),
    kind: 'wrong-bytes',
  },
  'the shard of another client': {
    tell: (request) => sendAnother(request, (other) => !isOurs(other)),
    kind: 'wrong-bytes',
  },
  'half of it': { tell: ({ honest, send }) => send(honest.subarray(0, honest.length >> 1)), kind: 'wrong-length' },
  nothing: { tell: ({ send }) => send(Buffer.alloc(0)), kind: 'wrong-length' },
  'more than all of it': { tell: ({ honest, send }) => send(Buffer.concat([honest, honest])), kind: 'wrong-length' },
  'half of it, and then the end of the connection': {
    tell: ({ honest, response }) => {
      response.writeHead(200, { 'content-length': honest.length });
      response.write(honest.subarray(0, honest.length >> 1), () => response.destroy());
    },
    kind: 'unreachable',
  },
};

/** Four liars at a time: each with a lie of its own; in the long run all four with the same one. */
const ROUNDS: [string, (typeof LIES)[string][]][] = isLongRun
  ? Object.entries(LIES).map(([name, one]) => [name, [one, one, one, one]])
  : [0, DATA_SHARDS].map((from) => {
      const some = Object.entries(LIES).slice(from, from + DATA_SHARDS);
      return [some.map(([name]) => name).join('; '), some.map(([, one]) => one)];
    });

describe('hostile nodes', () => {
  test.each(ROUNDS)(
    'nodes that serve %s',
    async (_, lies) => {
      const liarIndexes = holders.slice(0, DATA_SHARDS);
      await lie(
        liarIndexes,
        lies.map(({ tell }) => tell),
      );
      const target = freshTarget();
      const report = await client.restore(target);
      expect(report.notRestored).toEqual([]);
      await expectExact(target);
      // Each liar is named, with its own lie, and nobody else is.
      const told = report.faults.map(({ nodeId, counts }) => [nodeId, Object.keys(counts)]);
      expect(Object.fromEntries(told)).toEqual(
        Object.fromEntries(liarIndexes.map((index, place) => [network.nodes[index]!.nodeId, [lies[place]!.kind]])),
      );
      for (const { first } of report.faults) expect(first.detail).toMatch(/^\w.{10}/);
    },
    LONG_MS,
  );

  test(
    'nodes that never answer, and nodes that drip, hold nothing up for long',
    async () => {
      const dripping: NodeJS.Timeout[] = [];
      const silence: Lie = () => undefined;
      const drip: Lie = ({ honest, response }) => {
        let at = 0;
        response.writeHead(200, { 'content-length': honest.length });
        dripping.push(setInterval(() => response.write(honest.subarray(at, (at += 1))), 100));
      };
      const four = holders.slice(0, DATA_SHARDS);
      await lie(four, [silence, drip, silence, drip]);
      const target = freshTarget();
      // Long enough for the others to answer on a busy machine.
      const report = await client.restore(target, { stallTimeoutMs: 8000 });
      for (const timer of dripping) clearInterval(timer);
      expect(report.notRestored).toEqual([]);
      await expectExact(target);
      expect(liars.some(({ requests }) => requests > 0)).toBe(true);
      // Slow is no fault; silence may be one.
      for (const { nodeId, counts } of report.faults) {
        expect(idsOf([four[0]!, four[2]!])).toContain(nodeId);
        expect(Object.keys(counts)).toEqual(['unreachable']);
      }
    },
    LONG_MS,
  );

  test(
    'five liars are one too many: nothing is written that is not exact',
    async () => {
      const tell = LIES['a flipped bit']!.tell;
      await lie(holders.slice(0, 5), [tell, tell, tell, tell, tell]);
      const target = freshTarget();
      await expect(client.restore(target)).rejects.toMatchObject({
        code: 'codec.too-few-shards',
        exitCode: EXIT_CODES.integrity,
        message: expect.stringMatching(/: 3 good shards, 4 needed\.$/),
      });
      expect(existsSync(target) ? readdirSync(target) : []).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'damage on the disks themselves: the command line names each node, and the scrub finds what it was',
    async () => {
      const four = holders.slice(0, DATA_SHARDS);
      const [flipped, truncated, emptied, swapped] = four.map((index) => network.nodes[index]!);
      const ours = (node: { dataDir: string }): ShardOnDisk[] => shardsOnDisk(node.dataDir).shards.filter(isOurs);
      for (const { path, lengthBytes } of ours(flipped!)) {
        const file = readFileSync(path);
        flipBit(file.subarray(0, lengthBytes)).copy(file);
        writeFileSync(path, file);
      }
      for (const { path, fileBytes } of ours(truncated!)) truncateSync(path, fileBytes >> 1);
      for (const { path } of ours(emptied!)) truncateSync(path, 0);
      const shards = ours(swapped!);
      for (const [place, { path }] of shards.slice(1).entries()) copyFileSync(shards[place]!.path, path);

      const target = freshTarget();
      const { status, lines, errors } = await startCli(client, ['restore', '--target', target]).done;
      expect({ status, errors }).toEqual({ status: EXIT_CODES.ok, errors: '' });
      await expectExact(target);
      const faults = lines.filter(({ event }) => event === 'fault');
      const kindsOf = (node: { nodeId: string } | undefined): unknown[] => [
        ...new Set(faults.filter(({ nodeId }) => nodeId === node!.nodeId).map(({ kind }) => kind)),
      ];
      expect(new Set(faults.map(({ nodeId }) => nodeId))).toEqual(new Set(idsOf(four)));
      expect(kindsOf(flipped)).toEqual(['wrong-bytes']);
      expect([...kindsOf(truncated), ...kindsOf(emptied)]).toEqual(['lost', 'lost']);

      const damaged = ours(flipped!).length;
      expect(await flipped!.scrubNow()).toMatchObject({ damaged });
      // What is known to be damaged is not served again.
      expect(ours(flipped!)).toEqual([]);
    },
    LONG_MS,
  );
});
