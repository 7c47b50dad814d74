/** Mandates of clients and agreements with nodes. */
export { allowsNode, checkOffers, inForce, type MandatesOptions, putMandate } from './mandates.ts';
export * from './plan-renewals.ts';
export * from './ports.ts';
export {
  agreementTerms,
  type AgreementsOptions,
  endAgreement,
  foretellEnd,
  signAgreement,
  signAmendment,
} from './sign.ts';
export * from './spans.ts';
export * from './state.ts';
