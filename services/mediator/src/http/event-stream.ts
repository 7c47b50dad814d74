/**
 * The stream of events over a WebSocket: rows, read at the reader's pace. What a reader has not taken waits in the
 * database and not in memory; who does not take what was sent is dropped with a reason and comes back to its place.
 */
import type { TLSSocket } from 'node:tls';
import type { Clock, Logger } from '@holdfast/platform';
import { fail, HoldfastError } from '@holdfast/protocol';
import type { WebSocket } from 'ws';
import type { Session } from '../accounts/index.ts';
import { type EventPlace, type EventRecord, formatPlace, type OverviewStore, scopeOf } from '../overview/index.ts';

export interface EventStreamSettings {
  /** From one look for new events to the next. */
  readonly pollMs: number;
  /** A reader that takes nothing for so long is dropped. */
  readonly slowMs: number;
  readonly pingMs: number;
  readonly maxStreams: number;
  readonly maxStreamsOfOne: number;
  /** Events that are read at once for one reader. */
  readonly batch: number;
}

export const EVENT_STREAM_DEFAULTS: EventStreamSettings = {
  pollMs: 1_000,
  slowMs: 30_000,
  pingMs: 20_000,
  maxStreams: 500,
  maxStreamsOfOne: 8,
  batch: 100,
};

export interface EventStreamsOptions {
  readonly overview: Pick<OverviewStore, 'eventsAfter' | 'eventsEnd'>;
  readonly settings: EventStreamSettings;
  /** Of sessions. */
  readonly clock: Clock;
  /** Of the machine: it is about lines. */
  readonly lineClock: Clock;
  readonly logger: Logger;
  readonly translate: (error: unknown) => HoldfastError | undefined;
  readonly loggable: (error: unknown) => unknown;
}

export interface EventStreams {
  /** @throws HoldfastError `limit.connections`, `link.closing` */
  checkRoom(viewer: Session): void;
  /** @param after undefined: from now on. */
  add(connected: Connected): void;
  close(): Promise<void>;
}

export interface Connected {
  readonly socket: WebSocket;
  readonly stream: TLSSocket;
  readonly viewer: Session;
  readonly after?: EventPlace;
}

interface Reader {
  readonly viewer: Session;
  wake(end: EventPlace): void;
  tick(): void;
  close(reason: HoldfastError): Promise<void>;
}

export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { overview, settings, lineClock, logger } = options;
  const readers = new Set<Reader>();
  let isClosing = false;
  const polling = lineClock.schedule(
    settings.pollMs,
    async () => {
      for (const reader of readers) reader.tick();
      if (readers.size === 0) return;
      const end = await overview.eventsEnd();
      for (const reader of readers) reader.wake(end);
    },
    (error) => logger.warn({ err: options.loggable(error) }, 'the look for events failed; it is tried again'),
  );
  return {
    checkRoom({ publicKey }) {
      if (isClosing) throw fail('link.closing');
      if (readers.size >= settings.maxStreams) throw fail('limit.connections', { limit: settings.maxStreams });
      const own = [...readers].filter(({ viewer }) => viewer.publicKey === publicKey).length;
      if (own >= settings.maxStreamsOfOne) throw fail('limit.connections', { limit: settings.maxStreamsOfOne });
    },
    add(connected) {
      const reader = startReader(options, connected, () => readers.delete(reader));
      readers.add(reader);
      if (isClosing) void reader.close(fail('link.closing'));
    },
    async close() {
      isClosing = true;
      await polling.stop();
      await Promise.all([...readers].map((reader) => reader.close(fail('link.closing'))));
    },
  };
}

/** What a reader may say: pongs. */
const MAX_UNFINISHED_BYTES = 16_384;
const GOING = 1001;
const POLICY = 1008;
const CLOSE_MS = 2_000;

function startReader(options: EventStreamsOptions, connected: Connected, onEnd: () => void): Reader {
  const { clock, overview } = options;
  const { viewer } = connected;
  let end: EventPlace | undefined;
  let pulse = Promise.withResolvers<void>();
  const line = openLine(options, connected, { onClosing: () => pulse.resolve(), onEnd });
  const nextEnd = async (place?: EventPlace): Promise<EventPlace> => {
    for (;;) {
      const latest = end ?? (await overview.eventsEnd());
      if (place === undefined || isBefore(place, latest) || line.closing.aborted) return latest;
      pulse = Promise.withResolvers();
      await pulse.promise;
    }
  };

  followEvents({
    ...options,
    viewer,
    ...(connected.after !== undefined && { after: connected.after }),
    send: (message) => line.send(message),
    isClosing: () => line.closing.aborted,
    nextEnd,
  }).catch((error: unknown) => {
    if (line.closing.aborted) return;
    options.logger.warn({ err: options.loggable(error) }, 'a stream of events broke');
    const known = error instanceof HoldfastError ? error : options.translate(error);
    void line.close(known ?? fail('internal.unexpected', { incident: 'events' }, error));
  });

  return {
    viewer,
    wake(newEnd) {
      end = newEnd;
      pulse.resolve();
    },
    tick() {
      if (viewer.expiresAtMs <= clock.nowMs()) void line.close(fail('auth.session-expired'));
      else line.tick();
    },
    close: (reason) => line.close(reason),
  };
}

