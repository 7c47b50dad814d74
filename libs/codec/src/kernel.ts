/**
 * The WebAssembly kernels (wasm/), bound to an arena. They trust their arguments, so everything is checked here: a
 * wrong call gives `codec.bad-argument` and never touches memory that is not its own.
 */
import { fail } from '@holdfast/protocol';
import type { Arena } from './arena.ts';
import {
  CHUNK_MAX_BYTES,
  CHUNK_MIN_BYTES,
  CHUNK_NORMAL_BYTES,
  GEAR_TABLE_LENGTH,
  LOOSE_MASK,
  publishedGearTable,
  STRICT_MASK,
} from './gear.ts';
import { generatorRow, inverse, type Matrix, matrixOf, product } from './gf256.ts';
import { loadKernel } from './kernel-module.ts';
import { badArgument } from './shapes.ts';

/** Shards in one code word at most: room for the addresses in the kernel's tables. */
const MAX_KERNEL_SHARDS = 64;
/** Shard lengths that the kernels take are multiples of this. */
export const SHARD_ALIGNMENT_BYTES = 64;

export interface Kernel {
  readonly arena: Arena;
  /**
   * Length in bytes of the chunk at the start of `view` (a view of this kernel's arena). When no boundary is found in a
   * view shorter than the largest chunk: the whole view if `isLast`, else 0, which means that more bytes are needed.
   * @param searchedBytes the first bytes of the view in which an earlier call found none; they are not searched again.
   */
  cut(view: Uint8Array, isLast: boolean, searchedBytes?: number): number;
  /**
   * Parity of `k` data shards. `data`: k shards of one length, one after the other; `parity`: room for m such shards,
   * overwritten. Both in the arena, apart from each other; the length of a shard is a multiple of 64 bytes.
   */
  encode(data: Uint8Array, parity: Uint8Array, k: number, m: number): void;
  /**
   * Rebuilds, in place, the shards that are `wanted` and not `present`. `shards`: k + m shards of one length, one after
   * the other, in the arena; `present[i]` says that shard i is there and good. The first k of those are read.
   * @throws HoldfastError `codec.too-few-shards` (without a pack id) when fewer than k are present.
   */
  reconstruct(shards: Uint8Array, present: readonly boolean[], wanted: readonly boolean[], k: number, m: number): void;
}

/**
 * Kernels that work on the buffers of `arena`; one per arena.
 * @param gearTable 256 numbers that decide where chunks are cut: secret, from the vault's keys (`gearTable` of
 *   pack-keys.ts). Without it the published table, which tells file contents by chunk lengths: for tests and vectors.
 */
export function createKernel(arena: Arena, gearTable: BigUint64Array = publishedGearTable()): Kernel {
  if (gearTable.length !== GEAR_TABLE_LENGTH) throw badArgument(`a gear table of ${gearTable.length} entries.`);
  const { scan, combine } = loadKernel(arena.memory, gearTable);
  return {
    arena,
    cut(view, isLast, searchedBytes = 0) {
      const address = arena.addressOf(view, 'chunk view');
      if (!Number.isSafeInteger(searchedBytes) || searchedBytes < 0 || searchedBytes > view.length) {
        throw badArgument(`${searchedBytes} searched bytes of a view of ${view.length}.`);
      }
      const end = Math.min(view.length, CHUNK_MAX_BYTES);
      const from = Math.max(CHUNK_MIN_BYTES, searchedBytes + 1);
      const found = scan(address, from, end, CHUNK_NORMAL_BYTES, STRICT_MASK, LOOSE_MASK);
      if (found !== 0) return found;
      return isLast || end === CHUNK_MAX_BYTES ? end : 0;
    },
    encode(data, parity, k, m) {
      checkCounts(k, m);
      const length = shardLength(data, k, 'data');
      if (parity.length !== m * length)
        throw badArgument(`${parity.length} bytes for ${m} parity shards of ${length}.`);
      const dataAt = arena.addressOf(data, 'data region');
      const parityAt = arena.addressOf(parity, 'parity region');
      if (dataAt < parityAt + parity.length && parityAt < dataAt + data.length) {
        throw badArgument('data and parity that overlap.');
      }
      const matrix = matrixOf(Array.from({ length: m }, (_, row) => generatorRow(k + row, k)));
      combine(matrix, addresses(dataAt, length, k), addresses(parityAt, length, m), length);
    },
    reconstruct(shards, present, wanted, k, m) {
      checkCounts(k, m);
      const length = shardLength(shards, k + m, 'shards');
      const start = arena.addressOf(shards, 'shard region');
      if (present.length !== k + m || wanted.length !== k + m) {
        throw badArgument(`flags for ${present.length} and ${wanted.length} shards of ${k + m}.`);
      }
      const all = addresses(start, length, k + m);
      const plan = planReconstruction(present, wanted, k);
      if (plan.targets.length === 0) return;
      combine(plan.matrix, pick(all, plan.sources), pick(all, plan.targets), length);
    },
  };
}

/** Which shards to read and to write, and the matrix between them. */
export interface ReconstructionPlan {
  readonly sources: readonly number[];
  readonly targets: readonly number[];
  readonly matrix: Matrix;
}

/**
 * How to rebuild the shards that are wanted and not present from the first k present ones (indices ascending).
 * @throws HoldfastError `codec.too-few-shards` (without a pack id) when fewer than k are present.
 */
export function planReconstruction(
  present: readonly boolean[],
  wanted: readonly boolean[],
  k: number,
): ReconstructionPlan {
  const good = [...present.keys()].filter((index) => present[index]);
  if (good.length < k) throw fail('codec.too-few-shards', { good: good.length, needed: k });
  const sources = good.slice(0, k);
  const targets = [...wanted.keys()].filter((index) => wanted[index] && !present[index]);
  const decode = inverse(matrixOf(sources.map((index) => generatorRow(index, k))));
  return { sources, targets, matrix: product(matrixOf(targets.map((index) => generatorRow(index, k))), decode) };
}

const addresses = (start: number, length: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => start + index * length);

const pick = (all: readonly number[], indices: readonly number[]): number[] => indices.map((index) => all[index]!);

/** Bounds of the kernel itself, wider than those of a policy. */
export function checkCounts(k: number, m: number): void {
  if (!Number.isInteger(k) || !Number.isInteger(m) || k < 1 || m < 1 || k + m > MAX_KERNEL_SHARDS) {
    throw badArgument(`${k} data and ${m} parity shards (at least 1 of each, at most ${MAX_KERNEL_SHARDS} in all).`);
  }
}

function shardLength(region: Uint8Array, count: number, what: string): number {
  const length = region.length / count;
  if (length < SHARD_ALIGNMENT_BYTES || length % SHARD_ALIGNMENT_BYTES !== 0) {
    throw badArgument(`a ${what} region of ${region.length} bytes for ${count} shards of a multiple of 64 bytes.`);
  }
  return length;
}
