/** Who is paid now: worth its fee, old enough, allowed, within the limits. */
import { describe, expect, test } from '@jest/globals';
import { createHotWallet, parseAddress } from '@holdfast/bitcoin';
import { choosePayees, type Choice } from './choose-payees.ts';
import { planBatch } from './plan-batch.ts';
import type { Candidate } from './ports.ts';
import { payoutRules } from './rules.ts';

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const wallet = createHotWallet(new Uint8Array(32).fill(9), 'regtest');
const { script, address } = wallet.addressAt('p2wpkh', 'receive', 3);

let count = 0;
const node = (dueSats: bigint, changes: Partial<Candidate> = {}): Candidate => {
  count += 1;
  const owner = { kind: 'node', nodeNo: count, nodeId: String(count).padStart(64, '0') } as const;
  return { owner, address, script, dueSats, sinceMs: NOW - DAY_MS, ...changes };
};
const withdrawal = (dueSats: bigint, changes: Partial<Candidate> = {}): Candidate => {
  count += 1;
  const id = String(count).padStart(64, '0');
  const owner = { kind: 'withdrawal', withdrawalNo: count, withdrawalId: id, clientId: id } as const;
  return { ...node(dueSats), owner, ...changes };
};
const terms = { satPerKvb: 10_000n, nowMs: NOW };
const shown = ({ chosen, waiting }: Choice) => [
  ...chosen.map(({ grossSats }) => grossSats),
  ...waiting.map(({ reason }) => reason),
];

describe('worth its fee', () => {
  test('at 10 sat/vB a node is paid from 20,000 sat on', () => {
    expect(shown(choosePayees([node(20_000n), node(19_999n)], payoutRules(), terms))).toEqual([20_000n, 'small']);
  });

  test('older than a week, it is paid less, at a share of at most a fifth', () => {
    const old = node(3_000n, { sinceMs: NOW - 7 * DAY_MS });
    const { chosen } = choosePayees([old, node(3_000n, { sinceMs: NOW - 7 * DAY_MS + 1 })], payoutRules(), terms);
    expect(chosen).toEqual([{ candidate: old, grossSats: 3_000n, maxShareSats: 600n }]);
  });

  test('a withdrawal is paid whatever it is worth', () => {
    expect(shown(choosePayees([withdrawal(1_000n)], payoutRules(), terms))).toEqual([1_000n]);
  });

  test('what would be dust after its own output alone takes no place and nothing of the limit', () => {
    // 310 of 604 sat go to the network at 10 sat/vB, and 294 are the least that arrives.
    const list = [withdrawal(603n), withdrawal(604n), node(1n, { sinceMs: 0 }), node(1_500n, { sinceMs: 0 })];
    expect(shown(choosePayees(list, payoutRules({ maxPayees: 1 }), { ...terms, leftSats: 604n }))).toEqual([
      604n,
      'fee',
      'limit',
      'limit',
    ]);
    expect(shown(choosePayees(list, payoutRules(), terms))).toEqual([604n, 'fee', 'fee', 'fee']);
  });
});

test('who may lose a deposit waits, and keeps nobody else waiting', () => {
  const [unsure, sure, other] = [withdrawal(50_000n), withdrawal(40_000n), node(60_000n)];
  const { owner } = unsure;
  const unsureClients = new Set(owner.kind === 'withdrawal' ? [owner.clientId] : []);
  const found = choosePayees([unsure, sure, other], payoutRules(), { ...terms, leftSats: 100_000n, unsureClients });
  expect(shown(found)).toEqual([40_000n, 60_000n, 'deposit']);
});

describe('an admin’s word', () => {
  const rules = payoutRules({ approvalSats: 50_000n });
  test('is needed above the limit, and good for so much', () => {
    const found = choosePayees(
      [
        node(50_000n),
        node(50_001n),
        node(60_000n, { approvedSats: 55_000n }),
        withdrawal(60_000n, { approvedSats: 59_999n }),
        withdrawal(60_000n, { approvedSats: 60_000n }),
      ],
      rules,
      terms,
    );
    expect(shown(found)).toEqual([50_000n, 55_000n, 60_000n, 'approval', 'approval']);
  });

  test('is needed for many small withdrawals of one client as for a large one', () => {
    const first = withdrawal(30_000n);
    const again = (dueSats: bigint, changes: Partial<Candidate> = {}) =>
      withdrawal(dueSats, { owner: { ...first.owner, withdrawalNo: (count += 1) } as Candidate['owner'], ...changes });
    const list = [first, again(20_000n), again(295n), again(40_000n, { approvedSats: 40_000n }), withdrawal(30_000n)];
    expect(shown(choosePayees(list, rules, { ...terms, satPerKvb: 1n }))).toEqual([
      30_000n,
      20_000n,
      40_000n,
      30_000n,
      'approval',
    ]);
    const spent = withdrawal(20_000n, { unaskedSats: 30_001n });
    expect(shown(choosePayees([spent, { ...spent, unaskedSats: 30_000n }], rules, terms))).toEqual([
      20_000n,
      'approval',
    ]);
  });
});

