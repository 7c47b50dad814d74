/**
 * Compares the chain with the books, transaction by transaction, to the satoshi. Everything that a transaction did to the
 * wallets is either booked, or known to be booked later (pending), or the operator's own doing (a booking to be made), or
 * a difference. Pure.
 */
import { outpointKey } from '@holdfast/bitcoin';
import type { Outpoint, WalletName } from '../rail/index.ts';
import type { Booking, Books, Line, WalletOutput } from './ports.ts';

/** What became of an output: unspent in the chain, spent by a transaction in the chain, or not in the chain (any more). */
export type Fate =
  | { readonly is: 'unspent' }
  | { readonly is: 'spent'; readonly by: string }
  | { readonly is: 'absent' };

export interface Evidence {
  /** The unspent outputs under our descriptors, as the chain itself has them. */
  readonly audited: readonly (Outpoint & { readonly sats: bigint })[];
  /** Every output that our wallets were seen to have, with its fate. */
  readonly outputs: readonly (WalletOutput & { readonly fate: Fate })[];
  readonly books: Books;
  /** How deep a transaction is: 0 in the mempool, undefined when it is nowhere. */
  readonly depthOf: (txid: string) => number | undefined;
}

export interface JudgeRules {
  /** The operator's own transactions are booked when they are so deep. */
  readonly deepConfirmations: number;
  /** A sweep that costs more than at this rate was no sweep. */
  readonly maxSatPerKvb: bigint;
}

export interface Judgement {
  readonly pending: readonly Line[];
  readonly differences: readonly Line[];
  /** To be made; what they explain is pending until they are. */
  readonly bookings: readonly Booking[];
}

/** What one transaction did to the wallets, and what the books say about it. */
export interface Account {
  createdSats: bigint;
  spentSats: bigint;
  /** Outputs to, and inputs from, each wallet. */
  readonly created: Record<WalletName, number>;
  readonly spent: Record<WalletName, number>;
  bookedSats: bigint;
  isPayout: boolean;
  returnedSats: bigint;
  readonly pending: Line[];
}

export function judgeBooks(evidence: Evidence, rules: JudgeRules): Judgement {
  const accounts = accountByTransaction(evidence);
  const judged: { pending: Line[]; differences: Line[]; bookings: Booking[] } = {
    pending: [],
    differences: [...unknownOutputs(evidence)],
    bookings: [],
  };
  let bookedSats = 0n;
  for (const [txid, account] of accounts) {
    bookedSats += account.bookedSats;
    judged.pending.push(...account.pending);
    const rest = account.createdSats - account.spentSats - account.bookedSats - sumOf(account.pending);
    if (rest !== 0n) judgeRest(txid, account, rest, evidence.depthOf(txid), rules, judged);
  }
  const { ledgerMsat } = evidence.books;
  const strayMsat = bookedSats * 1000n - ledgerMsat;
  if (strayMsat !== 0n) {
    const what = `the ledger says ${ledgerMsat} msat, its deposits, payouts and movements come to ${bookedSats * 1000n} msat`;
    // Also a part of a satoshi is a difference.
    const sats = strayMsat / 1000n === 0n ? (strayMsat > 0n ? 1n : -1n) : strayMsat / 1000n;
    judged.differences.push({ subject: 'ledger', what, sats });
  }
  return judged;
}

/** Transactions that something is to be explained of: how deep they are matters. */
export function openTransactions(evidence: Omit<Evidence, 'depthOf'>): string[] {
  return [...accountByTransaction(evidence)]
    .filter(([, one]) => one.createdSats - one.spentSats !== one.bookedSats + sumOf(one.pending))
    .map(([txid]) => txid);
}

const sumOf = (lines: readonly Line[]): bigint => lines.reduce((sum, { sats }) => sum + sats, 0n);

function accountByTransaction({ outputs, books }: Omit<Evidence, 'depthOf'>): Map<string, Account> {
  const accounts = new Map<string, Account>();
  const of = (txid: string): Account => {
    let account = accounts.get(txid);
    if (account === undefined) {
      account = {
        createdSats: 0n,
        spentSats: 0n,
        created: { deposits: 0, payouts: 0 },
        spent: { deposits: 0, payouts: 0 },
        bookedSats: 0n,
        isPayout: false,
        returnedSats: 0n,
        pending: [],
      };
      accounts.set(txid, account);
    }
    return account;
  };
  const inChain = new Set<string>();
  for (const { txid, vout, wallet, sats, fate } of outputs) {
    if (fate.is === 'absent') continue;
    inChain.add(outpointKey({ txid, vout }));
    of(txid).createdSats += sats;
    of(txid).created[wallet] += 1;
    if (fate.is !== 'spent') continue;
    of(fate.by).spentSats += sats;
    of(fate.by).spent[wallet] += 1;
  }
  bookDeposits(books, inChain, of);
  bookPayouts(books, of);
  for (const { txid, sats } of books.movements) of(txid).bookedSats += sats;
  return accounts;
}

