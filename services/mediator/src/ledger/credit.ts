/** An admin's credit: marked as such in the ledger, for as long as money does not come in by itself. */
import type { Clock } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import type { Credit, LedgerStore } from './ports.ts';

/** No single booking is larger: a tenth of all bitcoin there will ever be. */
const MAX_CREDIT_MSAT = 210_000_000_000_000_000n;

/** Books it once per reference. @throws HoldfastError `money.bad-amount` */
export async function creditClient(
  { ledger, clock }: { ledger: LedgerStore; clock: Clock },
  credit: Credit,
): Promise<boolean> {
  const { amountMsat } = credit;
  if (amountMsat <= 0n || amountMsat > MAX_CREDIT_MSAT) throw fail('money.bad-amount', { value: String(amountMsat) });
  return ledger.credit(credit, clock.nowMs());
}
