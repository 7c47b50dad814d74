import { describe, expect, test } from '@jest/globals';
import { packMaskKey, PackReader } from '@holdfast/codec';
import { createSeededRandomness, systemClock } from '@holdfast/platform';
import fc from 'fast-check';
import type { PackPlaces } from '../ports.ts';
import type { Fault } from './faults.ts';
import { fetchPack, type FetchPackDeps, packBufferBytes } from './fetch-pack.ts';
import { NodeScores } from './node-scores.ts';
import { createPackRebuilder } from './rebuild-pack.ts';
import { createTestVault, type NodeMood, type TestVault } from './test-vault.ts';

const random = createSeededRandomness('fetch-pack');
const plaintext = random.bytes(700_000);

async function setUp(
  dataShards: number,
  parityShards: number,
): Promise<{ vault: TestVault; places: PackPlaces; chunk: Uint8Array }> {
  const vault = createTestVault({ dataShards, parityShards });
  const [chunk] = vault.store('data', [plaintext]);
  vault.flush();
  const [places] = await vault.locatePacks([...vault.packs.keys()]);
  return { vault, places: places!, chunk: chunk! };
}

async function fetchChunk(
  { vault, places, chunk }: Awaited<ReturnType<typeof setUp>>,
  options: Partial<FetchPackDeps> = {},
): Promise<{ bytes: Uint8Array; faults: Fault[] }> {
  const faults: Fault[] = [];
  const deps: FetchPackDeps = {
    nodes: vault.nodes,
    scores: new NodeScores(),
    clock: systemClock,
    rebuilder: createPackRebuilder(),
    onFault: (fault) => faults.push(fault),
    ...options,
  };
  const buffer = new Uint8Array(packBufferBytes(places)).fill(0xee);
  const pack = await fetchPack(deps, places, packMaskKey(vault.keys.maskKey, places.packId), buffer);
  const reader = new PackReader({ ...vault.keys, packId: places.packId });
  const entry = vault.findChunk(chunk)!;
  return { bytes: reader.openChunkOf(pack, entry), faults };
}

describe('fetchPack', () => {
  test('asks k data shards and nothing else when all is well', async () => {
    const setting = await setUp(4, 4);
    const { bytes, faults } = await fetchChunk(setting);
    expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
    expect(faults).toEqual([]);
    expect(setting.vault.requests.map(({ shardIndex }) => shardIndex).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
  });

  test.each<[NodeMood, string]>([
    ['down', 'unreachable'],
    ['corrupt', 'wrong-bytes'],
    ['stale', 'wrong-bytes'],
    ['truncated', 'wrong-length'],
    ['missing', 'lost'],
  ])('n − k nodes that are %s: the bytes are exact, and the nodes are named', async (mood, kind) => {
    const setting = await setUp(4, 4);
    const bad = setting.vault.nodeIds.slice(0, 4);
    for (const nodeId of bad) setting.vault.moods.set(nodeId, mood);
    const { bytes, faults } = await fetchChunk(setting);
    expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
    expect(faults.map((fault) => fault.nodeId).toSorted()).toEqual(bad.toSorted());
    expect(new Set(faults.map((fault) => fault.kind))).toEqual(new Set([kind]));
  });

  test('one node too few: a typed error that names the pack', async () => {
    const setting = await setUp(2, 2);
    for (const nodeId of setting.vault.nodeIds.slice(0, 3)) setting.vault.moods.set(nodeId, 'down');
    await expect(fetchChunk(setting)).rejects.toMatchObject({
      code: 'codec.too-few-shards',
      params: { packId: setting.places.packId, good: '1', needed: '2' },
    });
  });

  test('a node that hangs is overtaken by a spare request', async () => {
    const setting = await setUp(3, 3);
    setting.vault.moods.set(setting.vault.nodeIds[1]!, 'hanging');
    const { bytes, faults } = await fetchChunk(setting, { slowAfterMs: 20 });
    expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
    expect(faults).toEqual([]);
  });

  test('several nodes that hang are overtaken one after the other', async () => {
    const setting = await setUp(2, 4);
    for (const nodeId of setting.vault.nodeIds.slice(0, 2)) setting.vault.moods.set(nodeId, 'hanging');
    setting.vault.moods.set(setting.vault.nodeIds[3]!, 'down');
    const { bytes } = await fetchChunk(setting, { slowAfterMs: 20 });
    expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
  });

  test('an expired grant is told to the caller, unless the grants are fresh', async () => {
    const setting = await setUp(1, 1);
    setting.vault.moods.set(setting.vault.nodeIds[0]!, 'expired');
    await expect(fetchChunk(setting)).rejects.toMatchObject({ code: 'grant.expired' });
    const { bytes, faults } = await fetchChunk(setting, { grantsAreFresh: true });
    expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
    expect(faults).toMatchObject([{ kind: 'refused' }]);
  });

  test('stops when it is told to', async () => {
    const setting = await setUp(2, 2);
    for (const nodeId of setting.vault.nodeIds) setting.vault.moods.set(nodeId, 'hanging');
    const stop = new AbortController();
    const run = fetchChunk(setting, { signal: stop.signal });
    stop.abort();
    await expect(run).rejects.toMatchObject({ code: 'client.interrupted' });
  });

  test('any mixture of moods that leaves k nodes well gives the exact bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom<[number, number]>([1, 1], [2, 2], [3, 4], [5, 5]),
        fc.array(fc.constantFrom<NodeMood>('down', 'corrupt', 'stale', 'truncated', 'missing', 'hanging'), {
          minLength: 10,
          maxLength: 10,
        }),
        fc.nat(),
        async ([dataShards, parityShards], moods, turn) => {
          const setting = await setUp(dataShards, parityShards);
          const { nodeIds } = setting.vault;
          for (let index = 0; index < parityShards; index += 1) {
            setting.vault.moods.set(nodeIds[(index + turn) % nodeIds.length]!, moods[index]!);
          }
          const { bytes } = await fetchChunk(setting, { slowAfterMs: 1 });
          expect(Buffer.from(bytes).equals(plaintext)).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('NodeScores', () => {
  const shard = (nodeId: string, lost = false, online = true): PackPlaces['shards'][number] => ({
    target: { nodeId, addresses: [], grant: '' },
    root: '',
    lost,
    online,
  });

  test('data shards first, offline and lost ones last', () => {
    const shards = [shard('a', true), shard('b', false, false), shard('c'), shard('d'), shard('e'), shard('f')];
    expect(new NodeScores().order(shards, 3, 0)).toEqual([2, 3, 4, 5, 1, 0]);
  });

  test('a node that failed is asked last until it has rested', () => {
    const scores = new NodeScores();
    const shards = [shard('a'), shard('b')];
    scores.failed('a', 1000);
    expect(scores.order(shards, 1, 2000)).toEqual([1, 0]);
    expect(scores.order(shards, 1, 32_000)).toEqual([0, 1]);
  });

  test('a parity shard of a much faster node comes before a data shard', () => {
    const scores = new NodeScores();
    const shards = [shard('slow'), shard('fast')];
    scores.succeeded('slow', 1000, 100);
    scores.succeeded('fast', 1000, 50);
    expect(scores.order(shards, 1, 0)).toEqual([0, 1]);
    scores.succeeded('fast', 100_000, 10);
    expect(scores.order(shards, 1, 0)).toEqual([1, 0]);
  });
});