describe('limits', () => {
  test('nodes are paid in parts, withdrawals whole or not at all', () => {
    const list = [withdrawal(60_000n), withdrawal(50_000n, { sinceMs: NOW }), node(90_000n), node(90_000n)];
    expect(shown(choosePayees(list, payoutRules(), { ...terms, leftSats: 100_000n }))).toEqual([
      60_000n,
      40_000n,
      'limit',
      'limit',
    ]);
    expect(shown(choosePayees(list, payoutRules(), { ...terms, leftSats: 0n }))).toEqual(list.map(() => 'limit'));
  });

  test('a withdrawal that did not fit for a day keeps those behind it from taking what it needs', () => {
    const rules = payoutRules({ dailyLimitSats: 100_000n });
    const large = withdrawal(100_000n, { sinceMs: NOW - DAY_MS });
    const list = (one: Candidate) => [withdrawal(20_000n), one, withdrawal(30_000n), node(90_000n)];
    const choose = (one: Candidate) => shown(choosePayees(list(one), rules, { ...terms, leftSats: 99_000n }));
    expect(choose(large)).toEqual([20_000n, 'limit', 'limit', 'limit']);
    expect(choose({ ...large, sinceMs: NOW - DAY_MS + 1 })).toEqual([20_000n, 30_000n, 49_000n, 'limit']);
    // It would wait for ever, and so would they.
    expect(choose({ ...large, dueSats: 100_001n })).toEqual([20_000n, 30_000n, 49_000n, 'limit']);
  });

  test('a batch holds so many', () => {
    const list = [node(90_000n), node(90_000n), node(90_000n)];
    expect(shown(choosePayees(list, payoutRules({ maxPayees: 2 }), terms))).toEqual([90_000n, 90_000n, 'full']);
  });
});

describe('the plan', () => {
  const coin = (sats: bigint, confirmations: number, vout = 0) => ({
    txid: String(confirmations).padStart(64, 'a'),
    vout,
    sats,
    script: wallet.addressAt('p2wpkh', 'receive', 0).script,
    confirmations,
  });
  const plan = (candidates: readonly Candidate[], coins = [coin(1_000_000n, 6)], satPerKvb = 10_000n) =>
    planBatch(choosePayees(candidates, payoutRules(), { satPerKvb, nowMs: NOW }).chosen, {
      coins,
      satPerKvb,
      changeScript: wallet.addressAt('p2wpkh', 'change', 0).script,
    });
  const old = { sinceMs: NOW - 8 * DAY_MS };

  test('drops who would get dust, and old small ones with too large a share, and pays the rest', () => {
    const paid = plan([withdrawal(400n), node(1_000n, old), node(90_000n), node(5_000n, old)]);
    expect(paid.outcome === 'planned' && paid.payees.map(({ grossSats }) => grossSats)).toEqual([90_000n, 5_000n]);
  });

  test('nobody is left', () => {
    expect(plan([withdrawal(400n)])).toEqual({ outcome: 'nobody' });
  });

  test('spends deep coins where they suffice, and never unconfirmed ones', () => {
    const coins = [coin(900_000n, 1), coin(800_000n, 6), coin(950_000n, 0)];
    const used = (amount: bigint) => {
      const found = plan([node(amount)], coins);
      return found.outcome === 'planned' ? found.transaction.inputs.map(({ confirmations }) => confirmations) : found;
    };
    expect(used(700_000n)).toEqual([6]);
    expect(used(850_000n)).toEqual([1]);
    expect(used(1_800_000n)).toMatchObject({ outcome: 'short' });
  });

  test('where the money does not do for all, those at the front are paid', () => {
    const paid = plan([withdrawal(60_000n), node(90_000n)], [coin(100_000n, 6)]);
    expect(paid.outcome === 'planned' && paid.payees.map(({ grossSats }) => grossSats)).toEqual([60_000n]);
    expect(paid).toMatchObject({ missingSats: 50_000n });
  });

  test('who is due more than there is waits, and keeps nobody else waiting', () => {
    const list = [withdrawal(200_000n), withdrawal(60_000n), node(90_000n), node(30_000n)];
    const paid = plan(list, [coin(100_000n, 6)]);
    expect(paid.outcome === 'planned' && paid.payees.map(({ grossSats }) => grossSats)).toEqual([60_000n, 30_000n]);
    expect(plan([withdrawal(200_000n)], [coin(100_000n, 6)])).toEqual({ outcome: 'short', missingSats: 100_000n });
  });

  test('each of a thousand bears a share that differs by a satoshi at most', () => {
    const paid = plan(
      Array.from({ length: 1_000 }, () => node(30_000n)),
      [coin(100_000_000n, 6)],
    );
    if (paid.outcome !== 'planned') throw new Error(paid.outcome);
    const shares = paid.payees.map(({ feeShareSats }) => feeShareSats);
    expect(new Set(shares).size).toBeLessThanOrEqual(2);
    expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(paid.transaction.feeSats);
    expect(paid.transaction.weight).toBeLessThan(400_000);
  });

  test('every standard kind of address is paid', () => {
    const addresses = [
      'mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn',
      '2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc',
      'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
      wallet.addressAt('p2tr', 'receive', 1).address,
    ];
    const scripts = addresses.map((text) => parseAddress(text, 'regtest').script);
    const paid = plan(scripts.map((one) => node(30_000n, { script: one })));
    expect(paid.outcome === 'planned' && paid.payees.map((payee) => payee.script)).toEqual(scripts);
  });
});
