/** Golden vectors of liabilities: what was published and proven once must verify for ever. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  type CreditorKind,
  createSigningKey,
  fromHex,
  liabilitiesRoot,
  liabilityLeaf,
  liabilityPath,
  msat,
  openMessage,
  signMessage,
  type SigningContext,
  sumLevels,
  type SumNode,
  sumRoot,
  toHex,
  verifyLiability,
} from '../index.ts';

interface Published {
  root: string;
  totalMsat: string;
  leafCount: number;
}
interface Proof {
  kind: CreditorKind;
  ownerId: string;
  salt: string;
  amountMsat: string;
  leafIndex: number;
  siblings: { hash: string; sumMsat: string }[];
}
interface Vectors {
  context: SigningContext;
  seeds: { mediator: string };
  trees: (Published & { leaves: (Proof & { leafHash: string })[] })[];
  messages: {
    body: Published & {
      sequence: number;
      previousHash: string[];
      madeAtMs: number;
      throughTransferNo: number;
      assets: { sats: string; tipHeight: number; tipHash: string }[];
    };
    token: string;
  }[];
  invalidProofs: { reason: string; published: Published; proof: Proof }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/liabilities.json', import.meta.url), 'utf8'),
) as Vectors;

const liabilityOf = ({ kind, ownerId, salt, amountMsat }: Proof) => ({
  kind,
  ownerId,
  salt,
  amountMsat: msat(BigInt(amountMsat)),
});
const pathOf = ({ leafIndex, siblings }: Proof) => ({
  leafIndex,
  siblings: siblings.map(({ hash, sumMsat }) => ({ hash, sumMsat: BigInt(sumMsat) })),
});
const rootOf = ({ root, totalMsat, leafCount }: Published) => ({ root, totalMsat: BigInt(totalMsat), leafCount });

describe('trees', () => {
  test.each(vectors.trees.map((tree) => [tree.leafCount, tree.totalMsat, tree] as const))(
    'of %i leaves over %s msat',
    (_, __, tree) => {
      const leaves: SumNode[] = tree.leaves.map((leaf) => liabilityLeaf(liabilityOf(leaf)));
      expect(leaves.map(({ hash }) => toHex(hash))).toEqual(tree.leaves.map(({ leafHash }) => leafHash));
      const levels = sumLevels(leaves);
      expect(sumRoot(levels.at(-1)?.[0], leaves.length)).toEqual(rootOf(tree));
      for (const leaf of tree.leaves) {
        expect(liabilityPath(levels, leaf.leafIndex)).toEqual(pathOf(leaf));
        verifyLiability(rootOf(tree), liabilityOf(leaf), pathOf(leaf));
      }
    },
  );
});

describe('proofs that prove nothing', () => {
  test.each(vectors.invalidProofs.map((vector) => [vector.reason, vector] as const))(
    '%s',
    (_, { published, proof }) => {
      expect(() => verifyLiability(rootOf(published), liabilityOf(proof), pathOf(proof))).toThrow(
        expect.objectContaining({ code: 'liabilities.not-proven' }),
      );
    },
  );
});

describe('signed roots', () => {
  test.each(vectors.messages.map((message) => [message.body.sequence, message] as const))('number %i', (_, message) => {
    const { body, token } = message;
    const expected = {
      ...body,
      totalMsat: BigInt(body.totalMsat),
      assets: body.assets.map((asset) => ({ ...asset, sats: BigInt(asset.sats) })),
    };
    const key = createSigningKey(fromHex(vectors.seeds.mediator, 32));
    expect(signMessage(liabilitiesRoot, vectors.context, expected, key)).toBe(token);
    expect(openMessage(liabilitiesRoot, vectors.context, token)).toEqual(expected);
  });
});
