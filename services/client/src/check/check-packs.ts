/** Judges all packs, many at a time: by asking nodes, or by reading all of their shards on worker threads. */
import type { IndexedPack } from '@holdfast/codec';
import type { NodeId, PackId } from '@holdfast/protocol';
import type { Catalog } from '../catalog/index.ts';
import type { ClientContext, PackPlaces } from '../ports.ts';
import { AwayNodes, type Fault, isAboutGrant, WorkerPool, workerOptionsOf } from '../restore/index.ts';
import { throwIfStopped } from '../transport/index.ts';
import { askNodes } from './ask-nodes.ts';
import type { CheckOptions } from './check.ts';
import { judgePack } from './pack-health.ts';
import type { Findings } from './report.ts';
import type { ShardFaults } from './shard-faults.ts';
import { SignedRoots } from './signed-roots.ts';

interface CheckPacksDeps {
  readonly context: ClientContext;
  readonly catalog: Catalog;
  readonly findings: Findings;
  readonly faults: ShardFaults;
  readonly options: CheckOptions;
  readonly signal: AbortSignal;
}

/** Packs whose places are asked for at once. */
const BATCH_PACKS = 256;
/** Packs whose nodes are asked at the same time; all of their shards at once. */
const ASKED_AT_ONCE = 8;
const DEFAULT_WORKERS = 2;

interface PackVerdict {
  readonly faults: readonly Fault[];
  readonly damagedChunks: readonly string[];
  readonly isTableDamaged: boolean;
}

type JudgeShards = (pack: IndexedPack, places: PackPlaces, grantsAreFresh: boolean) => Promise<PackVerdict>;

export class CheckPacks {
  readBytes = 0;
  readonly #deps: CheckPacksDeps;
  readonly #roots = new SignedRoots();
  readonly #askedForRoots = new Set<NodeId>();
  readonly #progress = { donePacks: 0, packs: 0, doneShards: 0, doneBytes: 0, totalBytes: 0, files: 0 };
  #jobs = 0;

  constructor(deps: CheckPacksDeps) {
    this.#deps = deps;
  }

