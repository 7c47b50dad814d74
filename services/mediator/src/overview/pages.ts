/** Pages of statements. Pure. */
import type { StatementLine } from '../ledger/index.ts';

/**
 * A page ends between two transfers, never inside one, so that the last transfer's number is where the next page goes on.
 * Needs pages as long as one transfer has entries in the statement, two at the most.
 */
export function wholeTransfers(lines: readonly StatementLine[], limit: number): readonly StatementLine[] {
  const last = lines.at(-1)?.transferNo;
  if (lines.length < limit || lines[0]?.transferNo === last) return lines;
  return lines.filter(({ transferNo }) => transferNo !== last);
}
