/** Random lives of two wallets with the books that belong to them: what is right is never a difference, what is wrong always is. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { WalletName } from '../rail/index.ts';
import { type Evidence, type Fate, judgeBooks, type Judgement } from './judge-books.ts';
import type { BookedDeposit, BookedPayout, Movement } from './ports.ts';

const rules = { deepConfirmations: 6, maxSatPerKvb: 200_000n };
type Output = Evidence['outputs'][number];

const step = fc.record({
  what: fc.constantFrom('deposit', 'funding', 'payout', 'sweep'),
  sats: fc.bigInt(1_000n, 1_000_000n),
  fee: fc.bigInt(1n, 20_000n),
  isBooked: fc.boolean(),
  isDeep: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What a life comes to: evidence without a fault, and the transactions that wait to be booked. */
function live(steps: readonly Step[]) {
  const outputs: { txid: string; wallet: WalletName; sats: bigint; fate: Fate }[] = [];
  const deposits: BookedDeposit[] = [];
  const payouts: BookedPayout[] = [];
  const movements: Movement[] = [];
  const depths = new Map<string, number>();
  const toBook = new Map<string, bigint>();
  const unspent = (wallet: WalletName) => outputs.filter((one) => one.wallet === wallet && one.fate.is === 'unspent');
  const spendAll = (wallet: WalletName, by: string): bigint => {
    const spent = unspent(wallet);
    for (const one of spent) one.fate = { is: 'spent', by };
    return spent.reduce((sum, { sats }) => sum + sats, 0n);
  };
  const create = (txid: string, wallet: WalletName, sats: bigint): void => {
    outputs.push({ txid, wallet, sats, fate: { is: 'unspent' } });
  };
  steps.forEach(({ what, sats, fee, isBooked, isDeep }, index) => {
    const txid = String(index).padStart(64, '0');
    depths.set(txid, isDeep ? 6 : 1);
    const held = unspent(what === 'sweep' ? 'deposits' : 'payouts').reduce((sum, one) => sum + one.sats, 0n);
    if (what === 'deposit') {
      create(txid, 'deposits', sats);
      const state = isBooked ? 'credited' : 'seen';
      deposits.push({ txid, vout: 0, sats, state, clientId: 'c'.repeat(64) });
    } else if (what === 'funding') {
      create(txid, 'payouts', sats);
      if (isBooked) movements.push({ txid, sats });
      else if (isDeep) toBook.set(txid, sats);
    } else if (what === 'payout' && held > sats) {
      create(txid, 'payouts', spendAll('payouts', txid) - sats);
      const unbookedSats = isDeep && isBooked && fee < sats ? fee : 0n;
      payouts.push({ txid, outflowSats: sats, state: isBooked ? 'final' : 'open', unbookedSats });
      payouts.push({
        txid: `f${txid.slice(1)}`,
        outflowSats: sats,
        state: isBooked ? 'beaten' : 'open',
        unbookedSats: 0n,
      });
    } else if (what === 'sweep' && held > fee) {
      create(txid, 'payouts', spendAll('deposits', txid) - fee);
      if (isBooked) movements.push({ txid, sats: -fee });
      else if (isDeep) toBook.set(txid, -fee);
    }
  });
  const sumOf = (list: readonly { sats: bigint }[]): bigint => list.reduce((sum, { sats }) => sum + sats, 0n);
  const paid = payouts
    .filter(({ state }) => state === 'final')
    .reduce((sum, { outflowSats, unbookedSats }) => sum + outflowSats - unbookedSats, 0n);
  const credited = sumOf(deposits.filter(({ state }) => state === 'credited'));
  const known: Output[] = outputs.map((one) => ({ ...one, vout: 0 }));
  const evidence: Evidence = {
    audited: known.filter(({ fate }) => fate.is === 'unspent'),
    outputs: known,
    books: { ledgerMsat: (credited + sumOf(movements) - paid) * 1_000n, deposits, payouts, movements },
    depthOf: (txid) => depths.get(txid),
  };
  return { evidence, toBook };
}

const total = (lines: readonly { sats: bigint }[]): bigint => lines.reduce((sum, { sats }) => sum + sats, 0n);
/** Whatever is found, it explains all of what chain and ledger differ by. */
function expectComplete({ audited, books }: Evidence, { pending, differences }: Judgement): void {
  expect(total(pending) + total(differences)).toBe(total(audited) - books.ledgerMsat / 1_000n);
}

const life = fc.array(step, { minLength: 1, maxLength: 25 });

