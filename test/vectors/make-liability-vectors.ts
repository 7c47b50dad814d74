/**
 * Wrote liabilities.json, once: it is the protocol from then on, and a test compares the code with it. Hashes are put
 * together by hand here, from docs/protocol.md. Run by hand for a new version of the protocol only:
 * node -C @holdfast/source test/vectors/make-liability-vectors.ts
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createSigningKey, fromHex, liabilitiesRoot, signMessage, toHex } from '@holdfast/protocol';

interface Node {
  hash: Buffer;
  sum: bigint;
}
interface Leaf extends Node {
  kind: 'client' | 'node';
  ownerId: string;
  salt: string;
}

const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
const tag = (name: string): Buffer => Buffer.from(`holdfast v1 liability ${name}\0`, 'latin1');
const u64 = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(16, '0'), 'hex');
const u32 = (value: number): Buffer => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');

function leafOf(kind: 'client' | 'node', name: string, sum: bigint): Leaf {
  const ownerId = sha256(Buffer.from(`owner ${name}`)).toString('hex');
  const salt = sha256(Buffer.from(`salt ${name}`)).toString('hex');
  const kindByte = Buffer.from([kind === 'client' ? 1 : 2]);
  const hash = sha256(tag('leaf'), Buffer.from(salt, 'hex'), kindByte, Buffer.from(ownerId, 'hex'), u64(sum));
  return { kind, ownerId, salt, sum, hash };
}
const parentOf = (left: Node, right: Node): Node => ({
  sum: left.sum + right.sum,
  hash: sha256(tag('node'), u64(left.sum), left.hash, u64(right.sum), right.hash),
});
const rootOf = (top: Node | undefined, count: number): string =>
  sha256(tag('root'), u32(count), u64(top?.sum ?? 0n), top?.hash ?? Buffer.alloc(32)).toString('hex');

function levelsOf(leaves: readonly Node[]): Node[][] {
  const levels = [[...leaves]];
  while (levels.at(-1)!.length > 1) {
    const level = levels.at(-1)!;
    const above: Node[] = [];
    for (let at = 0; at < level.length; at += 2) {
      above.push(at + 1 < level.length ? parentOf(level[at]!, level[at + 1]!) : level[at]!);
    }
    levels.push(above);
  }
  return levels;
}

function treeOf(leaves: Leaf[]) {
  const sorted = leaves.toSorted((a, b) => Buffer.compare(a.hash, b.hash));
  const levels = sorted.length === 0 ? [] : levelsOf(sorted);
  const top = levels.at(-1)?.[0];
  return {
    root: rootOf(top, sorted.length),
    totalMsat: String(top?.sum ?? 0n),
    leafCount: sorted.length,
    leaves: sorted.map((leaf, leafIndex) => {
      const siblings: { hash: string; sumMsat: string }[] = [];
      let place = leafIndex;
      for (const level of levels.slice(0, -1)) {
        const sibling = level[place % 2 === 1 ? place - 1 : place + 1];
        if (sibling !== undefined) siblings.push({ hash: sibling.hash.toString('hex'), sumMsat: String(sibling.sum) });
        place = Math.floor(place / 2);
      }
      const { kind, ownerId, salt, sum, hash } = leaf;
      return { kind, ownerId, salt, amountMsat: String(sum), leafHash: hash.toString('hex'), leafIndex, siblings };
    }),
  };
}

const kinds = ['client', 'node'] as const;
const many = (count: number): Leaf[] =>
  Array.from({ length: count }, (_, i) => leafOf(kinds[i % 2]!, `${count}/${i}`, BigInt(i) * 1_000_003n));
const trees = [
  treeOf([]),
  treeOf([leafOf('client', 'alone', 1n)]),
  treeOf([leafOf('client', 'all there is', (1n << 63n) - 2n), leafOf('node', 'one more', 1n)]),
  ...[2, 3, 5, 6, 8, 13].map((count) => treeOf(many(count))),
];

const mediator = createSigningKey(fromHex('01'.repeat(32)));
const context = { network: 'regtest', mediatorId: toHex(mediator.publicKey) } as const;
const five = trees.find(({ leafCount }) => leafCount === 5)!;
const first = {
  sequence: 1,
  previousHash: [],
  madeAtMs: 1_800_000_000_000,
  throughTransferNo: 0,
  root: trees[0]!.root,
  totalMsat: '0',
  leafCount: 0,
  assets: [],
};
const second = {
  ...first,
  sequence: 2,
  previousHash: ['5a'.repeat(32)],
  throughTransferNo: 4_711,
  root: five.root,
  totalMsat: five.totalMsat,
  leafCount: 5,
  assets: [{ sats: '2100000000000000', tipHeight: 840_000, tipHash: '00'.repeat(8) + 'ab'.repeat(24) }],
};
const sign = (body: typeof second | typeof first) => ({
  body,
  token: signMessage(
    liabilitiesRoot,
    context,
    {
      ...body,
      totalMsat: BigInt(body.totalMsat),
      assets: (body.assets as typeof second.assets).map((asset) => ({ ...asset, sats: BigInt(asset.sats) })),
    },
    mediator,
  ),
});

/** Each is a whole proof of the tree of five, with something wrong. */
function wrongProofs() {
  const published = { root: five.root, totalMsat: five.totalMsat, leafCount: five.leafCount };
  const leaf = five.leaves[1]!;
  const other = five.leaves[2]!;
  const [near, ...far] = leaf.siblings;
  const more = (text: string): string => String(BigInt(text) + 1n);
  const less = (text: string): string => String(BigInt(text) - 1n);
  const cases = {
    'the amount is one less': { leaf: { ...leaf, amountMsat: less(leaf.amountMsat) } },
    'the amount is one more and a neighbour one less': {
      leaf: { ...leaf, amountMsat: more(leaf.amountMsat), siblings: [{ ...near!, sumMsat: less(near!.sumMsat) }, ...far] },
    },
    'a neighbour’s sum is below zero': {
      leaf: { ...leaf, siblings: [{ ...near!, sumMsat: '-1' }, ...far] },
    },
    'sums overflow': {
      leaf: { ...leaf, siblings: [{ ...near!, sumMsat: String((1n << 63n) - 1n) }, ...far] },
    },
    'the amount is below zero': { leaf: { ...leaf, amountMsat: '-1' } },
    'the salt of another leaf': { leaf: { ...leaf, salt: other.salt } },
    'the leaf of another owner': { leaf: { ...leaf, ownerId: other.ownerId } },
    'a node’s leaf shown to a client': { leaf: { ...leaf, kind: leaf.kind === 'client' ? 'node' : 'client' } },
    'the place of its neighbour': { leaf: { ...leaf, leafIndex: 0 } },
    'a place beyond the leaves': { leaf: { ...leaf, leafIndex: 5 } },
    'a neighbour too few': { leaf: { ...leaf, siblings: far } },
    'a neighbour too many': { leaf: { ...leaf, siblings: [...leaf.siblings, near!] } },
    'neighbours in another order': { leaf: { ...leaf, siblings: leaf.siblings.toReversed() } },
    'the total is smaller': { published: { ...published, totalMsat: less(published.totalMsat) } },
    'another root': { published: { ...published, root: trees[1]!.root } },
    'another number of leaves': { published: { ...published, leafCount: 6 } },
    'a tree without leaves': { published: { ...published, leafCount: 0 } },
  };
  return Object.entries(cases).map(([reason, changed]) => {
    const { leafHash: _, ...proof } = 'leaf' in changed ? changed.leaf : leaf;
    return { reason, published: 'published' in changed ? changed.published : published, proof };
  });
}

writeFileSync(
  new URL('liabilities.json', import.meta.url),
  `${JSON.stringify(
    {
      about: 'Trees of liabilities as in docs/protocol.md. Amounts are millisatoshi, as texts.',
      context,
      seeds: { mediator: '01'.repeat(32) },
      trees,
      messages: [sign(first), sign(second)],
      invalidProofs: wrongProofs(),
    },
    undefined,
    1,
  )}\n`,
);
