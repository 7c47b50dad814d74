/** Each stage of the codec by itself on one core, in MB of input per CPU second: npm run bench -- --only stages */
import { createCipheriv } from 'node:crypto';
import { systemRandomness } from '@holdfast/platform';
import {
  createArena,
  createChunkIdHasher,
  createKernel,
  createMerkleHasher,
  encodeShards,
  LEAF_BYTES,
  maskShard,
  PackBuilder,
  packCapacityBytes,
  packMaskKey,
  PackReader,
  proveLeaf,
  reconstructShards,
  shardTree,
  verifyLeaf,
} from '@holdfast/codec';
import { createText } from './trees.ts';

const MIB = 1024 * 1024;
const POLICY = { dataShards: 4, parityShards: 4 };
/** Of 1 MiB: what fills a pack of 24 MiB. */
const PACK_CHUNKS = 23;
const ROUNDS = 5;
const ROUND_MS = 250;

/** Best of some rounds: the machine is shared, and interference only ever slows down. */
function rate(work: () => number): number {
  work();
  let best = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = process.cpuUsage();
    const end = performance.now() + ROUND_MS;
    let count = 0;
    while (performance.now() < end) count += work();
    const used = process.cpuUsage(before);
    best = Math.max(best, count / (used.user + used.system));
  }
  return best;
}

const report = (name: string, value: number, unit: string): void =>
  void process.stdout.write(`${name.padEnd(44)} ${value.toFixed(value < 100 ? 1 : 0).padStart(8)} ${unit}\n`);

const arena = createArena(160 * MIB);
const kernel = createKernel(arena);
const space = arena.alloc(160 * MIB);
const random = createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16));
for (let at = 0; at < space.length; at += MIB) space.set(random.update(Buffer.alloc(MIB)), at);

function benchChunker(): void {
  const data = space.subarray(0, 96 * MIB);
  const cutAll = (): number => {
    for (let at = 0; at < data.length;) at += kernel.cut(data.subarray(at), true);
    return data.length;
  };
  report('chunker, random bytes, resident', rate(cutAll), 'MB/s');
}

function benchErasure(k: number, m: number): void {
  const length = Math.floor((32 * MIB) / k / 65_536) * 65_536;
  const shards = space.subarray(0, (k + m) * length);
  const data = shards.subarray(0, k * length);
  const encode = (): number => {
    kernel.encode(data, shards.subarray(k * length), k, m);
    return data.length;
  };
  report(`encode ${k}+${m}, shards of ${length / MIB} MiB, resident`, rate(encode), 'MB/s');
  const present = Array.from({ length: k + m }, (_, index) => index >= k);
  const wanted = present.map((isPresent) => !isPresent);
  if (m < k) return;
  const reconstruct = (): number => {
    kernel.reconstruct(shards, present, wanted, k, m);
    return data.length;
  };
  report(`reconstruct ${k}+${m}, all data from parity`, rate(reconstruct), 'MB/s');
}

function benchCopies(): void {
  const data = new Uint8Array(space.slice(0, 32 * MIB));
  const shards = encodeShards(data, 4, 4);
  const missing = shards.map((shard, index) => (index < 4 ? undefined : shard));
  report(
    'encodeShards 4+4, with copies',
    rate(() => encodeShards(data, 4, 4).length && data.length),
    'MB/s',
  );
  report(
    'reconstructShards 4+4',
    rate(() => reconstructShards(missing, 4, 4).length && data.length),
    'MB/s',
  );
}

function benchMerkle(): void {
  const shard = space.subarray(0, 8 * MIB);
  const hash = (): number => {
    const hasher = createMerkleHasher();
    for (let at = 0; at < shard.length; at += MIB) hasher.push(shard.subarray(at, at + MIB));
    return hasher.finish().lengthBytes;
  };
  report('Merkle tree of a shard of 8 MiB', rate(hash), 'MB/s');
  const { root, groupHashes } = shardTree(shard);
  const group = shard.subarray(0, 65_536);
  const proof = proveLeaf(group, groupHashes, 5);
  // counts are per µs of CPU, so ×10^6 is per second
  report('leaf proofs made', rate(() => proveLeaf(group, groupHashes, 5).leaf.length / LEAF_BYTES) * 1e6, '/s');
  const verify = (): number => {
    verifyLeaf(root, shard.length, 5, proof);
    return 1;
  };
  report('leaf proofs verified', rate(verify) * 1e6, '/s');
}

/** Sealing as a backup does it (compress, seal, table), and opening as a restore does it (open, decompress, verify the id). */
function benchPacks(title: string, content: Uint8Array): void {
  const key = Buffer.alloc(32, 7);
  const idOf = createChunkIdHasher(key);
  const region = space.subarray(64 * MIB, 64 * MIB + packCapacityBytes(POLICY));
  const chunks = Array.from({ length: PACK_CHUNKS }, (_, index) => content.subarray(index * MIB, (index + 1) * MIB));
  const seal = (): ReturnType<PackBuilder['finish']> => {
    const options = { dataKey: key, kind: 'data', policy: POLICY, region, randomness: systemRandomness } as const;
    const builder = new PackBuilder(options);
    for (const chunk of chunks) builder.addChunk(idOf(chunk), chunk);
    return builder.finish();
  };
  report(
    `seal packs of ${title}, ids included`,
    rate(() => seal() && PACK_CHUNKS * MIB),
    'MB/s',
  );
  const { packId, packLengthBytes } = seal();
  const reader = new PackReader({ dataKey: key, chunkIdKey: idOf, packId });
  const pack = region.subarray(0, packLengthBytes);
  const open = (): number => {
    let bytes = 0;
    for (const entry of reader.readPack(pack).table.entries()) bytes += reader.openChunkOf(pack, entry).length;
    return bytes;
  };
  report(`open packs of ${title}, ids verified`, rate(open), 'MB/s');
}

function benchMask(): void {
  const shard = space.subarray(0, 8 * MIB);
  const maskKey = packMaskKey(Buffer.alloc(32, 9), '00'.repeat(32));
  report(
    'mask shards',
    rate(() => (maskShard(maskKey, 3, shard), shard.length)),
    'MB/s',
  );
}

/** Prints one line for each stage. */
export function benchStages(): void {
  process.stdout.write('\ncodec, one core, per CPU second, best of some rounds\n');
  benchChunker();
  benchPacks('random bytes', space.slice(0, 24 * MIB));
  benchPacks('text', createText('stages')(24 * MIB));
  for (const size of [1, 2, 3, 4, 5, 10, 20]) benchErasure(size, size);
  benchCopies();
  benchMask();
  benchMerkle();
}
