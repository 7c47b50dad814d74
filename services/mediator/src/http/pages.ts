/** Pages of lists, as a query asks for them. */

export const DEFAULT_LIMIT = 50;

/** From the query of a statement. */
export function transferPage({ before, limit = DEFAULT_LIMIT }: { before?: string; limit?: number }) {
  return { limit, ...(before !== undefined && { before: BigInt(before) }) };
}
