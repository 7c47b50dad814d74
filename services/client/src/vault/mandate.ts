/** The client's standing order for its vault: what the mediator may spend on it while the client sleeps. */
import { fail, mandate, openMessage, signMessage } from '@holdfast/protocol';
import type { ClientContext, Terms, Vault } from '../ports.ts';

/** What a client says of money when it opens its vault. */
export interface SpendingTerms {
  /** Of agreements and open uploads together, per 30 days. */
  readonly monthlyLimitSats: bigint;
  /** Of a node, per TB and month. */
  readonly maxPriceSatPerTbMonth: bigint;
}

/** Where nothing is said: enough for some TB at usual prices, and no fortune. */
export const DEFAULT_SPENDING: SpendingTerms = { monthlyLimitSats: 100_000n, maxPriceSatPerTbMonth: 100_000n };

const DAY_MS = 86_400_000;
const MANDATE_DAYS = 365;
/** With less than this left, the next backup renews it. */
const RENEWED_DAYS = 180;

export type Mandate = Parameters<(typeof mandate)['signer']>[0];
export type MandateChanges = Partial<SpendingTerms & Pick<Mandate, 'regions' | 'avoidOperators'>>;

/**
 * The vault's mandate as the client itself signed it, whatever else the mediator says of it.
 * @throws HoldfastError `message.*`, `remote.unexpected` for one that is about another vault
 */
export function readMandate(client: Pick<ClientContext, 'signing' | 'clientId'>, vault: Vault): Mandate | undefined {
  if (vault.mandate === undefined) return undefined;
  const signed = openMessage(mandate, client.signing, vault.mandate.mandate);
  if (signed.clientId === client.clientId && signed.vaultId === vault.vaultId) return signed;
  throw fail('remote.unexpected', { from: 'The mediator', detail: 'it showed the mandate of another vault.' });
}

/** What the vault's uploads go by, and so its quotes: its mandate, or the one that its first backup will sign. */
export function mandatedTerms(client: Pick<ClientContext, 'signing' | 'clientId'>, vault: Vault): Terms {
  const { dataShards, parityShards, maxPriceSatPerTbMonth, regions, avoidOperators } =
    readMandate(client, vault) ?? firstMandate(client, vault);
  return {
    policy: { dataShards, parityShards },
    maxPriceSatPerTbMonth: String(maxPriceSatPerTbMonth),
    regions,
    avoidOperators,
  };
}

/** Signs the next mandate: as the one there is, or the default for the vault, but for these changes. */
export async function changeMandate(
  client: ClientContext,
  vault: Vault,
  { monthlyLimitSats, ...changes }: MandateChanges = {},
): Promise<Mandate> {
  const before = readMandate(client, vault);
  const nowMs = client.clock.nowMs();
  const next: Mandate = {
    ...(before ?? firstMandate(client, vault)),
    ...changes,
    ...(monthlyLimitSats !== undefined && { monthlyLimitMsat: monthlyLimitSats * 1000n }),
    sequence: (before?.sequence ?? 0) + 1,
    expiresAtMs: nowMs + MANDATE_DAYS * DAY_MS,
    signedAtMs: nowMs,
  };
  await client.mediator.putMandate(signMessage(mandate, client.signing, next, client.signingKey));
  return next;
}

const firstMandate = ({ clientId }: Pick<ClientContext, 'clientId'>, { vaultId, policy, terms = {} }: Vault) => ({
  clientId,
  vaultId,
  ...policy,
  maxPriceSatPerTbMonth: spendingFor(terms).maxPriceSatPerTbMonth,
  regions: terms.regions ?? [],
  avoidOperators: terms.avoidOperators ?? [],
  monthlyLimitMsat: DEFAULT_SPENDING.monthlyLimitSats * 1000n,
});

/** The default, within the price cap of the vault. */
export const spendingFor = ({ maxPriceSatPerTbMonth: cap }: Terms): SpendingTerms => ({
  ...DEFAULT_SPENDING,
  ...(cap !== undefined && { maxPriceSatPerTbMonth: BigInt(cap) }),
});

/** Signs the same terms again when they are about to run out, and the default ones where there are none. */
export async function keepMandate(client: ClientContext, vault: Vault): Promise<void> {
  const before = readMandate(client, vault);
  if (before !== undefined && before.expiresAtMs - client.clock.nowMs() > RENEWED_DAYS * DAY_MS) return;
  await changeMandate(client, vault);
  client.logger.info({ isFirst: before === undefined }, 'the mandate was signed anew');
}
