/** Commits stored packs at the mediator in batches, then writes them into the catalog: from then on they count. */
import { type IndexedPack, packMaskKey, PackTable } from '@holdfast/codec';
import { MAX_PACKS_PER_COMMIT, packCommit, signMessage, toHex, type UploadId } from '@holdfast/protocol';
import { createHash } from 'node:crypto';
import { noteIndexPacks } from '../catalog/index.ts';
import type { StoredPack } from '../pipeline/index.ts';
import type { ClientContext } from '../ports.ts';

/** A committed pack, with the signed commit that is its shard map. */
export interface CommittedPack {
  readonly pack: StoredPack;
  readonly commit: string;
}

export interface CommitsOptions {
  readonly context: Pick<
    ClientContext,
    'catalog' | 'clientId' | 'keys' | 'mediator' | 'signing' | 'signingKey' | 'vaultId'
  >;
  readonly onCommitted?: (packs: readonly CommittedPack[]) => void;
  /** Told once, when commits fail for good: nothing is committed after that. */
  readonly onFailed: (error: unknown) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  readonly #waiting: StoredPack[] = [];
  #working: Promise<void> | undefined;
  #failed = false;

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** One request is under way at a time; whatever is stored meanwhile goes with the next. */
  add(pack: StoredPack): void {
    this.#waiting.push(pack);
    this.#working ??= this.#work();
  }

  /** Resolves when nothing waits any more (also after a failure). */
  async settle(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && !this.#failed) await this.#commit(this.#takeBatch());
    } catch (error) {
      this.#failed = true;
      this.#options.onFailed(error);
    } finally {
      this.#working = undefined;
    }
  }

  /** Packs of one upload: the oldest one's. */
  #takeBatch(): { uploadId: UploadId; packs: StoredPack[] } {
    const { uploadId } = this.#waiting[0]!;
    const packs = this.#waiting.filter((pack) => pack.uploadId === uploadId).slice(0, MAX_PACKS_PER_COMMIT);
    const taken = new Set(packs);
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((pack) => !taken.has(pack)));
    return { uploadId, packs };
  }

  async #commit({ uploadId, packs }: { uploadId: UploadId; packs: StoredPack[] }): Promise<void> {
    const { context, onCommitted } = this.#options;
    const signed = packs.map((pack) => ({ pack, ...this.#sign(pack) }));
    const items = signed.map(({ pack, commit, maskKey }) => ({ commit, maskKey, receipts: pack.receipts }));
    const data = packs.filter(({ kind }) => kind !== 'index').map(indexedPack);
    const index = packs.filter(({ kind }) => kind === 'index').map(indexedPack);
    if (index.length > 0) {
      noteIndexPacks(
        context.catalog,
        index.map(({ packId }) => packId),
      );
    }
    await context.mediator.commitPacks(uploadId, items);
    if (data.length > 0) context.catalog.addPacks(data, { indexed: false });
    if (index.length > 0) context.catalog.addPacks(index, { indexed: true });
    onCommitted?.(signed);
  }

  #sign(pack: StoredPack): { commit: string; maskKey: string } {
    const { clientId, vaultId, keys, signing, signingKey } = this.#options.context;
    const maskKey = packMaskKey(keys.maskKey, pack.packId);
    const commit = signMessage(
      packCommit,
      signing,
      {
        clientId,
        vaultId,
        packId: pack.packId,
        ...pack.policy,
        shardLengthBytes: pack.shardLengthBytes,
        maskKeyHash: createHash('sha256').update(maskKey).digest('hex'),
        shards: pack.nodeIds.map((nodeId, index) => ({ nodeId, root: pack.roots[index]! })),
      },
      signingKey,
    );
    return { commit, maskKey: toHex(maskKey) };
  }
}

const indexedPack = (pack: StoredPack): IndexedPack => ({ ...pack, table: new PackTable(pack.table) });
