/** Opening and showing vaults. */
import type { Clock } from '@holdfast/platform';
import { fail, fitPolicy } from '@holdfast/protocol';
import {
  choosePolicy,
  countIndependentNodes,
  type MarketRules,
  type OfferBook,
  requestFor,
  type Terms,
} from '../market/index.ts';
import type { MandatedTerms, VaultName, VaultRecord, VaultStore } from './ports.ts';

export interface VaultsOptions {
  readonly store: VaultStore;
  readonly book: OfferBook;
  readonly rules: () => MarketRules;
  /** What its newest mandate says, expired or not; undefined before the first one. */
  readonly findMandatedTerms: (name: VaultName) => Promise<MandatedTerms | undefined>;
  readonly clock: Clock;
}

/** With the terms that its quotes and uploads go by: the mandate's, as soon as there is one. */
export interface ShownVault extends VaultRecord {
  /** When no node is to spare at present, or too few are on offer. */
  readonly warning?: string;
}

/** Of one client; each may hold space in open uploads. Requests at the same moment may get a few more. */
const MAX_VAULTS = 64;

/** Opens the vault under the policy asked for, or the default one. The same id again answers the vault as it is. @throws HoldfastError `policy.*`, `market.no-offer`, `vault.too-many` */
export async function createVault(options: VaultsOptions, name: VaultName, terms: Terms): Promise<ShownVault> {
  const existing = await options.store.find(name);
  if (existing === undefined) {
    const { length } = await options.store.list(name.clientId);
    if (length >= MAX_VAULTS) throw fail('vault.too-many', { limit: MAX_VAULTS });
    const { policy } = choosePolicy(await options.book.read(), terms, 0, options.rules());
    await options.store.create({ ...name, policy, terms, createdAtMs: options.clock.nowMs() });
  }
  return getVault(options, name);
}

/** @throws HoldfastError `vault.unknown` */
export async function getVault(options: VaultsOptions, name: VaultName): Promise<ShownVault> {
  return withWarning(options, await findVault(options.store, name));
}

export async function listVaults(options: VaultsOptions, clientId: string): Promise<ShownVault[]> {
  const vaults = await options.store.list(clientId);
  return Promise.all(vaults.map((vault) => withWarning(options, vault)));
}

/** @throws HoldfastError `vault.unknown` */
export async function findVault(store: VaultStore, name: VaultName): Promise<VaultRecord> {
  const vault = await store.find(name);
  if (vault === undefined) throw fail('vault.unknown', { vaultId: name.vaultId });
  return vault;
}

async function withWarning(options: VaultsOptions, opened: VaultRecord): Promise<ShownVault> {
  const { policy } = opened;
  const mandated = await options.findMandatedTerms(opened);
  const terms: Terms = mandated === undefined ? opened.terms : { policy, ...mandated };
  const vault = { ...opened, terms };
  const needed = policy.dataShards + policy.parityShards;
  const request = requestFor(terms, policy, 0, options.rules());
  const count = countIndependentNodes(await options.book.read(), request, needed + 1);
  if (count < needed) {
    const { message, next } = fail('policy.too-few-nodes', { needed, ...policy, available: count });
    return { ...vault, warning: `${message} ${next}` };
  }
  const { warning } = fitPolicy(policy, count);
  return { ...vault, ...(warning !== undefined && { warning }) };
}
