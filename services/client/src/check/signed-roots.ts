/**
 * The client's own word on the roots of its packs: commits that it signed, of which the nodes keep copies. The mediator's
 * roots are only as good as they agree with these.
 */
import { openMessage, packCommit, type PackId } from '@holdfast/protocol';
import type { ClientContext, NodeTarget, PackPlaces } from '../ports.ts';

type RootsContext = Pick<ClientContext, 'nodes' | 'signing' | 'clientId' | 'vaultId' | 'logger'>;

/** What was signed of a pack. */
interface Signed {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shardLengthBytes: number;
  /** By shard index, 32 bytes each, joined. */
  readonly roots: Buffer;
}

const NODE_TIMEOUT_MS = 10_000;
const MAPS_PER_PAGE = 1000;

export type RootsVerdict = 'confirmed' | 'unconfirmed' | 'contradicted';

export class SignedRoots {
  readonly #packs = new Map<PackId, Signed>();

  /** Reads what one node keeps; a node that does not answer is passed over. */
  async learnFrom(context: RootsContext, target: NodeTarget, signal: AbortSignal): Promise<void> {
    let after: PackId | undefined;
    try {
      for (;;) {
        const limit = AbortSignal.any([signal, AbortSignal.timeout(NODE_TIMEOUT_MS)]);
        const commits = await context.nodes.listShardMaps(target, context.vaultId, after, limit);
        const last: PackId | undefined = this.#addAll(context, commits);
        if (commits.length < MAPS_PER_PAGE || last === undefined || (after !== undefined && last <= after)) return;
        after = last;
      }
    } catch (error) {
      signal.throwIfAborted();
      const detail = error instanceof Error ? error.message : String(error);
      context.logger.debug({ nodeId: target.nodeId, detail }, 'a node gave no shard maps');
    }
  }

  /** The last pack of the page. */
  #addAll({ signing, clientId, vaultId }: RootsContext, commits: readonly string[]): PackId | undefined {
    let last: PackId | undefined;
    for (const token of commits) {
      const commit = openMessage(packCommit, signing, token);
      if (commit.clientId !== clientId || commit.vaultId !== vaultId) continue;
      last = commit.packId;
      if (this.#packs.has(commit.packId)) continue;
      const { dataShards, parityShards, shardLengthBytes, shards } = commit;
      const roots = Buffer.from(shards.map(({ root }) => root).join(''), 'hex');
      this.#packs.set(commit.packId, { dataShards, parityShards, shardLengthBytes, roots });
    }
    return last;
  }

  has(packId: PackId): boolean {
    return this.#packs.has(packId);
  }

  /** Compares the mediator's word with the signed one. Where they differ the signed one counts: `places` has it. */
  compare(places: PackPlaces): { readonly verdict: RootsVerdict; readonly places: PackPlaces } {
    const signed = this.#packs.get(places.packId);
    if (signed === undefined) return { verdict: 'unconfirmed', places };
    const { dataShards, parityShards, shardLengthBytes, roots } = signed;
    const said = Buffer.from(places.shards.map(({ root }) => root).join(''), 'hex');
    const isSame =
      said.equals(roots) &&
      dataShards === places.dataShards &&
      parityShards === places.parityShards &&
      shardLengthBytes === places.shardLengthBytes;
    if (isSame) return { verdict: 'confirmed', places };
    const shards = places.shards.slice(0, dataShards + parityShards).map((shard, index) => ({
      ...shard,
      root: roots.subarray(32 * index, 32 * index + 32).toString('hex'),
    }));
    return { verdict: 'contradicted', places: { ...places, dataShards, parityShards, shardLengthBytes, shards } };
  }
}