describe('books that are right', () => {
  test('differ in nothing; what is not booked yet is pending, and what is deep is to be booked', () => {
    fc.assert(
      fc.property(life, (steps) => {
        const { evidence, toBook } = live(steps);
        const judgement = judgeBooks(evidence, rules);
        expect(judgement.differences).toEqual([]);
        expect(new Map(judgement.bookings.map(({ txid, sats }) => [txid, sats]))).toEqual(toBook);
        expectComplete(evidence, judgement);
      }),
    );
  });

  test('stay right when everything is booked that is to be', () => {
    fc.assert(
      fc.property(life, (steps) => {
        const { evidence } = live(steps);
        const { bookings } = judgeBooks(evidence, rules);
        const { movements, ledgerMsat } = evidence.books;
        const books = {
          ...evidence.books,
          movements: [...movements, ...bookings],
          ledgerMsat: ledgerMsat + total(bookings) * 1_000n,
        };
        const again = judgeBooks({ ...evidence, books }, rules);
        expect([again.differences, again.bookings]).toEqual([[], []]);
        expectComplete({ ...evidence, books }, again);
      }),
    );
  });
});

describe('books that are wrong', () => {
  const wrong = (harm: (evidence: Evidence, turn: number, by: bigint) => Evidence | undefined): void =>
    fc.assert(
      fc.property(life, fc.nat(), fc.bigInt(1n, 900n), (steps, turn, by) => {
        const changed = harm(live(steps).evidence, turn, by);
        fc.pre(changed !== undefined);
        const judgement = judgeBooks(changed, rules);
        expect(judgement.differences).not.toEqual([]);
        expectComplete(changed, judgement);
      }),
    );
  const pick = <T>(list: readonly T[], turn: number): T | undefined => list[turn % Math.max(1, list.length)];

  test('a ledger that has more, or less', () => {
    for (const sign of [1n, -1n]) {
      wrong((evidence, _, by) => {
        const ledgerMsat = evidence.books.ledgerMsat + sign * by * 1_000n;
        return { ...evidence, books: { ...evidence.books, ledgerMsat } };
      });
    }
  });

  test('a deposit credited in another amount than came', () => {
    wrong((evidence, turn, by) => {
      const { deposits, ledgerMsat } = evidence.books;
      const one = pick(
        deposits.filter(({ state }) => state === 'credited'),
        turn,
      );
      if (one === undefined) return undefined;
      const changed = deposits.map((other) => (other === one ? { ...one, sats: one.sats + by } : other));
      return {
        ...evidence,
        books: { ...evidence.books, deposits: changed, ledgerMsat: ledgerMsat + by * 1_000n },
      };
    });
  });

  test('an output that is gone', () => {
    wrong((evidence, turn) => {
      const one = pick(evidence.audited, turn);
      // what waits for its first booking is not missed
      if (one === undefined) return undefined;
      const { deposits, movements, payouts } = evidence.books;
      const isKnown =
        deposits.some(({ txid, state }) => txid === one.txid && state === 'credited') ||
        movements.some(({ txid }) => txid === one.txid) ||
        payouts.some(({ txid }) => txid === one.txid);
      if (!isKnown) return undefined;
      return {
        ...evidence,
        audited: evidence.audited.filter((other) => other !== one),
        outputs: evidence.outputs.map((other) =>
          other.txid === one.txid ? { ...other, fate: { is: 'spent', by: 'e'.repeat(64) } as const } : other,
        ),
      };
    });
  });

  test('a payout that took more than its batch', () => {
    wrong((evidence, turn, by) => {
      const { payouts } = evidence.books;
      const one = pick(
        payouts.filter(({ txid, state }) => !txid.startsWith('f') && state === 'open'),
        turn,
      );
      if (one === undefined) return undefined;
      const changed = payouts.map((other) => (other === one ? { ...one, outflowSats: one.outflowSats - by } : other));
      return { ...evidence, books: { ...evidence.books, payouts: changed } };
    });
  });

  test('a sweep that cost more than any fee', () => {
    const evidence: Evidence = {
      audited: [{ txid: 'b'.repeat(64), vout: 0, sats: 1_000n }],
      outputs: [
        {
          txid: 'a'.repeat(64),
          vout: 0,
          wallet: 'deposits',
          sats: 100_000n,
          fate: { is: 'spent', by: 'b'.repeat(64) },
        },
        { txid: 'b'.repeat(64), vout: 0, wallet: 'payouts', sats: 1_000n, fate: { is: 'unspent' } },
      ],
      books: {
        ledgerMsat: 100_000_000n,
        deposits: [{ txid: 'a'.repeat(64), vout: 0, sats: 100_000n, state: 'credited', clientId: 'c'.repeat(64) }],
        payouts: [],
        movements: [],
      },
      depthOf: () => 9,
    };
    expect(judgeBooks(evidence, rules)).toMatchObject({
      differences: [{ subject: 'b'.repeat(64), sats: -99_000n }],
      bookings: [],
    });
    expect(judgeBooks(evidence, { ...rules, maxSatPerKvb: 900_000n })).toMatchObject({
      differences: [],
      bookings: [{ kind: 'sweep_fee', sats: -99_000n }],
    });
  });
});
