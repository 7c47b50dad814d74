/** The mediator's port in memory, for the client's tests: it checks what it is given as the real one does. */
import { systemRandomness } from '@holdfast/platform';
import {
  createSigningKey,
  fail,
  grant,
  mandate,
  messageHash,
  openMessage,
  packCommit,
  packDrop,
  receipt,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
  vaultHead,
  ZERO_16,
  ZERO_32,
} from '@holdfast/protocol';
import type { PackPolicy } from '@holdfast/codec';
import type { Account, GrantedNode, PackPlaces, Quote, Upload, Vault, VaultMediator } from '../ports.ts';

export interface FakeMediatorOptions {
  readonly signing: SigningContext;
  readonly key: SigningKey;
  readonly clientId: string;
  readonly vaultId: string;
  readonly policy: PackPolicy;
  /** Cheapest first. */
  readonly nodes: () => readonly { nodeId: string; address: string }[];
  readonly nowMs: () => number;
  readonly uploadTtlMs?: number;
}

interface Committed extends Omit<PackPlaces, 'shards'> {
  readonly token: string;
  readonly shards: readonly { nodeId: string; root: string }[];
}

export class FakeMediator implements VaultMediator {
  readonly packs = new Map<string, Committed>();
  readonly uploads: (Upload & { readonly sizeBytes: number })[] = [];
  readonly closed: string[] = [];
  head: string | undefined;
  mandate: string | undefined;
  /** All agreements have ended. */
  isGivenUp = false;
  /** Called before each operation; throw to fail it. */
  onCall: ((operation: string) => void | Promise<void>) | undefined;
  readonly #options: FakeMediatorOptions;

  constructor(options: FakeMediatorOptions) {
    this.#options = options;
  }

