/** Records of the domains as the contract shows them, and back. Amounts are decimal strings on the wire. */
import type { MediatorSchemas } from '@holdfast/http-api';
import type { ClientRunway, MandateRecord } from '../agreements/index.ts';
import type { GrantedNode, PackPlaces, ShownVault } from '../custody/index.ts';
import type { ClientBalance } from '../ledger/index.ts';
import type { Quote, Terms } from '../market/index.ts';
import { freeBytes, isOnline, type NodeRecord } from '../nodes/index.ts';

type Schemas = MediatorSchemas['schemas'];

/** Up to 19 digits fit the pattern, but not all of these fit the database; above it there is no difference between prices. */
const MAX_CAP = 1_000_000_000_000_000_000n;

export function toTerms(terms: Schemas['Terms'] | undefined): Terms {
  const cap = terms?.maxPriceSatPerTbMonth === undefined ? undefined : BigInt(terms.maxPriceSatPerTbMonth);
  return {
    ...(terms?.policy !== undefined && { policy: terms.policy }),
    ...(cap !== undefined && { maxPriceSatPerTbMonth: cap < MAX_CAP ? cap : MAX_CAP }),
    regions: terms?.regions ?? [],
    avoidOperators: terms?.avoidOperators ?? [],
  };
}

const showTerms = ({ policy, maxPriceSatPerTbMonth, regions, avoidOperators }: Terms): Schemas['Terms'] => ({
  ...(policy !== undefined && { policy }),
  ...(maxPriceSatPerTbMonth !== undefined && { maxPriceSatPerTbMonth: String(maxPriceSatPerTbMonth) }),
  ...(regions.length > 0 && { regions: [...regions] }),
  ...(avoidOperators.length > 0 && { avoidOperators: [...avoidOperators] }),
});

export const showNode = (node: NodeRecord, nowMs: number, offlineAfterMs: number): Schemas['Node'] => ({
  nodeId: node.nodeId,
  operator: node.operator,
  region: node.region,
  addresses: [...node.addresses],
  priceSatPerTbMonth: String(node.priceSatPerTbMonth),
  egressSatPerTb: String(node.egressSatPerTb),
  capacityBytes: node.capacityBytes,
  freeBytes: freeBytes(node),
  state: node.state,
  online: isOnline(node, nowMs, offlineAfterMs),
  lastSeenAtMs: node.lastSeenAtMs,
});

export const showQuote = (quote: Quote, commissionPpm: number): Schemas['Quote'] => ({
  policy: quote.policy,
  bytes: quote.bytes,
  storedBytes: quote.storedBytes,
  monthlyCostMsat: String(quote.monthlyCostMsat),
  commissionPpm,
  restoreCostMsat: String(quote.restoreCostMsat),
  spareNodes: quote.spareNodes,
  ...(quote.warning !== undefined && { warning: quote.warning }),
  chosen: quote.chosen.map(({ nodeId, operator, region, priceSatPerTbMonth }) => ({
    nodeId,
    operator,
    region,
    priceSatPerTbMonth: String(priceSatPerTbMonth),
  })),
  refused: quote.refused.map(({ offer, reason, sentence }) => ({
    nodeId: offer.nodeId,
    operator: offer.operator,
    reason,
    sentence,
  })),
});

export const showMandate = (mandate: MandateRecord, nowMs: number): Schemas['Mandate'] => ({
  mandate: mandate.token,
  sequence: mandate.sequence,
  maxPriceSatPerTbMonth: String(mandate.maxPriceSatPerTbMonth),
  regions: [...mandate.regions],
  avoidOperators: [...mandate.avoidOperators],
  monthlyLimitMsat: String(mandate.monthlyLimitMsat),
  expiresAtMs: mandate.expiresAtMs,
  inForce: mandate.expiresAtMs > nowMs,
});

export const showAccount = (
  { clientId, daysLeft, warningDays, missingMsat }: ClientRunway,
  { availableMsat, heldMsat, reservedMsat }: ClientBalance,
): Schemas['Account'] => ({
  clientId,
  availableMsat: String(availableMsat),
  heldMsat: String(heldMsat),
  reservedMsat: String(reservedMsat),
  ...(daysLeft !== undefined && { runwayDays: daysLeft }),
  ...(warningDays !== undefined && { warningDays: warningDays as 14 | 7 | 1 }),
  missingMsat: String(missingMsat),
});

export const showVault = (vault: ShownVault, mandate: MandateRecord | undefined, nowMs: number): Schemas['Vault'] => ({
  vaultId: vault.vaultId,
  policy: vault.policy,
  terms: showTerms(vault.terms),
  ...(vault.warning !== undefined && { warning: vault.warning }),
  createdAtMs: vault.createdAtMs,
  packCount: vault.packCount,
  storedBytes: vault.storedBytes,
  ...(vault.headSequence !== undefined && { headSequence: vault.headSequence }),
  ...(mandate !== undefined && { mandate: showMandate(mandate, nowMs) }),
});

export const showGrantedNode = ({ node, grant, isOnline: online }: GrantedNode): Schemas['GrantedNode'] => ({
  nodeId: node.nodeId,
  operator: node.operator,
  addresses: [...node.addresses],
  grant,
  online,
  priceSatPerTbMonth: String(node.priceSatPerTbMonth),
});

export const showPlaces = ({ packId, policy, shardLengthBytes, shards }: PackPlaces): Schemas['PackLocation'] => ({
  packId,
  ...policy,
  shardLengthBytes,
  shards: shards.map(({ nodeId, root, isLost }) => ({ nodeId, root, lost: isLost })),
});
