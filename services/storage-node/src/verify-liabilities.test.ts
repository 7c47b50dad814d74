import { describe, expect, test } from '@jest/globals';
import type { MediatorApi } from '@holdfast/http-api';
import {
  createSigningKey,
  liabilitiesRoot,
  liabilityLeaf,
  msat,
  signMessage,
  sumLevels,
  sumRoot,
  toHex,
} from '@holdfast/protocol';
import { formatLiabilities, verifyOwnLiability } from './verify-liabilities.ts';

const key = createSigningKey(new Uint8Array(32).fill(4));
const signing = { network: 'regtest', mediatorId: toHex(key.publicKey) } as const;
const nodeId = 'd1'.repeat(32);

/** The only one that is owed anything. */
function answerWith(earned: bigint, withheld: bigint, inFlight: bigint) {
  const salt = '33'.repeat(32);
  const amountMsat = msat(earned + withheld + inFlight);
  const levels = sumLevels([liabilityLeaf({ kind: 'node', ownerId: nodeId, amountMsat, salt })]);
  const about = { sequence: 1, previousHash: [], madeAtMs: 0, throughTransferNo: 50, assets: [] };
  const token = signMessage(liabilitiesRoot, signing, { ...about, ...sumRoot(levels[0]![0], 1) }, key);
  const parts = { freeMsat: String(earned), boundMsat: String(withheld), inFlightMsat: String(inFlight) };
  return {
    liabilities: { token },
    proof: { salt, amountMsat: String(amountMsat), ...parts, leafIndex: 0, siblings: [] },
  };
}

/** Since the cut a period was paid, and some of what was withheld became free. */
const ENTRIES = [
  { transferNo: '52', kind: 'release_withheld', account: 'earned', amountMsat: '10000' },
  { transferNo: '52', kind: 'release_withheld', account: 'withheld', amountMsat: '-10000' },
  { transferNo: '51', kind: 'accrual', account: 'earned', amountMsat: '700' },
  { transferNo: '51', kind: 'accrual', account: 'withheld', amountMsat: '300' },
  { transferNo: '50', kind: 'accrual', account: 'earned', amountMsat: '9' },
];

function mediatorWith(answer: unknown): MediatorApi {
  const reply = (data: unknown) =>
    Promise.resolve({ data, response: new Response(null, { status: 200 }), error: undefined });
  return {
    GET(path: string) {
      if (path === '/v1/liabilities/mine') return reply(answer);
      if (path.endsWith('/statement')) return reply({ entries: ENTRIES });
      return reply({ earnedMsat: '110700', withheldMsat: '40300', releases: [] });
    },
  } as unknown as MediatorApi;
}

describe('what the mediator published about this node', () => {
  test('is proven, and the statement says the same', async () => {
    const report = await verifyOwnLiability({
      api: mediatorWith(answerWith(100_000n, 50_000n, 7_000n)),
      signing,
      nodeId,
    });
    expect(report).toMatchObject({ amountMsat: 157_000n, totalMsat: 157_000n, isCompared: true });
    const text = formatLiabilities(report);
    expect(text).toContain('157 sat of that are this node’s (100 sat earned, 50 sat withheld, 7 sat on their way)');
    expect(text).toContain('statement says the same');
  });

  test.each([
    ['less was earned than the statement says', 99_999n, 50_000n],
    ['less is withheld than the statement says', 100_000n, 49_999n],
    ['earned and withheld are mixed up', 50_000n, 100_000n],
  ])('%s', async (_, earned, withheld) => {
    const verifying = verifyOwnLiability({ api: mediatorWith(answerWith(earned, withheld, 0n)), signing, nodeId });
    await expect(verifying).rejects.toMatchObject({ code: 'liabilities.wrong-amount', exitCode: 6 });
  });

  test('is another node’s', async () => {
    const answer = answerWith(100_000n, 50_000n, 0n);
    const verifying = verifyOwnLiability({ api: mediatorWith(answer), signing, nodeId: 'd2'.repeat(32) });
    await expect(verifying).rejects.toMatchObject({ code: 'liabilities.not-proven' });
  });
});
