/** Moves a request's body into a writer, at the pace of the disk. */
import type { Readable } from 'node:stream';
import { YoungGarbage } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import type { ShardWriter } from './shard-writer.ts';

/** Each record of a connection arrives in a buffer of its own: those of all bodies, with 8 MiB between two collections. */
const garbage = new YoungGarbage(8 * 1024 * 1024);

/**
 * Resolves after the last byte was handed over. Afterwards nothing listens to the body; after a failure it is paused.
 * @throws HoldfastError `shard.bad-length` when it ends early or is too long; the system's error of a failed write
 */
export function receiveBody(body: Readable, writer: ShardWriter, lengthBytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const cutOff = (): void => reject(fail('shard.bad-length', { actual: writer.receivedBytes, expected: lengthBytes }));
  const onData = (chunk: Uint8Array): void => {
    if (!writer.push(chunk)) body.pause();
    else if (writer.hasFailed) stopOnFailure();
    garbage.add(chunk.length);
  };
  const stopOnFailure = (): void => {
    body.pause();
    writer.root().then(() => undefined, reject);
  };
  writer.onReady = () => {
    if (writer.hasFailed) stopOnFailure();
    else body.resume();
  };
  if (body.destroyed) cutOff();
  body.on('data', onData).once('end', resolve).once('error', cutOff).once('close', cutOff);
  return promise.finally(() => {
    writer.onReady = () => {};
    body.off('data', onData).off('end', resolve).off('close', cutOff);
    // The listener for errors stays: the connection may break later, and that is nobody's failure then.
  });
}
