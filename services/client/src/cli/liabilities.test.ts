import { describe, expect, test } from '@jest/globals';
import {
  createSigningKey,
  liabilitiesRoot,
  liabilityLeaf,
  liabilityPath,
  msat,
  signMessage,
  sumLevels,
  sumRoot,
  toHex,
} from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import { verifyOwnLiability } from './liabilities.ts';

const key = createSigningKey(new Uint8Array(32).fill(3));
const signing = { network: 'regtest', mediatorId: toHex(key.publicKey) } as const;
const clientId = 'c1'.repeat(32);
const THROUGH = 100;

/** What the mediator publishes about this client, and another one. */
function answerWith(freeMsat: bigint, boundMsat: bigint) {
  const mine = {
    kind: 'client',
    ownerId: clientId,
    salt: '11'.repeat(32),
    amountMsat: msat(freeMsat + boundMsat),
  } as const;
  const other = { ...mine, ownerId: 'c2'.repeat(32), salt: '22'.repeat(32) };
  const leaves = [mine, other]
    .map((liability) => ({ liability, leaf: liabilityLeaf(liability) }))
    .toSorted((a, b) => Buffer.compare(a.leaf.hash, b.leaf.hash));
  const levels = sumLevels(leaves.map(({ leaf }) => leaf));
  const path = liabilityPath(
    levels,
    leaves.findIndex(({ liability }) => liability === mine),
  );
  const root = { sequence: 4, previousHash: ['00'.repeat(32)], madeAtMs: 5, throughTransferNo: THROUGH, assets: [] };
  const token = signMessage(liabilitiesRoot, signing, { ...root, ...sumRoot(levels.at(-1)![0], 2) }, key);
  return {
    liabilities: { token },
    proof: {
      salt: mine.salt,
      amountMsat: String(mine.amountMsat),
      freeMsat: String(freeMsat),
      boundMsat: String(boundMsat),
      inFlightMsat: '0',
      leafIndex: path.leafIndex,
      siblings: path.siblings.map(({ hash, sumMsat }) => ({ hash, sumMsat: String(sumMsat) })),
    },
  };
}

/** Newest first: since the cut 40 were reserved and 7 credited; the mediator has paid nodes 3 of what was bound. */
const ENTRIES = [
  { transferNo: '102', kind: 'credit', account: 'available', amountMsat: '7' },
  { transferNo: '101', kind: 'reserve', account: 'available', amountMsat: '-40' },
  { transferNo: '100', kind: 'credit', account: 'available', amountMsat: '1000' },
];

function vaultWith(answer: unknown, balances: readonly object[]) {
  let reads = 0;
  const reply = (data: unknown) =>
    Promise.resolve({ data, response: new Response(null, { status: 200 }), error: undefined });
  const mediatorApi = {
    GET(path: string) {
      if (path === '/v1/liabilities/mine') return reply(answer);
      if (path.endsWith('/statement')) return reply({ entries: ENTRIES });
      reads += 1;
      return reply(balances[(reads - 1) % balances.length]);
    },
  };
  return { mediatorApi, signing, clientId } as unknown as ClientContext;
}
const NOW = { availableMsat: '967', heldMsat: '20', reservedMsat: '77' };
const failure = (code: string): unknown => expect.objectContaining({ code });

describe('what the mediator published about this client', () => {
  test('is proven, and the statement says the same', async () => {
    const kept: unknown[] = [];
    const answer = answerWith(1_000n, 60n);
    const report = await verifyOwnLiability(vaultWith(answer, [NOW]), undefined, (one) => kept.push(one));
    expect(report).toMatchObject({ amountMsat: 1_060n, totalMsat: 2_120n, isCompared: true, sequence: 4 });
    expect(kept).toEqual([answer]);
  });

  test.each([
    ['less is available than the statement says', 999n, 60n],
    ['more is available than the statement says', 1_001n, 60n],
    ['less is bound than there must have been', 1_000n, 56n],
  ])('%s', async (_, free, bound) => {
    const kept: unknown[] = [];
    const verifying = verifyOwnLiability(vaultWith(answerWith(free, bound), [NOW]), 4, (one) => kept.push(one));
    await expect(verifying).rejects.toThrow(failure('liabilities.wrong-amount'));
    expect(kept).toHaveLength(1);
  });

  test('is nothing, though the statement has something', async () => {
    const { liabilities } = answerWith(1_000n, 60n);
    const verifying = verifyOwnLiability(vaultWith({ liabilities }, [NOW]), undefined, () => undefined);
    await expect(verifying).rejects.toThrow(failure('liabilities.wrong-amount'));
  });

  test('is not compared while money moves all the time', async () => {
    const moving = [NOW, { ...NOW, availableMsat: '1' }];
    const report = await verifyOwnLiability(vaultWith(answerWith(5n, 5n), moving), undefined, () => undefined);
    expect(report.isCompared).toBe(false);
  });
});
