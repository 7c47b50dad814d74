/** Whether a published root contains one's own leaf: needs the root, one's own id, and what the proof says, nothing else. */
import { fromHex } from '../bytes.ts';
import { fail, HoldfastError } from '../errors.ts';
import {
  type Liability,
  liabilityLeaf,
  MAX_LIABILITY_LEAVES,
  siblingPlaces,
  type SumNode,
  sumNode,
  type SumRoot,
  sumRoot,
} from './sum-tree.ts';

/** The way from a leaf to the root. */
export interface LiabilityPath {
  /** Place of the leaf among all, from 0. */
  readonly leafIndex: number;
  /** From the leaf up; none where a node goes up unchanged. */
  readonly siblings: readonly { readonly hash: string; readonly sumMsat: bigint }[];
}

/** Takes a path out of a whole tree (sumLevels). */
export const liabilityPath = (levels: readonly (readonly SumNode[])[], leafIndex: number): LiabilityPath => ({
  leafIndex,
  siblings: siblingPlaces(leafIndex, levels[0]?.length ?? 0).map(({ level, position }) => {
    const { hash, sumMsat } = levels[level]![position]!;
    return { hash: Buffer.from(hash).toString('hex'), sumMsat };
  }),
});

/**
 * Returns when the root contains exactly this liability: with the salt and the amount, and with every sum on the way
 * adding up to the total.
 * @throws HoldfastError `liabilities.not-proven`, with what is wrong
 */
export function verifyLiability(
  published: SumRoot,
  liability: Liability,
  { leafIndex, siblings }: LiabilityPath,
): void {
  const { leafCount } = published;
  if (!Number.isSafeInteger(leafCount) || leafCount < 1 || leafCount > MAX_LIABILITY_LEAVES) {
    throw notProven(`a tree of ${leafCount} leaves holds none`);
  }
  if (!Number.isSafeInteger(leafIndex) || leafIndex < 0 || leafIndex >= leafCount) {
    throw notProven(`there is no leaf ${leafIndex} among ${leafCount}`);
  }
  const places = siblingPlaces(leafIndex, leafCount);
  if (places.length !== siblings.length) {
    throw notProven(`the way to the root has ${places.length} neighbours, the proof ${siblings.length}`);
  }
  const top = asNotProven(() =>
    places.reduce<SumNode>((node, { position }, index) => {
      const given = siblings[index]!;
      const sibling = { hash: fromHex(given.hash, 32), sumMsat: given.sumMsat };
      return position % 2 === 0 ? sumNode(sibling, node) : sumNode(node, sibling);
    }, liabilityLeaf(liability)),
  );
  if (top.sumMsat !== published.totalMsat) {
    throw notProven(`the sums on the way come to ${top.sumMsat} msat, the total is ${published.totalMsat} msat`);
  }
  if (sumRoot(top, leafCount).root !== published.root) throw notProven('the way leads to another root');
}

const notProven = (detail: string, cause?: unknown): HoldfastError => fail('liabilities.not-proven', { detail }, cause);

/** Amounts and hashes of a proof come from the mediator: what is wrong with them is its proof's fault. */
function asNotProven<T>(walk: () => T): T {
  try {
    return walk();
  } catch (error) {
    if (error instanceof HoldfastError) throw notProven(error.message, error);
    throw error;
  }
}
