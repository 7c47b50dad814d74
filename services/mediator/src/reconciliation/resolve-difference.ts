/** An admin's word on a difference: with a note, and where asked for, booked as the operator's own doing. */
import { fail } from '@holdfast/protocol';
import type { Line, Reconciliation, ReconciliationStore } from './ports.ts';

export interface Resolution {
  readonly resolvedBy: string;
  readonly note: string;
  /** What came in without a reason becomes the operator's money, what left is taken from it. */
  readonly book: boolean;
}

export interface ResolveOptions {
  readonly store: ReconciliationStore;
  /** What differs now; undefined when it cannot be looked at. */
  readonly look: () => Promise<readonly Line[] | undefined>;
  readonly nowMs: () => number;
}

/** @throws HoldfastError `reconciliation.unknown`, `.no-difference`, `.not-bookable`, `.not-covered`, `.busy` */
export async function resolveDifference(
  options: ResolveOptions,
  number: number,
  resolution: Resolution,
): Promise<Reconciliation> {
  const { store } = options;
  const found = await store.find(number);
  if (found === undefined) throw fail('reconciliation.unknown', { number });
  if (found.state !== 'differs') throw fail('reconciliation.no-difference', { number });
  if (resolution.book) {
    const isDone = await store.alone(async () => {
      await book(options, found, resolution.note);
      return true;
    });
    if (isDone === undefined) throw fail('reconciliation.busy');
  }
  const { resolvedBy, note } = resolution;
  const resolved = await store.resolve(number, { resolvedBy, note }, options.nowMs());
  if (resolved === undefined) throw fail('reconciliation.no-difference', { number });
  return resolved;
}

/** Only what differs still, so that nothing is booked twice, by whatever number it is resolved. */
async function book({ store, look, nowMs }: ResolveOptions, found: Reconciliation, note: string): Promise<void> {
  const now = await look();
  if (now === undefined) throw fail('reconciliation.busy');
  const isThere = (line: Line): boolean =>
    now.some(({ subject, sats }) => subject === line.subject && sats === line.sats);
  for (const { subject, sats } of found.differences.filter(isThere)) {
    if (!/^[0-9a-f]{64}$/.test(subject)) throw fail('reconciliation.not-bookable', { subject });
    const kind = sats > 0n ? 'funding' : 'funding_returned';
    const isBooked = await store.book({ txid: subject, kind, sats, note }, nowMs());
    if (!isBooked) throw fail('reconciliation.not-covered', { subject, sats: -sats });
  }
}
