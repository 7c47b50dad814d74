/** Who of those with money due is paid now, and why the others wait. Decides, does nothing. */
import { dustSats, outputWeight } from '@holdfast/bitcoin';
import type { Candidate } from './ports.ts';
import { LIMIT_WINDOWS_MS, type PayoutRules } from './rules.ts';

export type WaitReason =
  /** Not worth its fee yet, and not old enough. */
  | 'small'
  /** An admin has to allow it. */
  | 'approval'
  /** Enough was paid in this hour or day. */
  | 'limit'
  /** Next batch: this one is full. */
  | 'full'
  /** The share of the fee is too much of it. */
  | 'fee'
  /** A reorganisation may take away what the client paid in. */
  | 'deposit';

export interface Chosen {
  readonly candidate: Candidate;
  readonly grossSats: bigint;
  /** It is paid for its age, not for its size: more than this share of the fee, and it waits on. */
  readonly maxShareSats?: bigint;
}

export interface Choice {
  readonly chosen: readonly Chosen[];
  readonly waiting: readonly { readonly candidate: Candidate; readonly reason: WaitReason }[];
}

export interface ChoiceTerms {
  readonly satPerKvb: bigint;
  readonly nowMs: number;
  /** What may still be paid in this hour and day. Undefined: any amount. */
  readonly leftSats?: bigint;
  /** Clients whose credited deposits the chain does not confirm as it should, as far as is known. */
  readonly unsureClients?: ReadonlySet<string>;
}

const PPM = 1_000_000n;
const VBYTES_PER_KVB = 1_000n;
const UNITS_PER_VBYTE = 4n;

/** Candidates come in the order in which they are served when not all can be. */
export function choosePayees(
  candidates: readonly Candidate[],
  rules: PayoutRules,
  { satPerKvb, nowMs, leftSats, unsureClients }: ChoiceTerms,
): Choice {
  const chosen: Chosen[] = [];
  const waiting: { candidate: Candidate; reason: WaitReason }[] = [];
  let left = leftSats;
  /** By client: chosen without an admin’s word. */
  const unasked = new Map<string, bigint>();
  for (const candidate of candidates) {
    const { owner } = candidate;
    const chosenSats = owner.kind === 'withdrawal' ? unasked.get(owner.clientId) : undefined;
    const isUnsure = owner.kind === 'withdrawal' && unsureClients?.has(owner.clientId) === true;
    const decided = isUnsure ? 'deposit' : decide(candidate, rules, { satPerKvb, nowMs }, left, chosenSats);
    if (decided === 'limit' && keepsItsTurn(candidate, rules, nowMs)) left = 0n;
    if (typeof decided === 'string') waiting.push({ candidate, reason: decided });
    // It would never be paid, and would keep a place and a part of the limit from somebody who can be.
    else if (!canArrive(decided, satPerKvb)) waiting.push({ candidate, reason: 'fee' });
    else if (chosen.length >= rules.maxPayees) waiting.push({ candidate, reason: 'full' });
    else {
      chosen.push(decided);
      if (left !== undefined) left -= decided.grossSats;
      if (owner.kind === 'withdrawal' && candidate.approvedSats === undefined)
        unasked.set(owner.clientId, (chosenSats ?? 0n) + decided.grossSats);
    }
  }
  return { chosen, waiting };
}

/**
 * What others are paid again and again would keep a large withdrawal from ever fitting into a limit. After a day nobody
 * behind it is paid until it is; one that never fits, because the limit was lowered meanwhile, keeps nobody waiting.
 */
function keepsItsTurn(
  { owner, dueSats, sinceMs }: Candidate,
  { hourlyLimitSats = dueSats, dailyLimitSats = dueSats }: PayoutRules,
  nowMs: number,
): boolean {
  const fits = dueSats <= hourlyLimitSats && dueSats <= dailyLimitSats;
  return owner.kind === 'withdrawal' && fits && nowMs - sinceMs >= LIMIT_WINDOWS_MS.day;
}

/** Whether anything is left of it when it bears no more than its own output: the least that its share can be. */
function canArrive({ candidate: { script }, grossSats, maxShareSats }: Chosen, satPerKvb: bigint): boolean {
  const leastShareSats = (BigInt(outputWeight(script.length / 2)) * satPerKvb) / (UNITS_PER_VBYTE * VBYTES_PER_KVB);
  return (
    grossSats - leastShareSats >= dustSats(script) && (maxShareSats === undefined || leastShareSats <= maxShareSats)
  );
}

function decide(
  candidate: Candidate,
  rules: PayoutRules,
  { satPerKvb, nowMs }: Pick<ChoiceTerms, 'satPerKvb' | 'nowMs'>,
  left: bigint | undefined,
  chosenSats: bigint | undefined,
): Chosen | WaitReason {
  const isNode = candidate.owner.kind === 'node';
  const allowed = allowedSats(candidate, rules, chosenSats);
  if (allowed === undefined) return 'approval';
  // A node can be paid in parts; a withdrawal is paid as it was asked for.
  const grossSats = isNode && left !== undefined && left < allowed ? left : allowed;
  if (left !== undefined && grossSats > left) return 'limit';
  if (!isNode) return { candidate, grossSats };
  if (grossSats * VBYTES_PER_KVB >= rules.worthFeeRates * satPerKvb && grossSats > 0n) return { candidate, grossSats };
  if (grossSats < allowed) return 'limit';
  if (nowMs - candidate.sinceMs < rules.oldAfterMs) return 'small';
  return { candidate, grossSats, maxShareSats: (grossSats * rules.oldMaxSharePpm) / PPM };
}

/** Undefined: an admin has to be asked. */
function allowedSats(
  { dueSats, approvedSats, unaskedSats = 0n, owner }: Candidate,
  { approvalSats }: PayoutRules,
  chosenSats = 0n,
): bigint | undefined {
  // A client that asks for little, but often, asks for all of it: else many small withdrawals would go around the admin.
  if (approvalSats === undefined || dueSats + unaskedSats + chosenSats <= approvalSats) return dueSats;
  if (approvedSats === undefined) return undefined;
  if (dueSats <= approvedSats) return dueSats;
  // What a node earned since it was approved comes with the next one.
  return owner.kind === 'node' ? approvedSats : undefined;
}
