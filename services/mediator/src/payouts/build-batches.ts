/**
 * Begins batches: chosen, planned and signed, then stored together with what they move in the ledger. Only after that
 * does anybody outside see them. What fails before leaves nothing behind; what fails after is sent again from the row.
 */
import { type Coin, outpointKey } from '@holdfast/bitcoin';
import { fail, HoldfastError, toHex } from '@holdfast/protocol';
import type { Tip } from '../rail/index.ts';
import { choosePayees, type ChoiceTerms } from './choose-payees.ts';
import { findForgottenBatches } from './forgotten-batches.ts';
import { type BatchPlan, type BatchTerms, planBatch } from './plan-batch.ts';
import type { Candidate, OpenBatch, PayoutInput } from './ports.ts';
import { LIMIT_WINDOWS_MS } from './rules.ts';
import { LOOKAHEAD, type PayoutOptions } from './settings.ts';
import { checkSigned, signTransaction } from './sign-transaction.ts';

const BATCH_ID_BYTES = 16;
/** In one round; the rest comes with the next one. */
const MAX_BATCHES = 20;

/** A node that watches it for the first time looks so far back: for what it was filled up with before the first payout. */
const FILLED_BEFORE_MS = 30 * 86_400_000;

export async function watchWallet({ rail, wallet, store, clock }: PayoutOptions, changeIndex: number): Promise<number> {
  const lastIndex = changeIndex + LOOKAHEAD;
  const sinceMs = ((await store.firstBegunAtMs()) ?? clock.nowMs()) - FILLED_BEFORE_MS;
  await rail.watch('payouts', { descriptors: wallet.publicDescriptors, lastIndex, sinceMs });
  return lastIndex;
}

/** Resolves to what was begun, ready to be sent. */
export async function buildBatches(options: PayoutOptions, tip: Tip): Promise<OpenBatch[]> {
  const { store, rail, rules, clock, logger, periodMs } = options;
  const nowMs = clock.nowMs();
  const periodFromMs = nowMs - (nowMs % periodMs);
  if (await store.hasBegunBetween(periodFromMs, periodFromMs + periodMs)) return [];
  const { satPerKvb } = await rail.feeRate(rules.targetBlocks);
  if (satPerKvb > rules.maxSatPerKvb) {
    logger.warn({ satPerKvb: String(satPerKvb) }, 'the network asks for more than the ceiling: payouts wait');
    return [];
  }
  const begun: OpenBatch[] = [];
  while (begun.length < MAX_BATCHES) {
    const batch = await buildBatch(options, satPerKvb, tip);
    if (batch === undefined) break;
    begun.push(batch);
  }
  return begun;
}

async function buildBatch(options: PayoutOptions, satPerKvb: bigint, tip: Tip): Promise<OpenBatch | undefined> {
  const { store, wallet, rules, clock, randomness, logger, onStep } = options;
  const nowMs = clock.nowMs();
  const terms = await choiceTerms(options, { satPerKvb, nowMs, tip });
  const candidates = await store.candidates(nowMs);
  if (choosePayees(candidates, rules, terms).chosen.length === 0) return undefined;
  const changeIndex = await store.nextChangeIndex();
  const lastIndex = await watchWallet(options, changeIndex);
  if (await findForgottenBatches(options, changeIndex)) return undefined;
  const coins = await freeCoins(options, lastIndex);
  const changeScript = wallet.addressAt('p2wpkh', 'change', changeIndex).script;
  const { plan, missingSats } = planNext(candidates, options, terms, { coins, satPerKvb, changeScript });
  if (missingSats !== undefined) warnShort(options, candidates, missingSats);
  if (plan === undefined) return undefined;
  await onStep?.('planned');
  const { transaction, payees } = plan;
  const { txid, signed } = await signTransaction(options, transaction, lastIndex);
  checkSigned(signed, { payees, changeScript, designated: transaction.designated });
  await onStep?.('signed');
  try {
    const batch = await store.begin(
      {
        batchId: toHex(randomness.bytes(BATCH_ID_BYTES)),
        designated: transaction.designated,
        changeIndex,
        inputs: transaction.inputs.map((coin) => toInput(coin, options, lastIndex)),
        payees,
        transaction: {
          txid,
          signed,
          feeSats: transaction.feeSats,
          satPerKvb,
          signedAtMs: nowMs,
          signedAtHeight: tip.height,
        },
      },
      nowMs,
    );
    await onStep?.('stored');
    const waiting = candidates.length - payees.length;
    logger.info({ batchId: batch.batchId, txid, payees: payees.length, waiting }, 'a payout is signed');
    return batch;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'payout.outdated') throw error;
    logger.info({ detail: error.message }, 'a payout was overtaken, nothing was sent');
    return undefined;
  }
}

