/** Ten kinds of storage node for the simulation of reputation: what each still has, when it answers, when it serves. */
import type { Sample, ShardRef } from '@holdfast/protocol';

/** What a node does in one period. */
export interface Answer {
  /** False: it does not answer by the deadline. */
  readonly isThere: boolean;
  /** Shards that it reports lost after the challenge came. */
  readonly reportsLate?: readonly ShardRef[];
}

export interface Behaviour {
  readonly name: string;
  /** Whether its bytes of this shard are what they should be, in this period. */
  holds(shard: ShardRef, period: number): boolean;
  answer(samples: readonly Sample[], period: number): Answer;
  serves(period: number): boolean;
  /** Pack ids that it reports lost of its own accord, before the challenge of this period. */
  readonly reportsEarly?: { readonly period: number; readonly packIds: readonly string[] };
}

/** Numbers from 0 up to and without 1, from a seed. */
export type Random = () => number;

const honest = { holds: () => true, answer: () => ({ isThere: true }), serves: () => true };

/** Down for two nights of seven hours: 2 % of a month. */
export const twoPercentDown = (): Behaviour => {
  const isUp = (period: number): boolean => !((period >= 200 && period < 207) || (period >= 530 && period < 537));
  return { ...honest, name: 'honest, 2 % downtime', answer: (_, period) => ({ isThere: isUp(period) }), serves: isUp };
};

export const slowDisk = (random: Random): Behaviour => ({
  ...honest,
  name: 'slow disk: 8 % of answers too late',
  answer: () => ({ isThere: random() >= 0.08 }),
});

/** Loses these packs at `from` and does not look. */
export const lossy = (name: string, packIds: readonly string[], from: number): Behaviour => {
  const lost = new Set(packIds);
  return { ...honest, name, holds: ({ packId }, period) => period < from || !lost.has(packId) };
};

/** Loses them too, but scrubs and says so before anybody asks. */
export const lossyAndHonest = (packIds: readonly string[], from: number): Behaviour => ({
  ...lossy('lost 1 %, scrubbed and reported it first', packIds, from),
  reportsEarly: { period: from, packIds },
});

/** From `from` on it keeps the shards of the last challenge only. */
export function keepsTheLastOnly(from: number): Behaviour {
  let kept = new Set<string>();
  return {
    ...honest,
    name: 'keeps only what was challenged last',
    holds: ({ packId }, period) => period <= from || kept.has(packId),
    answer(samples, period) {
      if (period === from) kept = new Set(samples.map(({ packId }) => packId));
      return { isThere: true };
    },
  };
}

/** Stays silent whenever it is asked for what it lost, and reports that loss when it is asked again. */
export function silentOnHoles(packIds: readonly string[], from: number): Behaviour {
  const lost = new Set(packIds);
  return {
    ...lossy('lost 1 %, silent when asked for it, reports afterwards', packIds, from),
    answer(samples, period) {
      const missing = period < from ? [] : samples.filter(({ packId }) => lost.has(packId));
      const askedAgain = missing.filter(({ reason }) => reason === 'carried');
      if (missing.length === 0) return { isThere: true };
      return askedAgain.length === 0 ? { isThere: false } : { isThere: false, reportsLate: askedAgain };
    },
  };
}

export const refusesGets = (from: number): Behaviour => ({
  ...honest,
  name: 'answers challenges, refuses GETs',
  serves: (period) => period < from,
});

/** Has none of its own: a sibling's shards of the same packs, which are masked otherwise, stand in for them. */
export const borrowsFromSibling = (): Behaviour => ({
  ...honest,
  name: 'the second of two nodes that share one copy',
  holds: () => false,
});
