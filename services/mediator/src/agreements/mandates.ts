/** A client's standing order for a vault: taken, and asked before money is spent. */
import type { Clock } from '@holdfast/platform';
import { fail, mandate, messageHash, openMessage, type SigningContext } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import type { VaultName, VaultStore } from '../custody/index.ts';
import type { MandateRecord, MandateStore } from './ports.ts';

export interface MandatesOptions {
  readonly vaults: VaultStore;
  readonly mandates: MandateStore;
  readonly context: SigningContext;
  readonly clock: Clock;
}

/** More than this a ledger cannot hold, so a higher limit means the same. */
const MAX_LIMIT_MSAT = 9_000_000_000_000_000_000n;

/**
 * Takes a signed mandate. The newest one again changes nothing.
 * @throws HoldfastError `message.*`, `vault.unknown`, `auth.not-yours`, `mandate.wrong-policy`, `mandate.outdated`
 */
export async function putMandate(options: MandatesOptions, name: VaultName, token: string): Promise<MandateRecord> {
  const signed = openMessage(mandate, options.context, token);
  if (signed.clientId !== name.clientId || signed.vaultId !== name.vaultId)
    throw fail('auth.not-yours', { what: 'vault' });
  const nowMs = options.clock.nowMs();
  checkClock(signed.signedAtMs, nowMs);
  const vault = await options.vaults.find(name);
  if (vault === undefined) throw fail('vault.unknown', { vaultId: name.vaultId });
  const { dataShards, parityShards } = signed;
  if (dataShards !== vault.policy.dataShards || parityShards !== vault.policy.parityShards) {
    throw fail('mandate.wrong-policy', { dataShards, parityShards });
  }
  const record: MandateRecord = {
    ...name,
    sequence: signed.sequence,
    mandateHash: messageHash(token),
    token,
    maxPriceSatPerTbMonth: atMost(signed.maxPriceSatPerTbMonth, MAX_LIMIT_MSAT),
    regions: signed.regions,
    avoidOperators: signed.avoidOperators,
    monthlyLimitMsat: atMost(signed.monthlyLimitMsat, MAX_LIMIT_MSAT),
    expiresAtMs: signed.expiresAtMs,
  };
  const current = await options.mandates.put(record, nowMs);
  if (current !== signed.sequence) throw fail('mandate.outdated', { current, given: signed.sequence });
  const kept = await options.mandates.find(name);
  // Another mandate under the same number: the first one counts.
  if (kept?.sequence === signed.sequence && kept.mandateHash !== record.mandateHash) {
    throw fail('mandate.outdated', { current, given: signed.sequence });
  }
  return record;
}

const atMost = (value: bigint, limit: bigint): bigint => (value < limit ? value : limit);

/** @throws HoldfastError `mandate.missing`, `mandate.expired` */
export function inForce<M extends Pick<MandateRecord, 'expiresAtMs'>>(
  found: M | undefined,
  vaultId: string,
  nowMs: number,
): M {
  if (found === undefined) throw fail('mandate.missing', { vaultId });
  if (found.expiresAtMs <= nowMs) throw fail('mandate.expired', { vaultId });
  return found;
}

/** Where a node is and who runs it. */
export interface NodeTraits {
  readonly nodeId: string;
  readonly region: string;
  readonly operator: string;
}

/** Whether the mandate lets this node hold shards. */
export const allowsNode = (
  { regions, avoidOperators }: Pick<MandateRecord, 'regions' | 'avoidOperators'>,
  { region, operator }: Pick<NodeTraits, 'region' | 'operator'>,
): boolean => (regions.length === 0 || regions.includes(region)) && !avoidOperators.includes(operator);

/** @throws HoldfastError `mandate.price`, `mandate.node` for an offer that the mandate does not allow. */
export function checkOffers(
  mandate: Pick<MandateRecord, 'maxPriceSatPerTbMonth' | 'regions' | 'avoidOperators'>,
  offers: readonly (NodeTraits & { priceSatPerTbMonth: bigint })[],
): void {
  const cap = mandate.maxPriceSatPerTbMonth;
  for (const { nodeId, priceSatPerTbMonth: price, ...traits } of offers) {
    if (price > cap) throw fail('mandate.price', { nodeId, price, cap });
    if (!allowsNode(mandate, traits)) throw fail('mandate.node', { nodeId });
  }
}
