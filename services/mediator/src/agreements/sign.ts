/** The parties' signatures on agreements: the node's on what it is paid for, either's on an early end. */
import type { Clock } from '@holdfast/platform';
import { agreement, amendment, fail, openMessage, type SigningContext, termination } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import type { MoneyRules } from '../ledger/index.ts';
import { explainEnding } from './explain-ending.ts';
import type { AgreementRecord, AgreementStore } from './ports.ts';

export interface AgreementsOptions {
  readonly agreements: AgreementStore;
  readonly rules: MoneyRules;
  readonly context: SigningContext;
  readonly clock: Clock;
}

/** What the node signs for an agreement, but for the time of signing. */
export const agreementTerms = (record: AgreementRecord, { periodMs }: MoneyRules) => ({
  agreementId: record.agreementId,
  clientId: record.clientId,
  vaultId: record.vaultId,
  nodeId: record.nodeId,
  mandateHash: record.mandateHash,
  priceSatPerTbMonth: record.priceSatPerTbMonth,
  commissionPpm: record.commissionPpm,
  periodMs,
  startsAtMs: record.startPeriod * periodMs,
});

/** Takes the node's signature. @throws HoldfastError `message.*`, `agreement.unknown`, `agreement.mismatch` */
export async function signAgreement(options: AgreementsOptions, nodeId: string, token: string): Promise<void> {
  const { signedAtMs, endsAtMs, ...signed } = openMessage(agreement, options.context, token);
  checkClock(signedAtMs, options.clock.nowMs());
  const record = await findOwn(options, signed.agreementId, (found) => found.nodeId === nodeId);
  const terms = agreementTerms(record, options.rules);
  const differs = (Object.keys(terms) as (keyof typeof terms)[]).find((field) => terms[field] !== signed[field]);
  if (differs !== undefined) throw mismatch('agreement', signed.agreementId, differs);
  // One that was ended early was signed for its whole term.
  const fullTerm = (record.startPeriod + options.rules.termPeriods) * options.rules.periodMs;
  if (endsAtMs !== fullTerm) throw mismatch('agreement', signed.agreementId, 'endsAtMs');
  await options.agreements.sign(signed.agreementId, token);
}

/** @throws HoldfastError `message.*`, `agreement.unknown`, `agreement.mismatch` when the bytes are others by now */
export async function signAmendment(options: AgreementsOptions, nodeId: string, token: string): Promise<void> {
  const signed = openMessage(amendment, options.context, token);
  checkClock(signed.signedAtMs, options.clock.nowMs());
  const { agreementId, storedBytes, effectiveAtMs } = signed;
  await findOwn(options, agreementId, (found) => found.nodeId === nodeId && signed.nodeId === nodeId);
  const fromPeriod = effectiveAtMs / options.rules.periodMs;
  if (!Number.isInteger(fromPeriod)) throw mismatch('amendment', agreementId, 'effectiveAtMs');
  const isTaken = await options.agreements.signSpan({ agreementId, fromPeriod, storedBytes }, token);
  if (!isTaken) throw mismatch('amendment', agreementId, 'storedBytes');
}

/** What it would mean to the party to end it now. @throws HoldfastError `agreement.unknown`, `agreement.ended` */
export async function foretellEnd(
  { agreements, rules, clock }: Omit<AgreementsOptions, 'context'>,
  { party, role }: { readonly party: string; readonly role: 'client' | 'node' },
  agreementId: string,
) {
  const found = await findOwn({ agreements }, agreementId, (one) => partyOf(one, role) === party);
  const ending = await agreements.foretellEnd(agreementId, clock.nowMs());
  const { fromPeriod, storedBytes, releasedMsat } = ending;
  const sentence = explainEnding(found, ending, role);
  return { agreementId, effectiveAtMs: fromPeriod * rules.periodMs, storedBytes, releasedMsat, sentence };
}

const partyOf = ({ clientId, nodeId }: AgreementRecord, role: 'client' | 'node'): string =>
  role === 'client' ? clientId : nodeId;

/** Ends an agreement at the word of its client or its node. @throws HoldfastError `message.*`, `agreement.unknown`, `agreement.ended` */
export async function endAgreement(
  options: AgreementsOptions,
  party: string,
  { agreementId, token }: { readonly agreementId: string; readonly token: string },
): Promise<void> {
  const signed = openMessage(termination, options.context, token);
  const nowMs = options.clock.nowMs();
  checkClock(signed.signedAtMs, nowMs);
  const { role } = signed;
  if (signed.agreementId !== agreementId) throw mismatch('termination', agreementId, 'agreementId');
  await findOwn(options, agreementId, (found) => signed.party === party && partyOf(found, role) === party);
  await options.agreements.terminate(agreementId, role, token, nowMs);
}

async function findOwn(
  { agreements }: Pick<AgreementsOptions, 'agreements'>,
  agreementId: string,
  isOwn: (found: AgreementRecord) => boolean,
): Promise<AgreementRecord> {
  const found = await agreements.find(agreementId);
  if (found === undefined || !isOwn(found)) throw fail('agreement.unknown', { agreementId });
  return found;
}

const mismatch = (type: string, agreementId: string, field: string) =>
  fail('agreement.mismatch', { type, agreementId, field });
