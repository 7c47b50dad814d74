/**
 * Each record of a connection arrives in a buffer of its own outside of V8's heap, which V8 counts but frees only with
 * the young generation. That one fills slowly, as so little of it stands for so much: V8 sees 32 MB outside its heap
 * first, and marks the whole heap for them, 45 times per gigabyte: 40 % of an upload's CPU. A look at the young
 * generation in time costs half a millisecond.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

const EVERY_BYTES = 8 * 1024 * 1024;

let collect: Collect | undefined;
let waitingBytes = 0;

function findCollector(): Collect {
  // The flag is looked at when a context is made; nothing else gets to see the function.
  setFlagsFromString('--expose-gc');
  const found = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return found;
}

/** Says that buffers of so many bytes arrived and were let go. */
export function noteGarbage(bytes: number): void {
  waitingBytes += bytes;
  if (waitingBytes < EVERY_BYTES) return;
  waitingBytes = 0;
  collect ??= findCollector();
  collect({ type: 'minor' });
}
