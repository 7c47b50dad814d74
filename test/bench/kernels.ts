/** Speed of the kernels, in MB of input per CPU second; run by hand: node -C @holdfast/source test/bench/kernels.ts */
import { createCipheriv } from 'node:crypto';
import {
  createArena,
  createKernel,
  createMerkleHasher,
  encodeShards,
  LEAF_BYTES,
  proveLeaf,
  reconstructShards,
  shardTree,
  verifyLeaf,
} from '@holdfast/codec';

const MIB = 1024 * 1024;
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

benchChunker();
for (const [k, m] of [
  [1, 1],
  [2, 2],
  [3, 3],
  [4, 4],
  [5, 5],
  [10, 10],
  [20, 20],
] as const)
  benchErasure(k, m);
benchCopies();
benchMerkle();
