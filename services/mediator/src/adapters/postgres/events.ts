/** What happened, written in the transaction in which it happened. Whoever listens on the channel reads the rows. */
import { afterCommit, type Transaction } from './database.ts';
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
  | 'escrow.low';

export interface NewEvent {
  readonly kind: EventKind;
  readonly nodeId?: string;
  readonly clientId?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function noteEvents(tx: Transaction, list: readonly NewEvent[], nowMs: number): Promise<void> {
  if (list.length === 0) return;
  await tx.insert(events).values(
    list.map(({ kind, nodeId, clientId, data }) => ({
      kind,
      nodeId: nodeId ?? null,
      clientId: clientId ?? null,
      happenedAtMs: nowMs,
      data,
    })),
  );
  afterCommit(tx, (database) => {
    // Whoever misses it reads the rows a little later.
    database.$client.query('SELECT pg_notify($1, $2)', [EVENT_CHANNEL, '']).catch(() => undefined);
  });
}
