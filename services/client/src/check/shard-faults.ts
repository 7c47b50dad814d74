/** Counts each shard that is not well once: indexes and trees are read before and after all packs are judged. */
import type { PackId } from '@holdfast/protocol';
import { type Fault, FaultLog, type NodeFaults } from '../restore/index.ts';

/** Beyond it a shard may count twice. */
const MAX_KNOWN = 100_000;

export class ShardFaults {
  readonly #log: FaultLog;
  readonly #known = new Set<string>();
  /** Of the few packs that were read to open the vault. */
  readonly #early = new Map<PackId, Fault[]>();

  constructor(onFault: (fault: Fault) => void) {
    this.#log = new FaultLog(onFault);
  }

  /** Found while opening the vault or walking its trees, whatever the node says when it is asked. */
  addRead(fault: Fault): void {
    const early = this.#early.get(fault.packId);
    if (early === undefined) this.#early.set(fault.packId, [fault]);
    else early.push(fault);
    this.add(fault);
  }

  earlyOf(packId: PackId): readonly Fault[] {
    return this.#early.get(packId) ?? [];
  }

  add(fault: Fault): void {
    const key = `${fault.packId}/${fault.shardIndex}`;
    if (this.#known.has(key)) return;
    if (this.#known.size < MAX_KNOWN) this.#known.add(key);
    this.#log.add(fault);
  }

  summary(): NodeFaults[] {
    return this.#log.summary();
  }
}
