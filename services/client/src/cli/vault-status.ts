/** Gathers what `status` shows: the vault at the mediator, the head, and where the shards are. */
import { unwrap } from '@holdfast/http-api';
import { bytes, monthlyCostMsat, type NodeId, satPerTbMonth, type VaultId } from '@holdfast/protocol';
import type { Account, ClientConfig, ClientContext, PackPlaces, Vault } from '../ports.ts';
import { readVaultSnapshots } from './read-snapshots.ts';

export interface HoldingNode {
  readonly nodeId: NodeId;
  readonly operator: string;
  readonly region: string;
  readonly online: boolean;
  readonly shardCount: number;
  readonly storedBytes: number;
  /** Shards that it reported or was found to have lost. */
  readonly lostCount: number;
}

/** What this machine knows without asking anybody. */
export interface LocalStatus {
  readonly vaultId: VaultId;
  readonly network: string;
  readonly mediator: string;
  readonly directories: readonly string[];
}

export interface VaultStatus extends LocalStatus, Pick<Vault, 'policy' | 'packCount' | 'storedBytes'> {
  readonly warning?: string;
  readonly snapshotCount: number;
  readonly last?: { readonly snapshotId: string; readonly createdAtMs: number };
  readonly monthlyCostMsat: bigint;
  /** The client's, for all of its vaults. */
  readonly money: Omit<Account, 'clientId'>;
  readonly nodes: readonly HoldingNode[];
  /** How many more shards the worst pack may lose; below 0: it cannot be read now. Undefined without packs. */
  readonly weakestPack?: { readonly spareShards: number };
}

interface NodeFacts {
  operator: string;
  region: string;
  priceSatPerTbMonth: bigint;
}

const NODES_PER_PAGE = 1000;
const PACKS_PER_PAGE = 1000;

/** @throws HoldfastError `remote.unreachable` and others */
export async function readVaultStatus(vault: ClientContext, signal: AbortSignal): Promise<VaultStatus> {
  const { mediator, config } = vault;
  const about = await mediator.getVault();
  const { clientId: _, ...money } = await mediator.getAccount();
  const { snapshots } = await readVaultSnapshots(vault, signal);
  const facts = await nodeFacts(vault);
  const { holders, spareShards } = await countHoldings(vault, signal);
  const nodes = [...holders].map(([nodeId, holding]) => ({
    nodeId,
    operator: facts.get(nodeId)?.operator ?? '?',
    region: facts.get(nodeId)?.region ?? '?',
    ...holding,
  }));
  const costs = nodes.map(({ nodeId, storedBytes }) =>
    monthlyCostMsat(bytes(storedBytes), satPerTbMonth(facts.get(nodeId)?.priceSatPerTbMonth ?? 0n)),
  );
  const last = snapshots.at(-1);
  return {
    ...localStatus(config),
    policy: about.policy,
    packCount: about.packCount,
    storedBytes: about.storedBytes,
    ...(about.warning === undefined ? {} : { warning: about.warning }),
    snapshotCount: snapshots.length,
    ...(last === undefined ? {} : { last: { snapshotId: last.snapshotId, createdAtMs: last.createdAtMs } }),
    monthlyCostMsat: costs.reduce((sum, cost) => sum + cost, 0n),
    money,
    nodes: nodes.toSorted((a, b) => (a.operator < b.operator ? -1 : a.operator > b.operator ? 1 : 0)),
    ...(spareShards === undefined ? {} : { weakestPack: { spareShards } }),
  };
}

export const localStatus = ({ vaultId, network, mediator, directories }: ClientConfig): LocalStatus => ({
  vaultId,
  network,
  mediator,
  directories,
});

async function nodeFacts({ mediatorApi }: ClientContext): Promise<Map<NodeId, NodeFacts>> {
  const facts = new Map<NodeId, NodeFacts>();
  let after: NodeId | undefined;
  for (;;) {
    const query = { limit: NODES_PER_PAGE, ...(after === undefined ? {} : { after }) };
    const { nodes } = await unwrap(mediatorApi.GET('/v1/nodes', { params: { query } }));
    for (const { nodeId, operator, region, priceSatPerTbMonth } of nodes) {
      facts.set(nodeId, { operator, region, priceSatPerTbMonth: BigInt(priceSatPerTbMonth) });
    }
    if (nodes.length < NODES_PER_PAGE) return facts;
    after = nodes.at(-1)!.nodeId;
  }
}

type Holding = Omit<HoldingNode, 'nodeId' | 'operator' | 'region'>;

async function countHoldings(
  { mediator }: ClientContext,
  signal: AbortSignal,
): Promise<{ holders: Map<NodeId, Holding>; spareShards: number | undefined }> {
  const holders = new Map<NodeId, Holding>();
  let spareShards: number | undefined;
  const count = async (packIds: string[]): Promise<void> => {
    signal.throwIfAborted();
    for (const places of packIds.length === 0 ? [] : await mediator.locatePacks(packIds)) {
      spareShards = Math.min(spareShards ?? Infinity, countPack(holders, places));
    }
  };
  let page: string[] = [];
  for await (const packId of mediator.listPacks()) {
    page.push(packId);
    if (page.length < PACKS_PER_PAGE) continue;
    await count(page);
    page = [];
  }
  await count(page);
  return { holders, spareShards };
}

/** Answers how many more of its shards the pack may lose. */
function countPack(holders: Map<NodeId, Holding>, { shards, dataShards, shardLengthBytes }: PackPlaces): number {
  let readable = 0;
  for (const { target, lost, online } of shards) {
    const known = holders.get(target.nodeId) ?? { online, shardCount: 0, storedBytes: 0, lostCount: 0 };
    holders.set(target.nodeId, {
      online,
      shardCount: known.shardCount + 1,
      storedBytes: known.storedBytes + shardLengthBytes,
      lostCount: known.lostCount + (lost ? 1 : 0),
    });
    if (online && !lost) readable += 1;
  }
  return readable - dataShards;
}