  async getVault(): Promise<Vault> {
    await this.onCall?.('getVault');
    const { vaultId, policy } = this.#options;
    const about = { vaultId, policy, createdAtMs: 0, packCount: this.packs.size, storedBytes: 0 };
    return this.mandate === undefined ? about : { ...about, mandate: this.#showMandate(this.mandate) };
  }

  async hasAgreements(): Promise<boolean> {
    return !this.isGivenUp;
  }

  async putMandate(token: string): Promise<void> {
    await this.onCall?.('putMandate');
    const { sequence } = this.#showMandate(token);
    const current = this.mandate === undefined ? 0 : this.#showMandate(this.mandate).sequence;
    if (sequence <= current) throw fail('mandate.outdated', { current, given: sequence });
    this.mandate = token;
  }

  async getAccount(): Promise<Account> {
    await this.onCall?.('getAccount');
    const { clientId } = this.#options;
    return { clientId, availableMsat: '1000000', heldMsat: '0', reservedMsat: '0', missingMsat: '0' };
  }

  quote(): Promise<Quote> {
    return Promise.reject(fail('market.no-offer'));
  }

  async openUpload(sizeBytes: number, avoidNodes: readonly string[] = []): Promise<Upload> {
    await this.onCall?.('openUpload');
    const { policy, nowMs, uploadTtlMs = 3_600_000 } = this.#options;
    const count = policy.dataShards + policy.parityShards;
    const all = this.#options.nodes();
    const sorted = [...all].sort(
      (a, b) => Number(avoidNodes.includes(a.nodeId)) - Number(avoidNodes.includes(b.nodeId)),
    );
    const chosen = sorted.slice(0, count);
    if (chosen.length < count) {
      throw fail('policy.too-few-nodes', { needed: count, ...policy, available: chosen.length });
    }
    const uploadId = toHex(systemRandomness.bytes(16));
    const quotaBytesPerNode = Math.ceil(sizeBytes / policy.dataShards / 65_536) * 65_536;
    const expiresAtMs = nowMs() + uploadTtlMs;
    const nodes = chosen.map((node) => this.#grant(node, 'put', uploadId, quotaBytesPerNode, expiresAtMs));
    const upload = { uploadId, policy, quotaBytesPerNode, expiresAtMs, nodes, sizeBytes };
    this.uploads.push(upload);
    return upload;
  }

  async closeUpload(uploadId: string): Promise<void> {
    await this.onCall?.('closeUpload');
    this.closed.push(uploadId);
  }

  async commitPacks(uploadId: string, packs: Parameters<VaultMediator['commitPacks']>[1]): Promise<void> {
    await this.onCall?.('commitPacks');
    const { signing, clientId } = this.#options;
    const checked = packs.map(({ commit: token, receipts }) => {
      const commit = openMessage(packCommit, signing, token);
      if (new Set(commit.shards.map(({ nodeId }) => nodeId)).size !== commit.shards.length) {
        throw fail('pack.bad-commit', { packId: commit.packId, detail: 'two of its shards are at one node' });
      }
      commit.shards.forEach(({ nodeId, root }, shardIndex) => {
        const said = openMessage(receipt, signing, receipts[shardIndex]!);
        const expected = { nodeId, clientId, uploadId, packId: commit.packId, shardIndex, root };
        for (const [field, value] of Object.entries(expected)) {
          if (said[field as keyof typeof expected] === value) continue;
          throw fail('receipt.mismatch', { field, packId: commit.packId, nodeId });
        }
      });
      return { ...commit, token };
    });
    for (const pack of checked) this.packs.set(pack.packId, pack);
    await this.onCall?.('committed');
  }

  async *listPacks(): AsyncGenerator<string> {
    await this.onCall?.('listPacks');
    yield* [...this.packs.keys()].sort();
  }

  async locatePacks(packIds: readonly string[]): Promise<PackPlaces[]> {
    await this.onCall?.('locatePacks');
    const byId = new Map(this.#options.nodes().map((node) => [node.nodeId, node]));
    return packIds.flatMap((packId) => {
      const pack = this.packs.get(packId);
      if (pack === undefined) return [];
      const shards = pack.shards.map(({ nodeId, root }) => {
        const readSeed = systemRandomness.bytes(32);
        const holder = toHex(createSigningKey(readSeed).publicKey);
        const untilMs = this.#options.nowMs() + 3_600_000;
        const granted = this.#grant(byId.get(nodeId)!, 'get', ZERO_16, 2 ** 50, untilMs, holder);
        return { target: { ...granted, readSeed }, root, lost: false, online: true };
      });
      return [{ ...pack, shards }];
    });
  }

  async dropPacks(token: string): Promise<void> {
    await this.onCall?.('dropPacks');
    for (const packId of openMessage(packDrop, this.#options.signing, token).packIds) this.packs.delete(packId);
  }

  async getHead(): Promise<string | undefined> {
    await this.onCall?.('getHead');
    return this.head;
  }

  async putHead(token: string): Promise<void> {
    await this.onCall?.('putHead');
    const { previousHash } = openMessage(vaultHead, this.#options.signing, token);
    if (previousHash !== (this.head === undefined ? ZERO_32 : messageHash(this.head))) {
      throw fail('head.conflict', { sequence: 0 });
    }
    this.head = token;
    await this.onCall?.('headMoved');
  }

  /** Keeps what it knows now; the function that it returns puts that back. */
  remember(): () => void {
    const { head, mandate: token, isGivenUp } = this;
    const packs = [...this.packs];
    return () => {
      this.packs.clear();
      for (const [packId, pack] of packs) this.packs.set(packId, pack);
      Object.assign(this, { head, mandate: token, isGivenUp, onCall: undefined });
    };
  }

  #showMandate(token: string): NonNullable<Vault['mandate']> {
    const signed = openMessage(mandate, this.#options.signing, token);
    const { sequence, regions, avoidOperators, expiresAtMs } = signed;
    return {
      mandate: token,
      sequence,
      regions: [...regions],
      avoidOperators: [...avoidOperators],
      expiresAtMs,
      maxPriceSatPerTbMonth: String(signed.maxPriceSatPerTbMonth),
      monthlyLimitMsat: String(signed.monthlyLimitMsat),
      inForce: expiresAtMs > this.#options.nowMs(),
    };
  }

  #grant(
    { nodeId, address }: { nodeId: string; address: string },
    verb: 'put' | 'get',
    uploadId: string,
    quotaBytes: number,
    expiresAtMs: number,
    holder = this.#options.clientId,
  ): GrantedNode {
    const { signing, key, clientId, nowMs } = this.#options;
    const body = { verb, clientId, holder, nodeId, uploadId, packIds: [], quotaBytes };
    const token = signMessage(grant, signing, { ...body, issuedAtMs: nowMs(), expiresAtMs }, key);
    return { nodeId, operator: nodeId.slice(0, 8), addresses: [address], grant: token, online: true };
  }
}
