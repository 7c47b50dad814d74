/**
 * One WebSocket to a node: what comes is handled one message at a time, in order, and not read faster than that; what
 * goes is awaited until the system took it. So a node can make the mediator hold one message either way, no more.
 */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@holdfast/platform';
import { encodeToNode, fail, HoldfastError, MAX_TEXT_FROM_NODE_BYTES, textsOf, type ToNode } from '@holdfast/protocol';
import type { RawData, WebSocket } from 'ws';
import type { LinkSettings } from './settings.ts';
import { createThrottle } from './throttle.ts';

export interface NodeSocketOptions {
  readonly socket: WebSocket;
  /** What `socket` runs over. */
  readonly stream: TLSSocket;
  readonly settings: LinkSettings;
  /** Of the machine: it is about lines, not about the domain's time. */
  readonly clock: Clock;
  readonly onText: (text: string) => Promise<void>;
  readonly onBinary: (bytes: Uint8Array) => Promise<void>;
  /** Once, when the socket is gone. */
  readonly onEnd: () => void;
}

export interface NodeSocket {
  /** Resolves when the system took it. @throws HoldfastError `link.closed` */
  send(message: ToNode): Promise<void>;
  /** Runs after what came before it, and before what comes after. */
  inTurn(work: () => Promise<void>): void;
  /** A message of so many bytes may come: a proof that was asked for. */
  allow(bytes: number): void;
  /** Says why, then closes; cuts the line when the node does not close in time. Resolves when it is gone and nothing runs for it any more. */
  close(reason: HoldfastError): Promise<void>;
  /** Pings, and gives up a line without a sign of life. Called every `pingMs`. */
  tick(nowMs: number): void;
  readonly closing: AbortSignal;
}

/** Beyond what one message may have: what lies in the same piece of the stream, and frame heads. */
const SLACK_BYTES = 131_072;
/** Messages that wait for their turn before the line is not read any more. */
const MAX_WAITING = 4;
const CLOSE_CODES = { going: 1001, policy: 1008, tooBig: 1009, failure: 1011 } as const;

export function createNodeSocket(options: NodeSocketOptions): NodeSocket {
  const { socket, stream, settings, clock } = options;
  const throttle = createThrottle(settings.burst, settings.perSecond, clock);
  const ended = Promise.withResolvers<void>();
  const closing = new AbortController();
  let heardAtMs = clock.nowMs();
  let takenAtMs = heardAtMs;
  let waiting = 0;
  let chain: Promise<void> = Promise.resolve();

  const heard = (): void => {
    heardAtMs = clock.nowMs();
  };
  const inTurn = (work: () => Promise<void>): void => {
    chain = chain.then(async () => {
      if (closing.signal.aborted) return;
      await work().catch((error: unknown) => void close(asReason(error)));
    });
  };
  const take = (work: () => Promise<void>): void => {
    guard.messageEnded();
    if (closing.signal.aborted) return;
    waiting += 1;
    if (waiting >= MAX_WAITING) socket.pause();
    inTurn(async () => {
      await throttle.pass(closing.signal);
      await work();
    });
    chain = chain.finally(() => {
      waiting -= 1;
      heard();
      if (socket.isPaused && waiting < MAX_WAITING) socket.resume();
    });
  };
  const close = async (reason: HoldfastError): Promise<void> => {
    if (!closing.signal.aborted) {
      closing.abort(reason);
      sayBye(socket, reason);
      // A closed socket has still to read the other side's farewell.
      if (socket.isPaused) socket.resume();
      const cut = setTimeout(() => socket.terminate(), settings.closeMs);
      void ended.promise.then(() => clearTimeout(cut));
    }
    await ended.promise;
    await chain;
  };

  const guard = guardStream(stream, heard, (limit) => {
    void close(tooLarge(limit));
    socket.terminate();
  });
  socket.on('pong', heard);
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const bytes = data as Buffer;
    if (isBinary) take(() => options.onBinary(bytes));
    else if (bytes.length > MAX_TEXT_FROM_NODE_BYTES) void close(tooLarge(MAX_TEXT_FROM_NODE_BYTES));
    else take(() => options.onText(bytes.toString('utf8')));
  });
  // What is wrong with the frames ends in 'close'.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    if (!closing.signal.aborted) closing.abort(fail('link.closed', { detail: 'the node closed it' }));
    ended.resolve();
    options.onEnd();
  });

  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        if (closing.signal.aborted) return reject(closing.signal.reason as Error);
        takenAtMs = clock.nowMs();
        socket.send(encodeToNode(message), (error) => {
          takenAtMs = clock.nowMs();
          if (error) reject(fail('link.closed', { detail: error.message }));
          else resolve();
        });
      }),
    inTurn,
    allow: (bytes) => guard.allow(bytes),
    close,
    tick(nowMs) {
      const pendingBytes = socket.bufferedAmount;
      if (pendingBytes > 0 && nowMs - takenAtMs > settings.idleMs) {
        void close(fail('link.too-slow', { pendingBytes }));
        socket.terminate();
      } else if (!socket.isPaused && nowMs - heardAtMs > settings.idleMs) {
        void close(fail('link.closed', { detail: 'no sign of life' }));
        socket.terminate();
      } else if (socket.readyState === socket.OPEN && pendingBytes === 0) socket.ping();
    },
    closing: closing.signal,
  };
}

const tooLarge = (limitBytes: number): HoldfastError =>
  fail('input.too-large', { what: 'message', limit: `${limitBytes} bytes` });

/** Counts what has come of a message that is not whole yet: nobody makes this process keep more than is expected. */
function guardStream(stream: TLSSocket, onBytes: () => void, onTooMuch: (limitBytes: number) => void) {
  let unfinishedBytes = 0;
  let allowedBytes = MAX_TEXT_FROM_NODE_BYTES;
  // Before the WebSocket's own listener, so that a message which ends with this piece sets the count back.
  stream.prependListener('data', (piece: Buffer) => {
    onBytes();
    unfinishedBytes += piece.length;
    if (unfinishedBytes > allowedBytes + SLACK_BYTES) onTooMuch(allowedBytes);
  });
  return {
    messageEnded(): void {
      unfinishedBytes = 0;
    },
    allow(bytes: number): void {
      allowedBytes = Math.max(MAX_TEXT_FROM_NODE_BYTES, bytes);
    },
  };
}

const asReason = (error: unknown): HoldfastError =>
  error instanceof HoldfastError ? error : fail('internal.unexpected', { incident: 'link' }, error);

function sayBye(socket: WebSocket, reason: HoldfastError): void {
  if (socket.readyState !== socket.OPEN) return;
  socket.send(encodeToNode({ type: 'bye', code: reason.code, params: textsOf(reason.params) }), () => undefined);
  socket.close(closeCodeOf(reason), reason.code);
}

function closeCodeOf({ code, httpStatus }: HoldfastError): number {
  if (code === 'link.closing' || code === 'link.replaced') return CLOSE_CODES.going;
  if (code === 'input.too-large') return CLOSE_CODES.tooBig;
  return httpStatus >= 500 ? CLOSE_CODES.failure : CLOSE_CODES.policy;
}