function bookDeposits({ deposits }: Books, inChain: ReadonlySet<string>, of: (txid: string) => Account): void {
  for (const { txid, vout, sats, state, clientId } of deposits) {
    if (state === 'credited') of(txid).bookedSats += sats;
    else if (inChain.has(outpointKey({ txid, vout }))) {
      const what = clientId === undefined ? 'came to an address that nobody was given' : 'a deposit not yet credited';
      of(txid).pending.push({ subject: outpointKey({ txid, vout }), what, sats });
    }
  }
}

function bookPayouts({ payouts }: Books, of: (txid: string) => Account): void {
  for (const { txid, outflowSats, state, unbookedSats, returnedSats = 0n } of payouts) {
    const account = of(txid);
    account.isPayout = true;
    account.returnedSats = returnedSats;
    if (state === 'final') {
      account.bookedSats -= outflowSats - unbookedSats;
      if (unbookedSats !== 0n) {
        account.pending.push({
          subject: txid,
          what: 'a fee that the commission does not cover yet',
          sats: -unbookedSats,
        });
      }
    } else if (state === 'open' && account.spentSats > 0n) {
      account.pending.push({ subject: txid, what: 'a payout that is not final', sats: -outflowSats });
    }
  }
}

/** The chain has it, no wallet of ours was ever seen to: a wallet looks at less than the audit. */
function unknownOutputs({ audited, outputs }: Evidence): Line[] {
  const known = new Set(outputs.map(outpointKey));
  return audited
    .filter((output) => !known.has(outpointKey(output)))
    .map((output) => ({ subject: outpointKey(output), what: 'an output that no wallet has seen', sats: output.sats }));
}

/** What is left of a transaction when everything that the books know of it is taken away. */
function judgeRest(
  txid: string,
  account: Account,
  sats: bigint,
  depth: number | undefined,
  rules: JudgeRules,
  judged: { pending: Line[]; differences: Line[]; bookings: Booking[] },
): void {
  const kind = explain(account, sats, rules);
  const isDeep = depth !== undefined && depth >= rules.deepConfirmations;
  if (depth === 0 && account.createdSats + account.spentSats === 0n) {
    judged.pending.push({ subject: txid, what: 'booked, and in the mempool again after a reorganisation', sats });
  } else if (kind !== undefined) {
    judged.pending.push({ subject: txid, what: WHAT[kind], sats });
    if (isDeep) judged.bookings.push({ txid, kind, sats });
  } else if (sats > 0n && account.created.deposits > 0 && account.spentSats === 0n && !isDeep) {
    judged.pending.push({ subject: txid, what: 'came in just now', sats });
  } else {
    judged.differences.push({ subject: txid, what: accuse(account, sats), sats });
  }
}

const WHAT = {
  funding: 'the operator put it into the wallets',
  sweep_fee: 'what it cost the operator to move deposits to the hot wallet',
} as const;

/** The operator's own doing, when that explains it. */
function explain(account: Account, sats: bigint, rules: JudgeRules): keyof typeof WHAT | undefined {
  // Anybody may be paid at an address of ours that the chain shows: a gift, and nothing that should stop payouts.
  if (account.isPayout) return sats > 0n && sats === account.returnedSats ? 'funding' : undefined;
  if (account.spent.payouts > 0 || account.created.payouts === 0) return undefined;
  if (sats > 0n) return 'funding';
  if (account.spent.deposits === 0) return undefined;
  const outputs = account.created.deposits + account.created.payouts;
  const vsize = BigInt(TX_VBYTES + INPUT_VBYTES * account.spent.deposits + OUTPUT_VBYTES * outputs);
  return -sats * 1000n <= vsize * rules.maxSatPerKvb ? 'sweep_fee' : undefined;
}

/** Rounded up, of witness-key inputs and the largest standard outputs. */
const TX_VBYTES = 11;
const INPUT_VBYTES = 69;
const OUTPUT_VBYTES = 43;

function accuse(account: Account, sats: bigint): string {
  const moved = account.createdSats - account.spentSats;
  if (sats > 0n) {
    return account.isPayout && account.spentSats === 0n
      ? 'the ledger has it paid out; the chain does not have the transaction'
      : 'more than the books know of came in';
  }
  if (moved >= 0n) return 'the books have more credited than the chain has';
  return account.isPayout ? 'a payout took more than its batch' : 'it left the wallets, and no payout explains it';
}
