import { expect, test } from '@jest/globals';
import { toHex } from '@holdfast/protocol';
import fc from 'fast-check';
import {
  createChunkIdHasher,
  inlineStreamRef,
  readStream,
  streamChunkIds,
  type StreamRef,
  StreamRefBuilder,
} from './index.ts';
import { streamOf } from './test-bytes.ts';

const idOf = createChunkIdHasher(streamOf('chunk-id key', 32));
const refused = (code: string) => expect.objectContaining({ code });

function createStore() {
  const chunks = new Map<string, Uint8Array>();
  return {
    chunks,
    put(plaintext: Uint8Array): Uint8Array {
      const id = idOf(plaintext);
      chunks.set(toHex(id), plaintext.slice());
      return id;
    },
    get: async (id: Uint8Array): Promise<Uint8Array> => chunks.get(toHex(id))!,
  };
}

const numbered = (place: number): Uint8Array => {
  const id = new Uint8Array(32);
  new DataView(id.buffer).setUint32(0, place);
  return id;
};

async function build(count: number, store = createStore()): Promise<StreamRef> {
  const builder = new StreamRefBuilder((plaintext) => store.put(plaintext));
  for (let place = 0; place < count; place += 1) await builder.add(numbered(place), 1000);
  return builder.finish();
}

test.each([
  [0, 0, 0, 0],
  [1, 0, 1, 0],
  [64, 0, 64, 0],
  [65, 1, 1, 1],
  [8192, 1, 1, 1],
  [8193, 1, 2, 2],
  [3 * 8192, 1, 3, 3],
  [64 * 8192 + 1, 2, 1, 66],
])('a stream of %d chunks has depth %d, %d ids and %d lists', async (count, depth, ids, lists) => {
  const store = createStore();
  const ref = await build(count, store);
  expect([ref.depth, ref.ids.length, store.chunks.size, ref.sizeBytes]).toEqual([depth, ids, lists, count * 1000]);
  let place = 0;
  for await (const id of streamChunkIds(ref, store.get)) {
    if (Buffer.compare(id, numbered(place)) !== 0) throw new Error(`wrong id at ${place}`);
    place += 1;
  }
  expect(place).toBe(count);
});

test('a stream reads back as the bytes that were put', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 200 }), async (parts) => {
      const store = createStore();
      const builder = new StreamRefBuilder((plaintext) => store.put(plaintext));
      for (const part of parts) await builder.add(store.put(part), part.length);
      const found: Uint8Array[] = [];
      for await (const part of readStream(await builder.finish(), store.get)) found.push(part);
      expect(Buffer.concat(found).equals(Buffer.concat(parts))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

async function readAll(ref: StreamRef, get: (id: Uint8Array) => Promise<Uint8Array>): Promise<number> {
  let total = 0;
  for await (const part of readStream(ref, get)) total += part.length;
  return total;
}

test('a stream that is not what it says ends in a typed error', async () => {
  const store = createStore();
  const chunk = store.put(streamOf('chunk', 100));
  const empty = store.put(new Uint8Array(0));
  const list = store.put(chunk);
  const ragged = store.put(streamOf('ragged', 33));
  const long = store.put(new Uint8Array(8193 * 32));
  const damaged = refused('codec.damaged');
  expect(await readAll({ sizeBytes: 100, depth: 1, ids: [list] }, store.get)).toBe(100);
  const refs: StreamRef[] = [
    { sizeBytes: 99, depth: 0, ids: [chunk] },
    { sizeBytes: 101, depth: 0, ids: [chunk] },
    { sizeBytes: 100, depth: 0, ids: [chunk, chunk] },
    { sizeBytes: 100, depth: 0, ids: [empty, chunk] },
    { sizeBytes: 100, depth: 1, ids: [ragged] },
    { sizeBytes: 100, depth: 1, ids: [empty] },
    { sizeBytes: 1e9, depth: 1, ids: [long] },
    { sizeBytes: 100, depth: 7, ids: [list] },
    { sizeBytes: 100, depth: 0, ids: [] },
    { sizeBytes: 0, depth: 0, ids: [chunk] },
    { sizeBytes: 1, depth: 0, ids: [chunk, chunk] },
    { sizeBytes: -1, depth: 0, ids: [chunk] },
    { sizeBytes: 100, depth: 0, ids: Array.from({ length: 65 }, () => chunk) },
  ];
  for (const ref of refs) await expect(readAll(ref, store.get)).rejects.toThrow(damaged);
});

test('lists that name themselves again and again end when there are more chunks than bytes', async () => {
  const bomb = new Uint8Array(8192 * 32);
  let asked = 0;
  const get = async (): Promise<Uint8Array> => {
    asked += 1;
    return bomb;
  };
  const ids = streamChunkIds({ sizeBytes: 10_000, depth: 6, ids: [numbered(1)] }, get);
  await expect(
    (async () => {
      for await (const id of ids) void id;
    })(),
  ).rejects.toThrow(refused('codec.damaged'));
  expect(asked).toBeLessThan(10);
});

test('a builder takes no chunk without bytes and nothing after its end', async () => {
  const builder = new StreamRefBuilder(() => numbered(0));
  const badArgument = refused('codec.bad-argument');
  await expect(builder.add(numbered(0), 0)).rejects.toThrow(badArgument);
  await expect(builder.add(new Uint8Array(31), 1)).rejects.toThrow(badArgument);
  await builder.finish();
  await expect(builder.add(numbered(0), 1)).rejects.toThrow(badArgument);
  await expect(builder.finish()).rejects.toThrow(badArgument);
  expect(() =>
    inlineStreamRef(
      70,
      Array.from({ length: 65 }, () => numbered(0)),
    ),
  ).toThrow(badArgument);
  expect(() => inlineStreamRef(5, [])).toThrow(badArgument);
});
