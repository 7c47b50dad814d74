/** Who runs the storage nodes of demo, journeys and benchmark, and at which price. */

/** Operators of the demo and the journeys, cheapest first; the ninth is the dearest. */
export const OPERATORS = [
  'ada',
  'grace',
  'edsger',
  'barbara',
  'donald',
  'margaret',
  'dennis',
  'radia',
  'leslie',
] as const;

/** Price of node `index` in sat/TB·month: 900, 1000, …: every node has another. */
export const priceOf = (index: number): bigint => BigInt(900 + 100 * index);