interface NextPlan {
  readonly plan?: Extract<BatchPlan, { outcome: 'planned' }>;
  /** The hot wallet is short of so much. */
  readonly missingSats?: bigint;
}

/** Where those who were chosen cannot be paid after all, their places and their part of the limit go to the next ones. */
function planNext(
  candidates: readonly Candidate[],
  { rules }: Pick<PayoutOptions, 'rules'>,
  terms: ChoiceTerms,
  batch: BatchTerms,
): NextPlan {
  let left = candidates;
  let missingSats: bigint | undefined;
  for (;;) {
    const { chosen, waiting } = choosePayees(left, rules, terms);
    const plan = chosen.length === 0 ? undefined : planBatch(chosen, batch);
    if (plan !== undefined && plan.outcome !== 'nobody') missingSats ??= plan.missingSats;
    const short = missingSats !== undefined && { missingSats };
    if (plan?.outcome === 'planned') return { plan, ...short };
    if (plan === undefined || !waiting.some(({ reason }) => reason === 'full' || reason === 'limit'))
      return { ...short };
    const passedOver = new Set(chosen.map(({ candidate }) => candidate));
    left = left.filter((candidate) => !passedOver.has(candidate));
  }
}

export function toInput(coin: Coin, { wallet }: Pick<PayoutOptions, 'wallet'>, lastIndex: number): PayoutInput {
  const { txid, vout, sats, script } = coin;
  const owner = wallet.ownerOf(script, lastIndex);
  if (owner === undefined) throw fail('transaction.bad-plan', { detail: `${outpointKey(coin)} is not the wallet's` });
  return { txid, vout, sats, script, address: owner.address };
}

/** Confirmed outputs of the wallet that no open batch spends. */
export async function freeCoins({ rail, store, wallet }: PayoutOptions, lastIndex: number): Promise<Coin[]> {
  const taken = new Set((await store.takenInputs()).map(outpointKey));
  const unspent = await rail.unspent('payouts');
  return unspent.filter(
    (coin) =>
      coin.confirmations > 0 && !taken.has(outpointKey(coin)) && wallet.ownerOf(coin.script, lastIndex) !== undefined,
  );
}

/** By what is chosen at this moment. */
export async function choiceTerms(
  { store, rules }: Pick<PayoutOptions, 'store' | 'rules'>,
  { satPerKvb, nowMs, tip }: { readonly satPerKvb: bigint; readonly nowMs: number; readonly tip: Tip },
): Promise<ChoiceTerms> {
  const leftSats = await leftToPay({ store, rules }, nowMs);
  const unsureClients = await store.unsureClients(tip.hash);
  return { satPerKvb, nowMs, unsureClients, ...(leftSats !== undefined && { leftSats }) };
}

/** Of the limits per hour and per day, whichever leaves less. */
async function leftToPay(
  { store, rules }: Pick<PayoutOptions, 'store' | 'rules'>,
  nowMs: number,
): Promise<bigint | undefined> {
  const limits = [
    [rules.hourlyLimitSats, LIMIT_WINDOWS_MS.hour],
    [rules.dailyLimitSats, LIMIT_WINDOWS_MS.day],
  ] as const;
  let left: bigint | undefined;
  for (const [limit, windowMs] of limits) {
    if (limit === undefined) continue;
    const rest = limit - (await store.paidSince(nowMs - windowMs));
    const notBelowZero = rest > 0n ? rest : 0n;
    if (left === undefined || notBelowZero < left) left = notBelowZero;
  }
  return left;
}

function warnShort({ logger, wallet }: PayoutOptions, candidates: readonly Candidate[], missingSats: bigint): void {
  const dueSats = candidates.reduce((sum, candidate) => sum + candidate.dueSats, 0n);
  const { address } = wallet.addressAt('p2wpkh', 'receive', 0);
  logger.warn(
    { dueSats: String(dueSats), missingSats: String(missingSats), fundAt: address },
    'the hot wallet has too little for what is due: send money to its address',
  );
}
