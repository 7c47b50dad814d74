/** What oversight shows, as the contract has it. Amounts are decimal strings on the wire. */
import type { MediatorSchemas } from '@holdfast/http-api';
import type { AgreementRecord } from '../agreements/index.ts';
import type { ChallengeRecord, NodeReputation } from '../challenges/index.ts';
import type { Position, Settlement, StatementLine } from '../ledger/index.ts';
import { isOnline } from '../nodes/index.ts';
import type { Earnings, MarketFigures, StandingRecord, TransferLegs, TransferRecord } from '../overview/index.ts';
import { explainStanding, scoreOf } from '../reputation/index.ts';

type Schemas = MediatorSchemas['schemas'];

export const showStanding = (
  { node, reputation }: StandingRecord,
  nowMs: number,
  offlineAfterMs: number,
): Schemas['Standing'] => ({
  nodeId: node.nodeId,
  operator: node.operator,
  region: node.region,
  state: node.state,
  online: isOnline(node, nowMs, offlineAfterMs),
  lastSeenAtMs: node.lastSeenAtMs,
  reasons: reasonsOf(node.state, reputation),
  capacityBytes: node.capacityBytes,
  storedBytes: node.storedBytes,
  reservedBytes: node.reservedBytes,
  ...(reputation !== undefined && { reputation: showReputation(reputation) }),
});

function reasonsOf(state: StandingRecord['node']['state'], known: NodeReputation | undefined): string[] {
  const unreached = 'It was not reached at any of the addresses that it gave: open its port, or correct its addresses.';
  return [
    ...(state === 'unreached' ? [unreached] : []),
    ...(known === undefined ? [] : explainStanding(known.standing, known.reputation)),
    ...(known?.isServing === false
      ? ['It did not serve what the last retrieval check asked for: nothing is paid until one is served.']
      : []),
  ];
}

const showReputation = ({ reputation, lastPeriod, isServing }: NodeReputation) => ({
  proofs: { score: scoreOf(reputation.proofs), ...reputation.proofs },
  availability: { score: scoreOf(reputation.availability), ...reputation.availability },
  passedPeriods: reputation.passedPeriods,
  failedPeriods: reputation.failedPeriods,
  absentPeriods: reputation.absentPeriods,
  lastPeriod,
  serving: isServing,
});

/** @param isWhole false for clients: how much a node holds of others is not their business. */
export function showChallenge(record: ChallengeRecord, isWhole: boolean): Schemas['Challenge'] {
  const { hasFrame, shardsAsked, shardsLost, ...rest } = record;
  return { ...rest, ...(isWhole && { shardsAsked, shardsLost, frameKept: hasFrame }) };
}

export const showSettlement = (settlement: Settlement): Schemas['Settlement'] => ({
  period: settlement.period,
  verdict: settlement.verdict,
  ...(settlement.transferNo !== undefined && { transferNo: String(settlement.transferNo) }),
  agreementCount: settlement.agreementCount,
  dueMsat: String(settlement.dueMsat),
  commissionMsat: String(settlement.commissionMsat),
  earnedMsat: String(settlement.earnedMsat),
  withheldMsat: String(settlement.withheldMsat),
  settledAtMs: settlement.settledAtMs,
});

export const showEarnings = ({ earnedMsat, withheldMsat, releases }: Earnings): Schemas['Earnings'] => ({
  earnedMsat: String(earnedMsat),
  withheldMsat: String(withheldMsat),
  releases: releases.map(({ byMs, amountMsat }) => ({ byMs, amountMsat: String(amountMsat) })),
});

export const showEntry = (line: StatementLine): Schemas['Entry'] => ({
  transferNo: String(line.transferNo),
  madeAtMs: line.madeAtMs,
  kind: line.kind,
  account: line.account,
  amountMsat: String(line.amountMsat),
  ...(line.period !== undefined && { period: line.period }),
  ...(line.note !== undefined && { note: line.note }),
});

export const showTransfer = ({ transferNo, amountMsat, ...rest }: TransferRecord): Schemas['Transfer'] => ({
  ...rest,
  transferNo: String(transferNo),
  amountMsat: String(amountMsat),
});

export const showLegs = ({ transferNo, legs, legCount, ...rest }: TransferLegs): Schemas['TransferLegs'] => ({
  ...rest,
  transferNo: String(transferNo),
  legs: legs.map(({ amountMsat, ...leg }) => ({ ...leg, amountMsat: String(amountMsat) })),
  complete: legs.length === legCount,
});

export const showPosition = (position: Position): Schemas['Position'] =>
  Object.fromEntries(
    Object.entries(position).map(([name, amount]) => [`${name}Msat`, String(amount)]),
  ) as Schemas['Position'];

export const showAgreement = (agreement: AgreementRecord): Schemas['Agreement'] => ({
  agreementId: agreement.agreementId,
  clientId: agreement.clientId,
  vaultId: agreement.vaultId,
  nodeId: agreement.nodeId,
  mandateHash: agreement.mandateHash,
  priceSatPerTbMonth: String(agreement.priceSatPerTbMonth),
  commissionPpm: agreement.commissionPpm,
  startPeriod: agreement.startPeriod,
  endPeriod: agreement.endPeriod,
  state: agreement.state,
  ...(agreement.endedBy !== undefined && { endedBy: agreement.endedBy }),
  storedBytes: agreement.storedBytes,
  heldMsat: String(agreement.heldMsat),
  signed: agreement.isSigned,
});

export const showMarket = ({ prices, agreements, lastPeriod, ...rest }: MarketFigures): Schemas['Market'] => ({
  ...rest,
  regions: rest.regions.map((region) => ({ ...region })),
  ...(prices !== undefined && {
    prices: { lowest: String(prices.lowest), median: String(prices.median), highest: String(prices.highest) },
  }),
  agreements: { ...agreements, heldMsat: String(agreements.heldMsat) },
  ...(lastPeriod !== undefined && {
    lastPeriod: {
      period: lastPeriod.period,
      byVerdict: lastPeriod.byVerdict,
      dueMsat: String(lastPeriod.dueMsat),
      earnedMsat: String(lastPeriod.earnedMsat),
      withheldMsat: String(lastPeriod.withheldMsat),
      commissionMsat: String(lastPeriod.commissionMsat),
    },
  }),
});
