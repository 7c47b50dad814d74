import { describe, expect, test } from '@jest/globals';
import { PackTable } from '@holdfast/codec';
import fc from 'fast-check';
import type { ChunkPlace } from '../catalog/index.ts';
import { decodeWrites } from './job.ts';
import { encodeWrites, PackQueue, type PackQueueOptions, type WantedPack } from './pack-queue.ts';

const CHUNKS = 5;
const table = new PackTable(
  Buffer.concat(
    Array.from({ length: CHUNKS }, (_, index) => {
      const entry = Buffer.alloc(41, index + 1);
      entry.writeUInt32BE(1000, 32);
      entry.writeUInt32BE(1016, 36);
      entry[40] = 0;
      return entry;
    }),
  ),
);
const place = (pack: number, chunk: number): ChunkPlace => ({
  ...table.entry(chunk),
  packId: `p${pack}`,
  kind: 'data',
  policy: { dataShards: 1, parityShards: 1 },
  shardLengthBytes: 65_536,
});
const queue = (options: Partial<PackQueueOptions> = {}): PackQueue<string> =>
  new PackQueue({ maxPendingWrites: 1000, staleAfterWants: 1000, tableOf: () => table, ...options });
const names = (packs: WantedPack<string>[]): string[] => packs.map(({ packId }) => packId);

describe('PackQueue', () => {
  test('a pack is given out as soon as all of its chunks are wanted', () => {
    const packs = queue();
    for (let chunk = 0; chunk < CHUNKS - 1; chunk += 1) packs.want(place(1, chunk), 'a', chunk * 1000);
    packs.settle();
    expect(packs.takeReady()).toEqual([]);
    packs.want(place(1, CHUNKS - 1), 'b', 0);
    packs.settle();
    const [ready] = packs.takeReady();
    expect(ready).toMatchObject({ packId: 'p1', files: ['a', 'b'], writes: [4, 1] });
    expect(packs.takeReady()).toEqual([]);
  });

  test('others wait until the memory for them is used up, the oldest go first', () => {
    const packs = queue({ maxPendingWrites: 2 });
    for (const pack of [1, 2, 3]) packs.want(place(pack, 0), 'a', pack);
    packs.settle();
    expect(names(packs.takeReady())).toEqual(['p1']);
    packs.finish();
    expect(names(packs.takeReady())).toEqual(['p2', 'p3']);
  });

  test('a pack that the walk has left behind is given out', () => {
    const packs = queue({ staleAfterWants: 8 });
    packs.want(place(1, 0), 'a', 0);
    for (let index = 0; index < 12; index += 1) {
      packs.want(place(2, 0), `b${index}`, 0);
      packs.settle();
    }
    expect(names(packs.takeReady())).toEqual(['p1']);
  });

  test('every write that was wanted is given out exactly once, through the wire form too', () => {
    const want = fc.record({ pack: fc.nat(3), chunk: fc.nat(CHUNKS - 1), file: fc.nat(5), settle: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(want, { maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        (wants, maxPendingWrites, staleAfterWants) => {
          const packs = queue({ maxPendingWrites, staleAfterWants });
          const expected: string[] = [];
          const given: string[] = [];
          const collect = (): void => {
            for (const pack of packs.takeReady()) {
              const total = pack.files.map(() => 0);
              for (const { entry, targets } of decodeWrites(pack.table, encodeWrites(pack.chunks))) {
                for (let at = 0; at < targets.length; at += 2) {
                  total[targets[at]!]! += 1;
                  given.push(`${pack.packId} ${entry.frame} ${pack.files[targets[at]!]} ${targets[at + 1]}`);
                }
              }
              expect(total).toEqual(pack.writes);
            }
          };
          for (const [offset, { pack, chunk, file, settle }] of wants.entries()) {
            packs.want(place(pack, chunk), `f${file}`, offset);
            expected.push(`p${pack} ${chunk} f${file} ${offset}`);
            if (settle) packs.settle();
            collect();
          }
          packs.finish();
          collect();
          expect(given.toSorted()).toEqual(expected.toSorted());
        },
      ),
    );
  });
});
