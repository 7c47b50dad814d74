/** Signs what the mediator says the node agreed to, when it is what the node offers and holds; the rest stays unsigned. */
import type { Clock, Logger } from '@holdfast/platform';
import {
  agreement,
  type AgreementToSign,
  amendment,
  type AmendmentToSign,
  type SigningContext,
  type SigningKey,
  signMessage,
  type SignRequest,
} from '@holdfast/protocol';
import { lowestPrice, type PriceRecords } from './prices.ts';

export interface SignOptions {
  readonly nodeId: string;
  readonly signing: SigningContext;
  readonly key: SigningKey;
  readonly offer: { readonly priceSatPerTbMonth: bigint };
  readonly records: Pick<PriceRecords, 'prices'> & { bytesOfClient(clientId: string): number };
  readonly clock: Clock;
  readonly logger: Logger;
  /** What was objected to already: said once, though the mediator asks again. */
  readonly objected: Set<string>;
}

export interface Signature {
  readonly what: 'agreement' | 'amendment';
  readonly token: string;
}

const MAX_OBJECTED = 1000;

/** Why the node does not sign it; undefined when it does. Pure. */
function objectionTo(terms: AgreementToSign, lowest: bigint, periodMs: number): string | undefined {
  if (terms.priceSatPerTbMonth < lowest) return 'its price is below the offer, and below the one when it was made';
  if (terms.periodMs !== periodMs) return 'its period is not the mediator’s';
  if (periodMs === 0 || terms.startsAtMs % periodMs !== 0) return 'it does not start with a period';
  if (terms.endsAtMs <= terms.startsAtMs) return 'it ends before it starts';
  return undefined;
}

/** In the same way, for the bytes that the node is paid for. */
const objectionToBytes = (terms: AmendmentToSign, heldBytes: number): string | undefined =>
  terms.storedBytes > heldBytes ? `it speaks of more than the ${heldBytes} bytes of that client here` : undefined;

/** The signatures on all that there is no objection to. */
export function signRequested(options: SignOptions, request: SignRequest, periodMs: number): Signature[] {
  const { nodeId, signing, key, logger, clock, objected } = options;
  const signedAtMs = clock.nowMs();
  const signatures: Signature[] = [];
  const prices = options.records.prices();
  const objects = (agreementId: string, objection: string | undefined): boolean => {
    if (objection === undefined) return false;
    const said = `${agreementId} ${objection}`;
    if (!objected.has(said)) logger.warn({ agreementId, objection }, 'an agreement was not signed');
    if (objected.size >= MAX_OBJECTED) objected.clear();
    objected.add(said);
    return true;
  };
  for (const terms of request.agreements) {
    const times = { startsAtMs: terms.startsAtMs, periodMs, nowMs: signedAtMs };
    const lowest = lowestPrice(options.offer.priceSatPerTbMonth, prices, times);
    if (objects(terms.agreementId, objectionTo(terms, lowest, periodMs))) continue;
    signatures.push({
      what: 'agreement',
      token: signMessage(agreement, signing, { ...terms, nodeId, signedAtMs }, key),
    });
  }
  const held = new Map<string, number>();
  for (const terms of request.amendments) {
    const { clientId, ...body } = terms;
    const heldBytes = held.get(clientId) ?? options.records.bytesOfClient(clientId);
    held.set(clientId, heldBytes);
    if (objects(terms.agreementId, objectionToBytes(terms, heldBytes))) continue;
    signatures.push({
      what: 'amendment',
      token: signMessage(amendment, signing, { ...body, nodeId, signedAtMs }, key),
    });
  }
  return signatures;
}
