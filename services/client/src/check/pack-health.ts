/** How well a pack is: judged from what is known of each of its shards. Pure. */
import type { PackKind } from '@holdfast/codec';
import type { PackId } from '@holdfast/protocol';
import type { FaultKind } from '../restore/index.ts';

export interface PackHealth {
  readonly packId: PackId;
  readonly kind: PackKind;
  /** Shards that are as they should be. */
  readonly good: number;
  /** Shards that are needed to read the pack. */
  readonly needed: number;
  readonly total: number;
  /** Shards whose nodes did not answer: they may come back. */
  readonly away: number;
  /** Shards were read and match their roots, and yet what they hold is not what was saved. */
  readonly isDamaged: boolean;
}

export type PackState =
  /** Every shard is there. */
  | 'whole'
  /** Readable, with fewer shards than it should have. */
  | 'weaker'
  /** Too few shards now; enough when the nodes that are away come back. */
  | 'unreadable'
  | 'lost';

export interface ShardCounts {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly dataShards: number;
  /** By shard index: what is wrong with it; undefined: nothing. */
  readonly shards: readonly (FaultKind | undefined)[];
  readonly isDamaged?: boolean;
}

export function judgePack({ packId, kind, dataShards, shards, isDamaged = false }: ShardCounts): PackHealth {
  const count = (wanted: FaultKind | undefined): number => shards.filter((fault) => fault === wanted).length;
  return {
    packId,
    kind,
    good: count(undefined),
    needed: dataShards,
    total: shards.length,
    away: count('unreachable'),
    isDamaged,
  };
}

export function stateOf({ good, needed, total, away, isDamaged }: PackHealth): PackState {
  if (isDamaged) return 'lost';
  if (good >= needed) return good === total ? 'whole' : 'weaker';
  return good + away >= needed ? 'unreadable' : 'lost';
}

/** How many more nodes the pack can lose; negative: it cannot be read. */
export const marginOf = ({ good, needed }: PackHealth): number => good - needed;