interface Line {
  readonly closing: AbortSignal;
  /** Resolves when the socket has taken the message. */
  send(message: object): Promise<void>;
  /** Says why, and cuts the line where the reader does not answer. */
  close(reason: HoldfastError): Promise<void>;
  /** Drops a reader that takes or says nothing; asks a silent one for a sign. */
  tick(): void;
}

function openLine(
  { settings, lineClock }: Pick<EventStreamsOptions, 'settings' | 'lineClock'>,
  { socket, stream }: Pick<Connected, 'socket' | 'stream'>,
  on: { onClosing(): void; onEnd(): void },
): Line {
  const ended = Promise.withResolvers<void>();
  const closing = new AbortController();
  let sentAtMs: number | undefined;
  let heardAtMs = lineClock.nowMs();
  let pingedAtMs = heardAtMs;
  let unfinishedBytes = 0;

  const startClosing = (reason: HoldfastError): void => {
    closing.abort(reason);
    on.onClosing();
  };
  const close = async (reason: HoldfastError): Promise<void> => {
    if (!closing.signal.aborted) {
      startClosing(reason);
      if (socket.readyState === socket.OPEN) {
        const bye = JSON.stringify({ type: 'bye', code: reason.code, detail: reason.message, next: reason.next });
        socket.send(bye, () => undefined);
        socket.close(reason.code === 'link.closing' ? GOING : POLICY, reason.code);
      }
      const cut = setTimeout(() => socket.terminate(), CLOSE_MS);
      void ended.promise.then(() => clearTimeout(cut));
    }
    await ended.promise;
  };

  stream.on('data', (piece: Buffer) => {
    heardAtMs = lineClock.nowMs();
    unfinishedBytes += piece.length;
    if (unfinishedBytes > MAX_UNFINISHED_BYTES) socket.terminate();
  });
  socket.on('pong', () => {
    unfinishedBytes = 0;
  });
  socket.on('message', () => void close(fail('input.invalid', { detail: 'the stream of events takes no messages.' })));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!closing.signal.aborted) startClosing(fail('link.closed', { detail: 'the reader closed it' }));
    ended.resolve();
    on.onEnd();
  });

  return {
    closing: closing.signal,
    close,
    send: (message) =>
      new Promise((resolve, reject) => {
        if (closing.signal.aborted) return reject(closing.signal.reason as Error);
        sentAtMs = lineClock.nowMs();
        socket.send(JSON.stringify(message), (error) => {
          sentAtMs = undefined;
          if (error) reject(fail('link.closed', { detail: error.message }));
          else resolve();
        });
      }),
    tick() {
      const nowMs = lineClock.nowMs();
      if (sentAtMs !== undefined && nowMs - sentAtMs > settings.slowMs) {
        void close(fail('link.too-slow', { pendingBytes: socket.bufferedAmount }));
        socket.terminate();
      } else if (nowMs - heardAtMs > settings.pingMs + settings.slowMs) socket.terminate();
      else if (nowMs - pingedAtMs >= settings.pingMs && socket.readyState === socket.OPEN) {
        pingedAtMs = nowMs;
        socket.ping();
      }
    },
  };
}

interface Following extends Pick<EventStreamsOptions, 'overview' | 'settings'>, Pick<Connected, 'viewer' | 'after'> {
  readonly send: (message: object) => Promise<void>;
  readonly isClosing: () => boolean;
  /** The last event that everybody can see; waits until it is behind `place`, or the stream closes. */
  readonly nextEnd: (place?: EventPlace) => Promise<EventPlace>;
}

async function followEvents({ overview, settings, viewer, after, send, isClosing, nextEnd }: Following): Promise<void> {
  const scope = scopeOf(viewer);
  let end = await nextEnd();
  let place = after ?? end;
  await send({ type: 'hello', role: viewer.role, after: formatPlace(place) });
  while (!isClosing()) {
    const found = await overview.eventsAfter(place, end, scope, settings.batch);
    for (const event of found) await send(showEvent(event));
    if (found.length === settings.batch) {
      place = found.at(-1)!.place;
      continue;
    }
    if (isBefore(place, end)) place = end;
    end = await nextEnd(place);
  }
}

const isBefore = (one: EventPlace, other: EventPlace): boolean =>
  one.madeIn < other.madeIn || (one.madeIn === other.madeIn && one.eventNo < other.eventNo);

const showEvent = ({ place, kind, happenedAtMs, nodeId, clientId, data }: EventRecord) => ({
  type: 'event',
  place: formatPlace(place),
  kind,
  happenedAtMs,
  ...(nodeId !== undefined && { nodeId }),
  ...(clientId !== undefined && { clientId }),
  data,
});
