/** The erasure code for shards in ordinary memory, copied through a small arena: for repair, tools and tests. */
import { type Arena, createArena } from './arena.ts';
import { publishedGearTable } from './gear.ts';
import { generatorRow, type Matrix, matrixOf } from './gf256.ts';
import { checkCounts, planReconstruction, SHARD_ALIGNMENT_BYTES } from './kernel.ts';
import { type LoadedKernel, loadKernel } from './kernel-module.ts';
import { badArgument } from './shapes.ts';

/** Bytes of all shards together that are worked on at a time. */
const WORKSPACE_BYTES = 512 * 1024;

/**
 * All k + m shards of `data`: the first k are views of `data` (no copy), the m parity shards are new.
 * @param data k shards of one length (any, at least 1 byte), one after the other.
 * @throws HoldfastError `codec.bad-argument` for other lengths or counts.
 */
export function encodeShards(data: Uint8Array, k: number, m: number): Uint8Array[] {
  checkCounts(k, m);
  const length = data.length / k;
  if (length < 1 || !Number.isInteger(length)) throw badArgument(`${data.length} bytes for ${k} shards of one length.`);
  const inputs = Array.from({ length: k }, (_, index) => data.subarray(index * length, (index + 1) * length));
  const matrix = matrixOf(Array.from({ length: m }, (_, index) => generatorRow(k + index, k)));
  return [...inputs, ...combineCopies(matrix, inputs, length)];
}

/**
 * All k + m shards from at least k of them: those given come back as they are, the others are rebuilt from the first k
 * given. Nothing is verified: check every shard against its root first.
 * @param shards by shard index; undefined where it is missing.
 * @throws HoldfastError `codec.too-few-shards` (without a pack id) when fewer than k are given, `codec.bad-argument`
 *   for other counts or unequal lengths.
 */
export function reconstructShards(shards: readonly (Uint8Array | undefined)[], k: number, m: number): Uint8Array[] {
  checkCounts(k, m);
  if (shards.length !== k + m) throw badArgument(`${shards.length} places for ${k + m} shards.`);
  const present = Array.from(shards, (shard) => shard !== undefined);
  const { sources, targets, matrix } = planReconstruction(
    present,
    present.map(() => true),
    k,
  );
  const length = shards[sources[0]!]!.length;
  if (length === 0) throw badArgument('empty shards.');
  for (const shard of shards) {
    if (shard !== undefined && shard.length !== length) {
      throw badArgument(`shards of different lengths (${length} and ${shard.length} bytes).`);
    }
  }
  const rebuilt = combineCopies(
    matrix,
    sources.map((index) => shards[index]!),
    length,
  );
  return Array.from(shards, (shard, index) => shard ?? rebuilt[targets.indexOf(index)]!);
}

interface Workspace {
  readonly arena: Arena;
  readonly kernel: LoadedKernel;
}

let workspace: Workspace | undefined;

function getWorkspace(): Workspace {
  if (workspace === undefined) {
    const arena = createArena(WORKSPACE_BYTES);
    workspace = { arena, kernel: loadKernel(arena.memory, publishedGearTable()) };
  }
  return workspace;
}

/** Output i = sum over j of matrix[i][j] · inputs[j], all of `length` bytes. */
function combineCopies(matrix: Matrix, inputs: readonly Uint8Array[], length: number): Uint8Array[] {
  const outputs = Array.from({ length: matrix.rows }, () => new Uint8Array(length));
  if (outputs.length === 0) return outputs;
  const { arena, kernel } = getWorkspace();
  const mark = arena.mark();
  const count = inputs.length + outputs.length;
  const room = Math.floor(arena.sizeBytes / count / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES;
  const stride = Math.min(room, Math.ceil(length / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES);
  const space = arena.alloc(stride * count);
  try {
    const addresses = Array.from({ length: count }, (_, index) => space.byteOffset + index * stride);
    for (let at = 0; at < length; at += stride) {
      const end = Math.min(at + stride, length);
      inputs.forEach((input, index) => space.set(input.subarray(at, end), index * stride));
      // The last slice may end inside the alignment: whatever follows it is computed too, and left behind.
      const aligned = Math.ceil((end - at) / SHARD_ALIGNMENT_BYTES) * SHARD_ALIGNMENT_BYTES;
      kernel.combine(matrix, addresses.slice(0, inputs.length), addresses.slice(inputs.length), aligned);
      outputs.forEach((output, index) => {
        const from = (inputs.length + index) * stride;
        output.set(space.subarray(from, from + end - at), at);
      });
    }
  } finally {
    arena.release(mark);
  }
  return outputs;
}
