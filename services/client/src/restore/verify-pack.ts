/** Reads all n shards of a pack, each judged by its own root, then opens every chunk from k good ones. In bounded memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { maskShard, packMaskKey, PackReader, PackTable, shardTree } from '@holdfast/codec';
import { fail, HoldfastError, toHex } from '@holdfast/protocol';
import { AWAY, type AwayNodes } from './away-nodes.ts';
import { type Fault, faultOf } from './faults.ts';
import { isAboutGrant, packBufferBytes } from './fetch-pack.ts';
import type { VerifyJob, VerifyResult } from './job.ts';
import type { HeldShard } from './rebuild-pack.ts';
import type { JobDeps, PackBuffers } from './run-job.ts';

type VerifyDeps = Pick<JobDeps, 'keys' | 'chunkId' | 'nodes' | 'rebuilder' | 'news' | 'garbage' | 'signal'> & {
  /** One per thread: see AwayNodes. */
  readonly away: AwayNodes;
};

const TURN_BYTES = 4 * 1024 * 1024;

/** @throws HoldfastError `client.interrupted`, `grant.*` when the grants should be renewed */
export async function verifyPack(deps: VerifyDeps, buffers: PackBuffers, job: VerifyJob): Promise<VerifyResult> {
  return buffers.use(packBufferBytes(job.places), async (buffer) => {
    const reading = new PackReading(deps, job, buffer);
    await reading.readShards();
    const { good, faults, held } = reading;
    const { dataShards, parityShards, shardLengthBytes } = job.places;
    const { jobId } = job;
    if (held.length < dataShards) return { jobId, faults, good, damagedChunks: [], isTableDamaged: false };
    deps.rebuilder.rebuild(buffer, shardLengthBytes, held, dataShards, parityShards);
    const pack = buffer.subarray(0, dataShards * shardLengthBytes);
    return { jobId, faults, good, ...(await openAll(deps, job, pack)) };
  });
}

class PackReading {
  readonly faults: Fault[] = [];
  readonly good: boolean[];
  /** In the buffer, unmasked; at most k. */
  readonly held: HeldShard[] = [];
  readonly #deps: VerifyDeps;
  readonly #job: VerifyJob;
  readonly #buffer: Uint8Array;

  constructor(deps: VerifyDeps, job: VerifyJob, buffer: Uint8Array) {
    this.#deps = deps;
    this.#job = job;
    this.#buffer = buffer;
    this.good = job.places.shards.map(() => false);
  }

  /** Data shards at once, each to its place; then the others one by one, into a place that is free. */
  async readShards(): Promise<void> {
    const { dataShards, shards } = this.#job.places;
    const data = await Promise.allSettled(
      Array.from({ length: dataShards }, (_, shardIndex) => this.#read(shardIndex, shardIndex)),
    );
    for (const end of data) if (end.status === 'rejected') throw end.reason;
    for (let shardIndex = dataShards; shardIndex < shards.length; shardIndex += 1) {
      const taken = new Set(this.held.map(({ slot }) => slot));
      const slot = Array.from({ length: dataShards + 1 }, (_, index) => index).find((index) => !taken.has(index))!;
      await this.#read(shardIndex, slot);
    }
  }

  async #read(shardIndex: number, slot: number): Promise<void> {
    const { nodes, away, signal, keys, news, garbage } = this.#deps;
    const { packId, shardLengthBytes, shards, dataShards } = this.#job.places;
    const { target, root } = shards[shardIndex]!;
    if (signal?.aborted) throw fail('client.interrupted', {}, signal.reason);
    if (away.isAway(target.nodeId)) {
      this.#blame(shardIndex, AWAY);
      return;
    }
    const into = this.#buffer.subarray(slot * shardLengthBytes, (slot + 1) * shardLengthBytes);
    try {
      await nodes.getShard(target, { packId, shardIndex }, shardLengthBytes, {
        into,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw fail('client.interrupted', {}, signal.reason);
      if (isAboutGrant(error) && !this.#job.grantsAreFresh) throw error;
      const fault = faultOf(error);
      away.note(target.nodeId, fault.kind);
      this.#blame(shardIndex, fault);
      return;
    }
    away.answered(target.nodeId);
    news.onFetched(shardLengthBytes);
    if (toHex(shardTree(into).root) !== root) {
      this.#blame(shardIndex, { kind: 'wrong-bytes', detail: 'The shard does not match its root.' });
      return;
    }
    this.good[shardIndex] = true;
    if (this.held.length >= dataShards) return;
    maskShard(packMaskKey(keys.maskKey, packId), shardIndex, into, (piece) => garbage.add(piece.length));
    this.held.push({ shardIndex, slot });
  }

  #blame(shardIndex: number, what: Pick<Fault, 'kind' | 'detail'>): void {
    const { packId, shards } = this.#job.places;
    this.faults.push({ nodeId: shards[shardIndex]!.target.nodeId, packId, shardIndex, ...what });
  }
}

/** Opens every chunk that the index names, and compares the pack's own table with it. */
async function openAll(
  { keys, chunkId, signal, garbage }: VerifyDeps,
  { places, table: tableBytes }: VerifyJob,
  pack: Uint8Array,
): Promise<Pick<VerifyResult, 'damagedChunks' | 'isTableDamaged'>> {
  const reader = new PackReader({ dataKey: keys.dataKey, chunkIdKey: chunkId, packId: places.packId });
  const damagedChunks: string[] = [];
  let turnBytes = 0;
  for (const entry of new PackTable(tableBytes).entries()) {
    try {
      const { length } = reader.openChunkOf(pack, entry);
      garbage.add(2 * length);
      turnBytes += length;
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      damagedChunks.push(toHex(entry.id));
    }
    if (turnBytes < TURN_BYTES) continue;
    turnBytes = 0;
    await nextTurn();
    if (signal?.aborted) throw fail('client.interrupted', {}, signal.reason);
  }
  return { damagedChunks, isTableDamaged: !hasTable(reader, pack, tableBytes) };
}

function hasTable(reader: PackReader, pack: Uint8Array, expected: Uint8Array): boolean {
  try {
    return Buffer.compare(reader.readPack(pack).table.bytes, expected) === 0;
  } catch (error) {
    if (error instanceof HoldfastError) return false;
    throw error;
  }
}
