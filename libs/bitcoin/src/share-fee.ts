/** Splits a batch's fee among its payees: each pays for its own output and an equal part of everything else. */

/**
 * Shares in whole satoshi, in the order of `ownWeights`, that sum to the fee exactly. Two payees with equal outputs differ
 * by one satoshi at most; the earlier one bears it.
 * @param ownWeights the weight of each payee's output
 * @param totalWeight of the whole transaction
 */
export function shareFee(feeSats: bigint, ownWeights: readonly number[], totalWeight: number): bigint[] {
  const count = BigInt(ownWeights.length);
  const common = BigInt(totalWeight) - ownWeights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  // In units of weight / count, so that an equal part of what is common stays whole.
  const parts = ownWeights.map((weight) => BigInt(weight) * count + common);
  const whole = BigInt(totalWeight) * count;
  const shares = parts.map((part) => (feeSats * part) / whole);
  let left = feeSats - shares.reduce((sum, share) => sum + share, 0n);
  const byRest = parts
    .map((part, index) => ({ index, rest: (feeSats * part) % whole }))
    .toSorted((a, b) => Number(b.rest - a.rest) || a.index - b.index);
  for (const { index } of byRest) {
    if (left === 0n) break;
    shares[index] = (shares[index] as bigint) + 1n;
    left -= 1n;
  }
  return shares;
}
