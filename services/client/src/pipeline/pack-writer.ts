/**
 * Packs of one worker: sealed into regions of the arena, closed, encoded, masked, hashed, sent. Two regions take turns,
 * so that one pack fills while the other is on its way; parity has one region, for the pack that is on its way.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Arena,
  createMerkleHasher,
  type Kernel,
  maskShard,
  PackBuilder,
  type PackKind,
  packMaskKey,
  type PackPolicy,
  SEAL_OVERHEAD_BYTES,
  TABLE_ENTRY_BYTES,
  type VaultKeys,
} from '@holdfast/codec';
import type { Randomness } from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import type { StoredPack } from './messages.ts';
import { type PackLayout } from './pack-layout.ts';
import { PackSender, type ShardSenderOptions } from './shard-sender.ts';
import { Turnstile } from './turnstile.ts';

export interface PackWriterOptions {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly keys: VaultKeys;
  readonly policy: PackPolicy;
  readonly layout: PackLayout;
  readonly randomness: Randomness;
  readonly compressionLevel: number;
  readonly sender: ShardSenderOptions;
  /** A region of its own for trees and index objects; packs of them are closed at this size. */
  readonly smallPackBytes?: number;
  readonly onAdded: (plaintextBytes: number) => void;
  readonly onClosed: (contentBytes: number) => void;
  readonly onStored: (pack: StoredPack) => void;
}

interface OpenPack {
  readonly builder: PackBuilder;
  readonly region: Uint8Array;
  readonly regions: Turnstile<Uint8Array>;
}

export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #dataRegions: Turnstile<Uint8Array>;
  readonly #smallRegions: Turnstile<Uint8Array> | undefined;
  readonly #parityRegions: Turnstile<Uint8Array>;
  readonly #open = new Map<PackKind, OpenPack>();
  readonly #sending = new Set<Promise<void>>();
  #failure: Error | undefined;

  constructor(options: PackWriterOptions) {
    const { arena, layout } = options;
    this.#options = options;
    // The arena's pages cost nothing until they are touched, and beyond closeAtBytes they never are.
    const region = (): Uint8Array => arena.alloc(layout.regionBytes);
    this.#dataRegions = new Turnstile<Uint8Array>([region(), region()]);
    this.#parityRegions = new Turnstile<Uint8Array>([arena.alloc(layout.parityBytes)]);
    if (options.smallPackBytes !== undefined) this.#smallRegions = new Turnstile<Uint8Array>([region()]);
  }

  /** Bytes of arena that a writer needs. */
  static arenaBytes(layout: PackLayout, hasSmallPacks: boolean): number {
    return (hasSmallPacks ? 3 : 2) * (layout.regionBytes + 4096) + layout.parityBytes + 4096;
  }

  /**
   * Seals a chunk into the open pack of its kind, closing a full one first. Waits while both regions are taken.
   * @throws HoldfastError what went wrong with an earlier pack
   */
  async add(kind: PackKind, id: Uint8Array, plaintext: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    let open = this.#open.get(kind);
    if (open !== undefined && !this.#fits(open.builder, plaintext.length)) {
      this.#close(kind, open);
      open = undefined;
    }
    open ??= await this.#start(kind);
    open.builder.addChunk(id, plaintext);
    this.#options.onAdded(plaintext.length);
  }

  /** Closes the open packs and waits until all are stored. */
  async flush(): Promise<void> {
    for (const [kind, open] of this.#open) this.#close(kind, open);
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #fits(builder: PackBuilder, plaintextBytes: number): boolean {
    const limit = this.#limit(builder.kind);
    const content = builder.contentBytes + plaintextBytes + SEAL_OVERHEAD_BYTES + TABLE_ENTRY_BYTES;
    return content <= limit && builder.canAdd(plaintextBytes);
  }

  #limit(kind: PackKind): number {
    const { layout, smallPackBytes } = this.#options;
    return kind === 'data' ? layout.closeAtBytes : Math.min(layout.closeAtBytes, smallPackBytes ?? Infinity);
  }

  async #start(kind: PackKind): Promise<OpenPack> {
    const { keys, policy, randomness, compressionLevel } = this.#options;
    const regions = kind === 'data' ? this.#dataRegions : (this.#smallRegions ?? this.#dataRegions);
    // Trees and index objects share one region: the other kind's pack goes first.
    for (const [other, open] of this.#open)
      if (open.regions === regions && regions.size === 1) this.#close(other, open);
    const region = await regions.enter();
    if (this.#failure !== undefined) throw this.#failure;
    const builder = new PackBuilder({ dataKey: keys.dataKey, kind, policy, region, randomness, compressionLevel });
    const open = { builder, region, regions };
    this.#open.set(kind, open);
    return open;
  }

  /** Starts the pack on its way; `flush` and the next `add` tell what went wrong with it. */
  #close(kind: PackKind, open: OpenPack): void {
    this.#open.delete(kind);
    const sending = this.#store(open)
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      })
      .finally(() => {
        this.#sending.delete(sending);
        open.regions.leave(open.region);
      });
    this.#sending.add(sending);
  }

  async #store({ builder, region }: OpenPack): Promise<void> {
    const { kernel, keys, policy, sender: senderOptions, onStored } = this.#options;
    const pack = builder.finish();
    this.#options.onClosed(pack.contentBytes);
    const parityRegion = await this.#parityRegions.enter();
    try {
      const { shardLengthBytes } = pack;
      const { dataShards, parityShards } = policy;
      const data = region.subarray(0, pack.packLengthBytes);
      const parity = parityRegion.subarray(0, parityShards * shardLengthBytes);
      const sender = new PackSender(senderOptions, pack.packId, shardLengthBytes);
      await sender.place();
      kernel.encode(data, parity, dataShards, parityShards);
      const maskKey = packMaskKey(keys.maskKey, pack.packId);
      const roots: string[] = [];
      for (let index = 0; index < dataShards + parityShards; index += 1) {
        // A turn of the event loop per shard: those before it get on with their way.
        await nextTurn();
        const place = index < dataShards ? index : index - dataShards;
        const shards = index < dataShards ? data : parity;
        const body = shards.subarray(place * shardLengthBytes, (place + 1) * shardLengthBytes);
        const hasher = createMerkleHasher();
        maskShard(maskKey, index, body, (piece) => hasher.push(piece));
        const root = toHex(hasher.finish().root);
        roots.push(root);
        sender.send({ root, body });
      }
      const { placement, receipts } = await sender.finish();
      onStored({
        packId: pack.packId,
        kind: pack.kind,
        policy,
        shardLengthBytes,
        table: pack.table.bytes,
        uploadId: placement.uploadId,
        nodeIds: placement.targets.map((target) => target.nodeId),
        roots,
        receipts,
      });
    } finally {
      this.#parityRegions.leave(parityRegion);
    }
  }
}
