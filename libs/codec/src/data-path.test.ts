/** The whole way of the data, in one arena as a worker has it: stream → chunks → pack → shards, and back from any k. */
import { expect, test } from '@jest/globals';
import { toHex } from '@holdfast/protocol';
import fc from 'fast-check';
import {
  createArena,
  createChunkIdHasher,
  createKernel,
  createMerkleHasher,
  gearTable,
  maskRange,
  maskShard,
  PackBuilder,
  packCapacityBytes,
  packMaskKey,
  PackReader,
  reconstructShards,
  shardTree,
  tailColumn,
} from './index.ts';
import { streamOf } from './test-bytes.ts';

const keys = {
  data: streamOf('data', 32),
  id: streamOf('id', 32),
  mask: streamOf('mask', 32),
  gear: streamOf('gear', 32),
};
const MOST_BYTES = 3 * 1024 * 1024;
const idOf = createChunkIdHasher(keys.id);

interface Plan {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly lengthBytes: number;
  readonly seed: number;
}

const plans = fc
  .record({
    dataShards: fc.integer({ min: 1, max: 10 }),
    more: fc.nat(4),
    lengthBytes: fc.nat(MOST_BYTES),
    seed: fc.nat(),
  })
  .map(({ more, ...plan }): Plan => ({ ...plan, parityShards: plan.dataShards + more }));

/** By shard: those with the lowest ranks are there, the others are lost. */
const ranks = fc.array(fc.nat(1000), { minLength: 24, maxLength: 24 });

/** One arena for all runs, as in a worker. */
const arena = createArena(160 * 1024 * 1024);
const kernel = createKernel(arena, gearTable(keys.gear));

function store({ dataShards, parityShards, lengthBytes, seed }: Plan) {
  const policy = { dataShards, parityShards };
  const mark = arena.mark();
  const source = arena.alloc(lengthBytes + 1);
  source.set(streamOf(`stream ${seed}`, lengthBytes));
  const region = arena.alloc(packCapacityBytes(policy));
  const randomness = { bytes: (count: number) => streamOf(`pack ${seed}`, count) };
  const builder = new PackBuilder({ dataKey: keys.data, kind: 'data', policy, region, randomness });
  const ids: string[] = [];
  for (let at = 0; at < lengthBytes;) {
    const rest = source.subarray(at, lengthBytes);
    const chunk = rest.subarray(0, kernel.cut(rest, true));
    const id = idOf(chunk);
    ids.push(toHex(id));
    builder.addChunk(id, chunk);
    at += chunk.length;
  }
  // two small chunks, so that every pack has a frame that is shared
  for (const small of ['one', 'two']) builder.addChunk(idOf(Buffer.from(small)), Buffer.from(small));
  source.fill(0);
  const pack = builder.finish();
  const data = region.subarray(0, pack.packLengthBytes);
  const parity = arena.alloc(parityShards * pack.shardLengthBytes);
  kernel.encode(data, parity, dataShards, parityShards);
  const maskKey = packMaskKey(keys.mask, pack.packId);
  const shards = Array.from({ length: dataShards + parityShards }, (_, index) => {
    const from = index < dataShards ? data : parity;
    const place = (index < dataShards ? index : index - dataShards) * pack.shardLengthBytes;
    const shard = from.subarray(place, place + pack.shardLengthBytes);
    const hasher = createMerkleHasher();
    maskShard(maskKey, index, shard, (piece) => hasher.push(piece));
    return { root: toHex(hasher.finish().root), bytes: shard.slice() };
  });
  arena.release(mark);
  return { pack, ids, shards, maskKey };
}

test('a stream comes back from any k shards, and its table from a column of any k', () => {
  fc.assert(
    fc.property(plans, ranks, (plan, rankOf) => {
      const { pack, ids, shards, maskKey } = store(plan);
      const { dataShards, parityShards } = plan;
      const { shardLengthBytes, packLengthBytes, packId } = pack;
      const kept = new Set(
        [...shards.keys()]
          .map((index) => ({ index, rank: rankOf[index]! }))
          .toSorted((a, b) => a.rank - b.rank)
          .slice(0, dataShards)
          .map(({ index }) => index),
      );
      const columnOf = (offset: number) =>
        shards.map(({ bytes }, index) => {
          if (!kept.has(index)) return undefined;
          const part = bytes.slice(offset);
          maskRange(maskKey, index, offset, part);
          return part;
        });
      for (const [index, { root, bytes }] of shards.entries()) {
        if (kept.has(index)) expect(toHex(shardTree(bytes).root)).toBe(root);
      }
      const reader = new PackReader({ dataKey: keys.data, chunkIdKey: idOf, packId });
      const tail = tailColumn(80 + 41 * pack.table.chunkCount, shardLengthBytes);
      const tailBytes = Buffer.concat(
        reconstructShards(columnOf(tail.offset), dataShards, parityShards).slice(0, dataShards),
      );
      const table = reader.readTable(tailBytes, reader.readTrailer(tailBytes, packLengthBytes));
      const whole = Buffer.concat(reconstructShards(columnOf(0), dataShards, parityShards).slice(0, dataShards));
      const chunks = new Map([...table.entries()].map((entry) => [toHex(entry.id), reader.openChunkOf(whole, entry)]));
      const found = Buffer.concat(ids.map((id) => chunks.get(id)!));
      expect(found.equals(streamOf(`stream ${plan.seed}`, plan.lengthBytes))).toBe(true);
    }),
    { numRuns: 15 },
  );
});
