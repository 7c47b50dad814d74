/** The two directions of shard bytes over a connection: what is done with a body nobody wants, and sending by pieces. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@holdfast/platform';

/** How long a refused body is still read, so that its sender gets to see the answer. */
const DRAIN_MS = 10_000;

/**
 * After an answer that came before the end of the body: reads and forgets the rest, so that the connection can go on and
 * its sender sees the answer, but at most `allowanceBytes` and for ten seconds.
 */
export function drainBody(request: IncomingMessage, allowanceBytes: number, clock: Clock): void {
  if (request.complete || request.destroyed) return;
  const done = new AbortController();
  let readBytes = 0;
  const giveUp = (): void => {
    request.destroy();
  };
  request.on('data', (chunk: Uint8Array) => {
    readBytes += chunk.length;
    if (readBytes > allowanceBytes) giveUp();
  });
  request.once('error', () => undefined);
  request.once('close', () => done.abort()).once('end', () => done.abort());
  clock.sleep(DRAIN_MS, done.signal).then(giveUp, () => undefined);
  request.resume();
}

/** Slower than this is no line that a backup could run on. */
const SLOWEST_BYTES_PER_MS = 8;
const LEAST_TRANSFER_MS = 30_000;
const LOOK_EVERY_MS = 1000;

export interface TransferLimits {
  /** Ends a body or an answer of that length when it takes longer than any honest line needs, until it is called off. */
  limit(line: IncomingMessage | ServerResponse, lengthBytes: number): void;
  callOff(line: IncomingMessage | ServerResponse): void;
  stop(): void;
}

/** One timer for all of them: a transfer is begun and ended far more often than one takes too long. */
export function createTransferLimits(clock: Clock): TransferLimits {
  const deadlines = new Map<IncomingMessage | ServerResponse, number>();
  const stopped = new AbortController();
  let isLooking = false;
  const look = async (): Promise<void> => {
    while (deadlines.size > 0 && !stopped.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, stopped.signal).catch(() => undefined);
      const nowMs = clock.nowMs();
      for (const [line, deadlineMs] of deadlines) {
        if (deadlineMs > nowMs) continue;
        deadlines.delete(line);
        line.destroy();
      }
    }
    isLooking = false;
  };
  return {
    limit(line, lengthBytes) {
      deadlines.set(line, clock.nowMs() + LEAST_TRANSFER_MS + lengthBytes / SLOWEST_BYTES_PER_MS);
      if (isLooking) return;
      isLooking = true;
      void look();
    },
    callOff: (line) => void deadlines.delete(line),
    stop: () => stopped.abort(),
  };
}

/** Resolves when the connection has taken the bytes: their memory may be used again. False: the connection is gone. */
export function writePiece(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed || response.writableEnded) {
      resolve(false);
      return;
    }
    const onClose = (): void => resolve(false);
    response.once('close', onClose);
    response.write(bytes, (error) => {
      response.off('close', onClose);
      resolve(error === undefined || error === null);
    });
  });
}
