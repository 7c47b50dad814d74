/** What happened, written in the transaction in which it happened. Whoever listens on the channel reads the rows. */
import type { EventLog, MoneyEvent } from '../../jobs/index.ts';
import { afterCommit, type Database, inTransaction, type Transaction } from './database.ts';
import { events } from './challenge-schema.ts';

/** Payload: nothing. Read what is new. */
const EVENT_CHANNEL = 'holdfast_event';

type EventKind =
  | 'challenge.issued'
  | 'challenge.judged'
  | 'challenge.void'
  | 'node.standing'
  | 'node.serving'
  | 'shards.lost'
  | `deposit.${'seen' | 'credited' | 'reversed' | 'gone' | 'unclaimed'}`
  | 'payout.sent'
  | 'payout.paid'
  | 'payout.voided'
  | 'payout-address.changing'
  | 'withdrawal.requested'
  | 'withdrawal.cancelled'
  | 'withdrawal.sent'
  | 'withdrawal.paid'
  | 'withdrawal.voided'
  | `reconciliation.${'differs' | 'resolved'}`
  | MoneyEvent['kind'];

export interface NewEvent {
  readonly kind: EventKind;
  readonly nodeId?: string;
  readonly clientId?: string;
  /** An event with a key that was told before is not told again. */
  readonly onceKey?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function noteEvents(tx: Transaction, list: readonly NewEvent[], nowMs: number): Promise<void> {
  if (list.length === 0) return;
  const rows = list.map(({ kind, nodeId, clientId, onceKey, data }) => ({
    kind,
    nodeId: nodeId ?? null,
    clientId: clientId ?? null,
    onceKey: onceKey ?? null,
    happenedAtMs: nowMs,
    data,
  }));
  await tx.insert(events).values(rows).onConflictDoNothing();
  afterCommit(tx, (database) => {
    // Whoever misses it reads the rows a little later.
    database.$client.query('SELECT pg_notify($1, $2)', [EVENT_CHANNEL, '']).catch(() => undefined);
  });
}

export const createEventLog = (database: Database): EventLog => ({
  tell: (list, nowMs) => inTransaction(database, (tx) => noteEvents(tx, list, nowMs)),
});
