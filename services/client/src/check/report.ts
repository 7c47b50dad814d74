/** What a check tells while it runs and when it is done; collects it, bounded. */
import type { PackId } from '@holdfast/protocol';
import type { Fault, NodeFaults } from '../restore/index.ts';
import { marginOf, type PackHealth, stateOf } from './pack-health.ts';

export type CheckVerdict =
  /** All is as it was stored. */
  | 'good'
  /** Everything can be read, but something is missing or wrong. */
  | 'weaker'
  /** Something cannot be read: now, or ever. */
  | 'lost';

/** A file, or a directory with all that is in it, that cannot be restored. */
export interface AffectedFile {
  /** The newest snapshot that has it; older ones may have it too. */
  readonly snapshotId: string;
  readonly path: string;
  readonly code: string;
  /** A sentence. */
  readonly detail: string;
  readonly packId?: PackId;
}

export interface Margin {
  /** How many more nodes may go before such a pack cannot be read; negative: that many are missing. */
  readonly nodes: number;
  readonly packs: number;
}

export interface CheckReport {
  readonly verdict: CheckVerdict;
  readonly readData: boolean;
  readonly headSequence: number;
  /** Checked ones. */
  readonly snapshots: number;
  /** Entries of their trees that are no directories; what several snapshots share counts once. */
  readonly files: number;
  readonly packs: number;
  readonly chunks: number;
  readonly shards: { readonly checked: number; readonly good: number };
  /** Bytes that came from nodes for it; only with `readData`. */
  readonly readBytes: number;
  /** Worst first. */
  readonly margins: readonly Margin[];
  /** At most 1,000 of each, with their counts. */
  readonly weakPacks: readonly PackHealth[];
  readonly weakPackCount: number;
  readonly lostPacks: readonly PackHealth[];
  readonly lostPackCount: number;
  readonly affected: readonly AffectedFile[];
  readonly affectedCount: number;
  /** Some of the affected may come back with nodes that are away; false: none of what is lost can. */
  readonly mayComeBack: boolean;
  /** Files that one more loss makes unreadable. */
  readonly atRiskFiles: readonly { readonly snapshotId: string; readonly path: string }[];
  readonly atRiskFileCount: number;
  /** Chunks that don't come out of good shards as they went in: written wrong, or made up. */
  readonly damagedChunks: number;
  /** The client's own signed word on each pack's roots, found at the nodes, against the mediator's. */
  readonly signedRoots: { readonly confirmed: number; readonly unconfirmed: number; readonly contradicted: number };
  /** Committed packs that no index names: from interrupted backups; the next backup takes them in. */
  readonly unindexedPacks: number;
  /** By node. */
  readonly faults: readonly NodeFaults[];
  /** What else is not as it should be, in sentences. */
  readonly problems: readonly string[];
  readonly durationMs: number;
}

export interface CheckProgress {
  /** `open`: head and index; `packs`: nodes are asked, or read; `snapshots`: trees are walked. */
  readonly phase: 'open' | 'packs' | 'snapshots';
  readonly donePacks: number;
  readonly packs: number;
  readonly doneShards: number;
  /** Of shards: those judged so far, and all. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly files: number;
}

export type CheckEvent =
  | { readonly type: 'fault'; readonly fault: Fault }
  | { readonly type: 'pack'; readonly health: PackHealth }
  | { readonly type: 'affected'; readonly file: AffectedFile };

const MAX_LISTED = 1000;

class Bounded<T> {
  readonly listed: T[] = [];
  count = 0;

  add(item: T): void {
    this.count += 1;
    if (this.listed.length < MAX_LISTED) this.listed.push(item);
  }
}

/** Everything that was found. */
export class Findings {
  readonly weak = new Bounded<PackHealth>();
  readonly lost = new Bounded<PackHealth>();
  readonly affected = new Bounded<AffectedFile>();
  readonly atRisk = new Bounded<{ snapshotId: string; path: string }>();
  readonly problems: string[] = [];
  readonly shards = { checked: 0, good: 0 };
  readonly signedRoots = { confirmed: 0, unconfirmed: 0, contradicted: 0 };
  packs = 0;
  mayComeBack = false;
  /** 64 hex digits. */
  readonly damagedChunks = new Set<string>();
  readonly #margins = new Map<number, number>();
  /** Only of packs that are not whole. */
  readonly #health = new Map<PackId, PackHealth>();
  readonly #onEvent: ((event: CheckEvent) => void) | undefined;

  constructor(onEvent?: (event: CheckEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Undefined: whole. */
  healthOf(packId: PackId): PackHealth | undefined {
    return this.#health.get(packId);
  }

  addPack(health: PackHealth): void {
    this.packs += 1;
    this.shards.checked += health.total;
    this.shards.good += health.good;
    const margin = marginOf(health);
    this.#margins.set(margin, (this.#margins.get(margin) ?? 0) + 1);
    const state = stateOf(health);
    if (state === 'whole') return;
    this.#health.set(health.packId, health);
    if (state === 'unreadable') this.mayComeBack = true;
    (state === 'weaker' ? this.weak : this.lost).add(health);
    this.#onEvent?.({ type: 'pack', health });
  }

  addAffected(file: AffectedFile): void {
    this.affected.add(file);
    this.#onEvent?.({ type: 'affected', file });
  }

  margins(): Margin[] {
    return [...this.#margins].map(([nodes, packs]) => ({ nodes, packs })).toSorted((a, b) => a.nodes - b.nodes);
  }

  verdict(faults: number): CheckVerdict {
    if (this.lost.count + this.affected.count + this.damagedChunks.size > 0) return 'lost';
    const { contradicted } = this.signedRoots;
    return this.weak.count + this.problems.length + contradicted + faults > 0 ? 'weaker' : 'good';
  }
}
