/** What holds for every tree of liabilities, and every change to one that must not go unnoticed. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { msat } from '../units.ts';
import {
  CREDITOR_KINDS,
  type Liability,
  liabilityLeaf,
  type LiabilityPath,
  liabilityPath,
  MAX_LIABILITY_MSAT,
  sumLevels,
  sumNode,
  type SumRoot,
  sumRoot,
  verifyLiability,
} from './index.ts';

const hex32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const liability = fc.record({
  kind: fc.constantFrom(...CREDITOR_KINDS),
  ownerId: hex32,
  salt: hex32,
  amountMsat: fc.bigInt(0n, 1n << 56n).map(msat),
});
const someOf = (minLength: number) =>
  fc.uniqueArray(liability, { minLength, maxLength: 40, selector: ({ salt }) => salt });

function plant(liabilities: readonly Liability[]) {
  const sorted = liabilities
    .map((owed) => ({ owed, leaf: liabilityLeaf(owed) }))
    .toSorted((a, b) => Buffer.compare(a.leaf.hash, b.leaf.hash));
  const levels = sumLevels(sorted.map(({ leaf }) => leaf));
  return { sorted: sorted.map(({ owed }) => owed), levels, root: sumRoot(levels.at(-1)?.[0], sorted.length) };
}

const isRefused = (root: SumRoot, owed: Liability, path: LiabilityPath): void =>
  expect(() => verifyLiability(root, owed, path)).toThrow(expect.objectContaining({ code: 'liabilities.not-proven' }));
const badTree: unknown = expect.objectContaining({ code: 'liabilities.bad-tree' });

describe('a tree', () => {
  test('adds up, whatever order the liabilities come in, and proves each of them', () => {
    fc.assert(
      fc.property(someOf(0), fc.nat(), (liabilities, turn) => {
        const at = liabilities.length === 0 ? 0 : turn % liabilities.length;
        const { sorted, levels, root } = plant(liabilities);
        expect(root.totalMsat).toBe(liabilities.reduce((sum, { amountMsat }) => sum + amountMsat, 0n));
        expect(plant([...liabilities.slice(at), ...liabilities.slice(0, at)].toReversed()).root).toEqual(root);
        sorted.forEach((owed, index) => verifyLiability(root, owed, liabilityPath(levels, index)));
      }),
    );
  });

  test('has another root when any amount, owner, kind or salt differs', () => {
    fc.assert(
      fc.property(someOf(1), fc.nat(), (liabilities, turn) => {
        const at = turn % liabilities.length;
        const { root } = plant(liabilities);
        const owed = liabilities[at]!;
        const flip = (hex: string): string => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);
        const others: Liability[] = [
          { ...owed, amountMsat: msat(owed.amountMsat + 1n) },
          { ...owed, ownerId: flip(owed.ownerId) },
          { ...owed, salt: flip(owed.salt) },
          { ...owed, kind: owed.kind === 'client' ? 'node' : 'client' },
        ];
        for (const other of others) expect(plant(liabilities.with(at, other)).root.root).not.toBe(root.root);
        expect(plant(liabilities.toSpliced(at, 1)).root.root).not.toBe(root.root);
      }),
    );
  });

  test('takes no leaf twice, and none out of order', () => {
    const [a, b] = plant([
      { kind: 'client', ownerId: '11'.repeat(32), salt: '22'.repeat(32), amountMsat: msat(5n) },
      { kind: 'client', ownerId: '33'.repeat(32), salt: '44'.repeat(32), amountMsat: msat(7n) },
    ]).levels[0]!;
    expect(() => sumLevels([a!, a!])).toThrow(badTree);
    expect(() => sumLevels([b!, a!])).toThrow(badTree);
    expect(sumLevels([a!, b!]).at(-1)![0]!.sumMsat).toBe(12n);
  });

  test('holds no negative amount and no sum that does not fit', () => {
    const owed = { kind: 'client', ownerId: '11'.repeat(32), salt: '22'.repeat(32) } as const;
    expect(() => liabilityLeaf({ ...owed, amountMsat: msat(-1n) })).toThrow(badTree);
    expect(() => liabilityLeaf({ ...owed, amountMsat: msat(MAX_LIABILITY_MSAT + 1n) })).toThrow(badTree);
    const most = liabilityLeaf({ ...owed, amountMsat: msat(MAX_LIABILITY_MSAT) });
    const one = liabilityLeaf({ ...owed, amountMsat: msat(1n) });
    expect(() => sumNode(most, one)).toThrow(badTree);
    expect(() => sumNode({ ...one, sumMsat: -5n }, most)).toThrow(badTree);
  });

  test('an inner node passes for no leaf, and a leaf for no inner node', () => {
    const { levels, root, sorted } = plant(
      Array.from({ length: 4 }, (_, index) => ({
        kind: 'client' as const,
        ownerId: String(index).repeat(64),
        salt: String(index).repeat(64),
        amountMsat: msat(10n),
      })),
    );
    // the tree of the two inner nodes has the same top, but is another root: the number of leaves is in it
    const top = levels.at(-1)![0]!;
    expect(sumRoot(top, 2).root).not.toBe(root.root);
    const path = liabilityPath(levels, 0);
    isRefused({ ...root, leafCount: 2 }, sorted[0]!, { leafIndex: 0, siblings: path.siblings.slice(1) });
  });
});

describe('a proof', () => {
  type Harm = (root: SumRoot, owed: Liability, path: LiabilityPath) => [SumRoot, Liability, LiabilityPath];
  const by = fc.oneof(fc.bigInt(-50n, -1n), fc.bigInt(1n, 50n));
  const sumOf = (at: number, change: (sum: bigint) => bigint, path: LiabilityPath): LiabilityPath => {
    const step = at % path.siblings.length;
    const sibling = path.siblings[step]!;
    return { ...path, siblings: path.siblings.with(step, { ...sibling, sumMsat: change(sibling.sumMsat) }) };
  };
  const bitOf = (at: number, bit: number, path: LiabilityPath): LiabilityPath => {
    const step = at % path.siblings.length;
    const sibling = path.siblings[step]!;
    const hash = Buffer.from(sibling.hash, 'hex');
    hash[bit >> 3]! ^= 1 << (bit & 7);
    return { ...path, siblings: path.siblings.with(step, { ...sibling, hash: hash.toString('hex') }) };
  };
  const amountOf = (owed: Liability, more: bigint): Liability => ({
    ...owed,
    amountMsat: msat(owed.amountMsat + more),
  });
  const of = <T>(values: fc.Arbitrary<T>, change: (value: T) => Harm): fc.Arbitrary<Harm> => values.map(change);
  const place = fc.record({ at: fc.nat(), bit: fc.nat(255), more: by });
  /** One thing wrong with a right proof. */
  const harm = fc.oneof(
    of(by, (more) => (root, owed, path) => [root, amountOf(owed, more), path]),
    of(place, ({ at, more }) => (root, owed, path) => [root, owed, sumOf(at, (sum) => sum + more, path)]),
    // what one leaf gains the other loses, so that the total stays
    of(by, (more) => (root, owed, path) => [root, amountOf(owed, more), sumOf(0, (sum) => sum - more, path)]),
    of(place, ({ at }) => (root, owed, path) => [root, owed, sumOf(at, (sum) => -1n - sum, path)]),
    of(place, ({ at, bit }) => (root, owed, path) => [root, owed, bitOf(at, bit, path)]),
    of(fc.nat(), (step) => (root, owed, path) => {
      const leafIndex = (path.leafIndex + 1 + (step % (root.leafCount - 1))) % root.leafCount;
      return [root, owed, { ...path, leafIndex }];
    }),
    of(by, (more) => (root, owed, path) => [{ ...root, totalMsat: root.totalMsat + more }, owed, path]),
    of(hex32, (hash) => (root, owed, path) => [{ ...root, root: hash }, owed, path]),
    of(hex32, (ownerId) => (root, owed, path) => [root, { ...owed, ownerId }, path]),
    of(fc.nat(), () => (root, owed, path) => [root, owed, { ...path, siblings: path.siblings.slice(1) }]),
    of(fc.nat(), (at) => (root, owed, path) => {
      return [root, owed, { ...path, siblings: [...path.siblings, path.siblings[at % path.siblings.length]!] }];
    }),
  );

  test('fails for every change to amount, sums, hashes, place, total, root or owner', () => {
    fc.assert(
      fc.property(someOf(2), fc.nat(), harm, (liabilities, turn, change) => {
        const { sorted, levels, root } = plant(liabilities);
        const index = turn % sorted.length;
        isRefused(...change(root, sorted[index]!, liabilityPath(levels, index)));
      }),
      { numRuns: 500 },
    );
  });

  test('of another leaf with the same amount proves nothing for me', () => {
    const same = ['5', '6'].map((digit) => ({
      kind: 'client' as const,
      ownerId: digit.repeat(64),
      salt: digit.repeat(64),
      amountMsat: msat(1_000n),
    }));
    const { sorted, levels, root } = plant(same);
    const path = liabilityPath(levels, 0);
    verifyLiability(root, sorted[0]!, path);
    isRefused(root, { ...sorted[0]!, ownerId: sorted[1]!.ownerId }, path);
  });

  test.each([Number.NaN, -1, 0.5, 2 ** 53])('a place of %p is refused, not followed', (leafIndex) => {
    const { sorted, levels, root } = plant([
      { kind: 'client', ownerId: '11'.repeat(32), salt: '22'.repeat(32), amountMsat: msat(5n) },
    ]);
    isRefused(root, sorted[0]!, { ...liabilityPath(levels, 0), leafIndex });
    isRefused({ ...root, leafCount: leafIndex }, sorted[0]!, { leafIndex: 0, siblings: [] });
  });
});