  /** @param only these packs; undefined: all that the catalog knows */
  async run(only: ReadonlySet<PackId> | undefined): Promise<void> {
    const { catalog, options } = this.#deps;
    const packIds = catalog.packIds().filter((packId) => only?.has(packId) ?? true);
    this.#progress.packs = packIds.length;
    for (const packId of packIds) this.#progress.totalBytes += storedBytes(catalog.getPack(packId)!);
    this.#tell('packs');
    if (options.readData) await this.#withReaders((judge) => this.#judgeAll(packIds, judge));
    else {
      const away = new AwayNodes();
      const { nodes } = this.#deps.context;
      const ask: JudgeShards = async (_, places, grantsAreFresh) => {
        const faults = await askNodes({ nodes, away, signal: this.#deps.signal }, places, grantsAreFresh);
        return { faults: faults.filter((fault) => fault !== undefined), damagedChunks: [], isTableDamaged: false };
      };
      await this.#judgeAll(packIds, ask, ASKED_AT_ONCE);
    }
  }

  /** One more file of a snapshot was looked at. */
  tellFile(): void {
    this.#progress.files += 1;
    this.#tell('snapshots');
  }

  async #judgeAll(packIds: readonly PackId[], judge: JudgeShards, atOnce = this.#readers * 2): Promise<void> {
    for (let at = 0; at < packIds.length; at += BATCH_PACKS) {
      const batch = packIds.slice(at, at + BATCH_PACKS);
      const located = await this.#deps.context.mediator.locatePacks(batch);
      await this.#learnRoots(located);
      const byId = new Map(located.map((places) => [places.packId, places]));
      const next = batch[Symbol.iterator]();
      const work = async (): Promise<void> => {
        for (const packId of next) await this.#judgePack(packId, byId.get(packId), judge);
      };
      const ends = await Promise.allSettled(Array.from({ length: atOnce }, work));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    }
  }

  async #judgePack(packId: PackId, located: PackPlaces | undefined, judge: JudgeShards): Promise<void> {
    const { catalog, findings, faults } = this.#deps;
    throwIfStopped(this.#deps.signal);
    const pack = catalog.getPack(packId)!;
    const { dataShards, parityShards } = pack.policy;
    if (located === undefined) {
      // Its nodes may delete it now: nobody pays for it.
      findings.problems.push(`Pack ${packId} is not committed with the mediator.`);
      const shards = Array.from({ length: dataShards + parityShards }, () => 'lost' as const);
      findings.addPack(judgePack({ packId, kind: pack.kind, dataShards, shards }));
    } else {
      const { verdict, places } = this.#roots.compare(located);
      findings.signedRoots[verdict] += 1;
      const fits = places.dataShards === dataShards && places.shards.length === dataShards + parityShards;
      const judged = fits ? await this.#withGrants(pack, places, judge) : OTHER_SHAPE;
      const shards: (Fault['kind'] | undefined)[] = places.shards.map(() => (fits ? undefined : 'lost'));
      for (const fault of [...faults.earlyOf(packId), ...judged.faults]) shards[fault.shardIndex] = fault.kind;
      for (const fault of judged.faults) faults.add(fault);
      for (const id of judged.damagedChunks) findings.damagedChunks.add(id);
      if (judged.isTableDamaged) {
        findings.problems.push(`The table in pack ${packId} is not what the index says; files do not need it.`);
      }
      findings.addPack(judgePack({ packId, kind: pack.kind, dataShards, shards }));
    }
    this.#progress.donePacks += 1;
    this.#progress.doneShards += dataShards + parityShards;
    this.#progress.doneBytes += storedBytes(pack);
    this.#tell('packs');
  }

  /** A grant that has expired is renewed once. */
  async #withGrants(pack: IndexedPack, places: PackPlaces, judge: JudgeShards): Promise<PackVerdict> {
    try {
      return await judge(pack, places, false);
    } catch (error) {
      if (!isAboutGrant(error)) throw error;
      const [renewed] = await this.#deps.context.mediator.locatePacks([pack.packId]);
      return judge(pack, this.#roots.compare(renewed ?? places).places, true);
    }
  }

  /** From one node after the other, until all of these packs are known. */
  async #learnRoots(located: readonly PackPlaces[]): Promise<void> {
    const { context, signal } = this.#deps;
    for (const { packId, shards } of located) {
      for (const { target, online } of shards) {
        if (this.#roots.has(packId)) break;
        if (!online || this.#askedForRoots.has(target.nodeId)) continue;
        this.#askedForRoots.add(target.nodeId);
        await this.#roots.learnFrom(context, target, signal);
      }
    }
  }

  get #readers(): number {
    return this.#deps.options.workers ?? DEFAULT_WORKERS;
  }

  async #withReaders(work: (judge: JudgeShards) => Promise<void>): Promise<void> {
    const { context, faults, signal, options } = this.#deps;
    const { stallTimeoutMs } = options;
    const pool = new WorkerPool(this.#readers, workerOptionsOf(context, { fsyncFiles: false, stallTimeoutMs }), {
      onFault: (fault) => faults.add(fault),
      onFetched: (count) => (this.readBytes += count),
      onWritten: () => undefined,
    });
    const onStop = (): void => pool.stop();
    signal.addEventListener('abort', onStop, { once: true });
    try {
      await work((pack, places, grantsAreFresh) =>
        pool.verify({ jobId: (this.#jobs += 1), places, grantsAreFresh, table: pack.table.bytes }),
      );
    } finally {
      signal.removeEventListener('abort', onStop);
      pool.stop();
      await pool.close();
    }
  }

  #tell(phase: 'packs' | 'snapshots'): void {
    this.#deps.options.onProgress?.({ phase, ...this.#progress });
  }
}

/** The mediator speaks of another k and n than the index: nothing of it can be relied on. */
const OTHER_SHAPE: PackVerdict = { faults: [], damagedChunks: [], isTableDamaged: false };

const storedBytes = ({ policy, shardLengthBytes }: IndexedPack): number =>
  (policy.dataShards + policy.parityShards) * shardLengthBytes;
