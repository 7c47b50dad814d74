/** For tests: a vault in memory, with nodes that can fail in every way. Packs are real; only the wires are left out. */
import {
  createKernel,
  createArena,
  createChunkIdHasher,
  type IndexedPack,
  maskShard,
  PackBuilder,
  packCapacityBytes,
  packMaskKey,
  type PackKind,
  type PackPolicy,
  shardTree,
  type VaultKeys,
} from '@holdfast/codec';
import { createSeededRandomness } from '@holdfast/platform';
import { fail, type NodeId, type PackId, toHex } from '@holdfast/protocol';
import type { ChunkPlace } from '../catalog/index.ts';
import type { NodeTransport, PackPlaces } from '../ports.ts';

/** How a node misbehaves. */
export type NodeMood = 'well' | 'down' | 'corrupt' | 'truncated' | 'stale' | 'missing' | 'hanging' | 'expired';

export interface TestVault {
  readonly keys: VaultKeys;
  readonly policy: PackPolicy;
  readonly nodeIds: readonly NodeId[];
  readonly moods: Map<NodeId, NodeMood>;
  readonly nodes: Pick<NodeTransport, 'getShard'>;
  readonly requests: { nodeId: NodeId; packId: PackId; shardIndex: number; lengthBytes: number }[];
  readonly packs: Map<PackId, IndexedPack>;
  /** Seals the chunks into packs and gives their ids back. */
  store(kind: PackKind, chunks: readonly Uint8Array[]): Uint8Array[];
  /** Ends the open pack of that kind, so that it can be fetched. */
  flush(): void;
  findChunk(id: Uint8Array): ChunkPlace | undefined;
  locatePacks(packIds: readonly PackId[]): Promise<PackPlaces[]>;
}

export function createTestVault(policy: PackPolicy = { dataShards: 4, parityShards: 4 }, seed = 'vault'): TestVault {
  const random = createSeededRandomness(seed);
  const [dataKey, chunkIdKey, maskKey, gearKey] = Array.from({ length: 4 }, () => random.bytes(32));
  const keys: VaultKeys = { dataKey: dataKey!, chunkIdKey: chunkIdKey!, maskKey: maskKey!, gearKey: gearKey! };
  const count = policy.dataShards + policy.parityShards;
  const nodeIds = Array.from({ length: count }, () => toHex(random.bytes(32)));
  const shards = new Map<PackId, Uint8Array[]>();
  const packs = new Map<PackId, IndexedPack>();
  const chunks = new Map<string, ChunkPlace>();
  const moods = new Map<NodeId, NodeMood>();
  const requests: TestVault['requests'] = [];
  const capacity = packCapacityBytes(policy);
  const arena = createArena(capacity * 4 + 1024 * 1024);
  const kernel = createKernel(arena);
  const hash = createChunkIdHasher(keys.chunkIdKey);
  let open: { builder: PackBuilder; region: Uint8Array; kind: PackKind } | undefined;

  const close = (): void => {
    if (open === undefined) return;
    const { builder, region } = open;
    open = undefined;
    const closed = builder.finish();
    const parity = arena.alloc(policy.parityShards * closed.shardLengthBytes);
    kernel.encode(region.subarray(0, closed.packLengthBytes), parity, policy.dataShards, policy.parityShards);
    const length = closed.shardLengthBytes;
    const key = packMaskKey(keys.maskKey, closed.packId);
    const masked = Array.from({ length: count }, (_, index) => {
      const source = index < policy.dataShards ? region : parity;
      const place = index < policy.dataShards ? index : index - policy.dataShards;
      const shard = Uint8Array.from(source.subarray(place * length, (place + 1) * length));
      maskShard(key, index, shard);
      return shard;
    });
    shards.set(closed.packId, masked);
    packs.set(closed.packId, closed);
    const { packId, kind, shardLengthBytes } = closed;
    for (const entry of closed.table.entries()) {
      chunks.set(toHex(entry.id), { ...entry, packId, kind, policy, shardLengthBytes });
    }
    arena.release(empty);
  };
  const empty = arena.mark();

  const serve = async (nodeId: NodeId, packId: PackId, index: number, signal?: AbortSignal): Promise<Uint8Array> => {
    const shard = shards.get(packId)?.[index];
    const mood = moods.get(nodeId) ?? 'well';
    if (mood === 'down') throw fail('remote.unreachable', { who: 'Node', address: 'x', detail: 'ECONNREFUSED' });
    if (mood === 'missing' || shard === undefined) throw fail('shard.unknown');
    if (mood === 'expired') throw fail('grant.expired', { expiredAt: 'yesterday' });
    if (mood === 'truncated') throw fail('remote.unexpected', { from: 'Node', detail: '1 of 2 bytes' });
    if (mood === 'hanging') {
      await new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    }
    if (mood === 'stale')
      return [...shards.values()].find((other) => other[index] !== shard)?.[index] ?? new Uint8Array(shard.length);
    if (mood === 'corrupt') return shard.with(Math.floor(shard.length / 2), shard[Math.floor(shard.length / 2)]! ^ 1);
    return shard;
  };

  return {
    keys,
    policy,
    nodeIds,
    moods,
    requests,
    packs,
    nodes: {
      async getShard(target, { packId, shardIndex }, lengthBytes, { range, into, signal } = {}) {
        const wanted = range ?? { offset: 0, lengthBytes };
        requests.push({ nodeId: target.nodeId, packId, shardIndex, lengthBytes: wanted.lengthBytes });
        const bytes = await serve(target.nodeId, packId, shardIndex, signal);
        const place = into ?? new Uint8Array(wanted.lengthBytes);
        const part = bytes.subarray(wanted.offset, wanted.offset + wanted.lengthBytes);
        place.set(part.subarray(0, place.length));
        return place;
      },
    },
    store(kind, plaintexts) {
      return plaintexts.map((plaintext) => {
        if (open !== undefined && (open.kind !== kind || !open.builder.canAdd(plaintext.length))) close();
        if (open === undefined) {
          const region = arena.alloc(capacity);
          open = {
            kind,
            region,
            builder: new PackBuilder({ dataKey: keys.dataKey, kind, policy, region, randomness: random }),
          };
        }
        const id = hash(plaintext);
        open.builder.addChunk(id, plaintext);
        return id;
      });
    },
    flush: close,
    findChunk: (id) => chunks.get(toHex(id)),
    locatePacks: (packIds) =>
      Promise.resolve(
        packIds.flatMap((packId) => {
          const pack = packs.get(packId);
          if (pack === undefined) return [];
          const places = shards.get(packId)!.map((shard, index) => ({
            target: { nodeId: nodeIds[index]!, addresses: ['127.0.0.1:1'], grant: 'grant' },
            root: toHex(shardTree(shard).root),
            lost: false,
            online: true,
          }));
          return [{ packId, ...policy, shardLengthBytes: pack.shardLengthBytes, shards: places }];
        }),
      ),
  };
}
