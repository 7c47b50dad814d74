/** What payees receive after their share of the fee, from real plans; and that docs/money.md says just that. */
import { readFileSync } from 'node:fs';
import { createHotWallet, planPayout } from '@holdfast/bitcoin';
import { expect, test } from '@jest/globals';
import { payoutRules } from './rules.ts';

const PAGE = readFileSync(new URL('../../../../docs/money.md', import.meta.url), 'utf8');
const wallet = createHotWallet(new Uint8Array(32).fill(9), 'regtest');
const change = wallet.addressAt('p2wpkh', 'change', 0);
const [p2wpkh, p2tr] = (['p2wpkh', 'p2tr'] as const).map((kind) => wallet.addressAt(kind, 'receive', 0).script);

/** One input, change, and so many payees who are due the same. */
function pay(count: number, sats: bigint, satPerVb: bigint, script = p2wpkh!) {
  const coin = { txid: 'aa'.repeat(32), vout: 0, sats: sats * BigInt(count) * 2n, confirmations: 6, ...change };
  const payees = Array.from({ length: count }, (_, index) => ({ id: String(index), script, sats }));
  const plan = planPayout({ coins: [coin], payees, satPerKvb: satPerVb * 1_000n, changeScript: change.script });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  const { vsize, payments } = plan.transaction;
  const received = payments.reduce((sum, { receivedSats }) => sum + receivedSats, 0n);
  const perThousand = Math.round((Number(received) / (Number(sats) * count)) * 1_000);
  const mostPpm = payments
    .map(({ feeShareSats }) => (feeShareSats * 1_000_000n) / sats)
    .toSorted((a, b) => Number(b - a));
  return { vsize, perThousand, largestSharePpm: mostPpm[0]! };
}

const text = (number: number): string => number.toLocaleString('en-US', { maximumFractionDigits: 1 });

test.each([1n, 10n, 50n])(
  'paid as soon as it is worth its fee, at %i sat/vB: the table of docs/money.md',
  (satPerVb) => {
    const dueSats = payoutRules().worthFeeRates * satPerVb;
    expect(PAGE).toContain(`${text(Number(dueSats))}${satPerVb === 1n ? ' sat at 1 sat/vB' : ` at ${satPerVb}`}`);
    const rows = [1, 10, 50, 1_000].map((count) => {
      const { vsize, perThousand } = pay(count, dueSats, satPerVb);
      return `| ${text(count)} | ${text(vsize)} | ${text(vsize / count)} | ${perThousand} |`;
    });
    const table = rows.join('\n');
    expect(PAGE.includes(table) ? 'the table' : table).toBe('the table');
  },
);

test('10,000 sat in a batch of 50: what docs/money.md says of 1, 10 and 50 sat/vB, never above the share that is allowed', () => {
  const at = [1n, 10n, 50n].map((satPerVb) => pay(50, 10_000n, satPerVb));
  const [one, ten, fifty] = at.map(({ perThousand }) => perThousand);
  expect(PAGE).toContain(`${one} at 1 sat/vB; ${ten} at 10, after a week; ${fifty} at 50, after a week.`);
  for (const { largestSharePpm } of at) expect(largestSharePpm).toBeLessThanOrEqual(payoutRules().oldMaxSharePpm);
});

test('an output of taproot is 12 vB larger', () => {
  expect(pay(50, 100_000n, 1n, p2tr).vsize - pay(50, 100_000n, 1n).vsize).toBe(12 * 50);
  expect(PAGE).toContain('P2TR: 12 vB more each');
});
