/** What a party makes of the mediator's answer about what it is owed: proven by the signed root, or refused. Pure. */
import { fail } from '../errors.ts';
import { openMessage, type SigningContext } from '../message.ts';
import { liabilitiesRoot } from '../messages/liabilities.ts';
import { type Msat, msat } from '../units.ts';
import type { CreditorKind } from './sum-tree.ts';
import { verifyLiability } from './verify-liability.ts';

/** As `GET /v1/liabilities/mine` answers; amounts are decimal texts. */
export interface OwnLiability {
  readonly liabilities: { readonly token: string };
  /** Absent where nothing is owed. */
  readonly proof?: {
    readonly salt: string;
    readonly amountMsat: string;
    readonly freeMsat: string;
    readonly boundMsat: string;
    readonly inFlightMsat: string;
    readonly leafIndex: number;
    readonly siblings: readonly { readonly hash: string; readonly sumMsat: string }[];
  };
}

export interface ExaminedLiability {
  readonly sequence: number;
  readonly madeAtMs: number;
  /** The statement up to this transfer is what the amount is compared with. */
  readonly throughTransferNo: bigint;
  readonly totalMsat: Msat;
  readonly leafCount: number;
  /** What the mediator says that the chain held. */
  readonly assets?: { readonly sats: bigint; readonly tipHeight: number };
  /** Proven. */
  readonly amountMsat: Msat;
  /** The parts of it: the mediator's word, to be compared with the statement. */
  readonly freeMsat: Msat;
  readonly boundMsat: Msat;
  readonly inFlightMsat: Msat;
}

/**
 * @throws HoldfastError `message.malformed`, `message.wrong-context`, `message.bad-signature` for a root that the mediator
 * did not sign; `liabilities.not-proven` for a proof that does not lead there
 */
export function examineLiability(
  context: SigningContext,
  creditor: { readonly kind: CreditorKind; readonly ownerId: string },
  { liabilities, proof }: OwnLiability,
): ExaminedLiability {
  const signed = openMessage(liabilitiesRoot, context, liabilities.token);
  const [assets] = signed.assets;
  const about = {
    sequence: signed.sequence,
    madeAtMs: signed.madeAtMs,
    throughTransferNo: BigInt(signed.throughTransferNo),
    totalMsat: msat(signed.totalMsat),
    leafCount: signed.leafCount,
    ...(assets !== undefined && { assets: { sats: assets.sats, tipHeight: assets.tipHeight } }),
  };
  const nothing = msat(0n);
  if (proof === undefined) {
    return { ...about, amountMsat: nothing, freeMsat: nothing, boundMsat: nothing, inFlightMsat: nothing };
  }
  const parts = {
    amountMsat: amountOf(proof.amountMsat),
    freeMsat: amountOf(proof.freeMsat),
    boundMsat: amountOf(proof.boundMsat),
    inFlightMsat: amountOf(proof.inFlightMsat),
  };
  if (parts.freeMsat + parts.boundMsat + parts.inFlightMsat !== parts.amountMsat) {
    throw fail('liabilities.not-proven', { detail: 'its parts do not add up to the amount' });
  }
  const siblings = proof.siblings.map(({ hash, sumMsat }) => ({ hash, sumMsat: amountOf(sumMsat) }));
  const liability = { ...creditor, amountMsat: parts.amountMsat, salt: proof.salt };
  verifyLiability(signed, liability, { leafIndex: proof.leafIndex, siblings });
  return { ...about, ...parts };
}

function amountOf(text: string): Msat {
  if (!/^[0-9]{1,19}$/.test(text)) throw fail('liabilities.not-proven', { detail: `"${text}" is no amount` });
  return msat(BigInt(text));
}

/** An entry of a statement, as the API shows it. */
export interface StatedEntry {
  readonly transferNo: string;
  readonly kind: string;
  readonly account: string;
  readonly amountMsat: string;
}

/**
 * What a statement says that a balance was at the root's cut: what it is now, less all that came after.
 * @throws HoldfastError `liabilities.wrong-amount` when the mediator published something else
 */
export function checkAgainstStatement(
  publishedMsat: bigint,
  nowMsat: bigint,
  entriesSince: readonly StatedEntry[],
): void {
  const statedMsat = entriesSince.reduce((rest, { amountMsat }) => rest - BigInt(amountMsat), nowMsat);
  if (statedMsat !== publishedMsat) throw fail('liabilities.wrong-amount', { publishedMsat, statedMsat });
}

/** Ways between what is available to a client and what is bound for it. */
const BINDING = new Set(['reserve', 'unreserve', 'hold', 'release_hold', 'void']);

/**
 * The least that must have been bound for a client at the cut: what is bound now, less what was bound since. Nodes were
 * paid of it meanwhile, so it was that or more.
 * @throws HoldfastError `liabilities.wrong-amount` when the mediator published less
 */
export function checkBound(publishedMsat: bigint, nowMsat: bigint, entriesSince: readonly StatedEntry[]): void {
  const statedMsat = entriesSince
    .filter(({ kind }) => BINDING.has(kind))
    .reduce((least, { amountMsat }) => least + BigInt(amountMsat), nowMsat);
  if (publishedMsat < statedMsat) throw fail('liabilities.wrong-amount', { publishedMsat, statedMsat });
}
