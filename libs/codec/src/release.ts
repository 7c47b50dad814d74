/**
 * Gives memory back at once that V8 would keep until it collects. The output of a cipher is copied to its place and
 * never looked at again: left to the collector, a backup makes gigabytes of such garbage, always in fresh pages.
 */

/** Node's own pools are smaller; they are shared by many buffers, and stay. */
const LEAST_BYTES = 128 * 1024;

/** Detaches the buffer's memory. Only for whoever made the buffer: neither it nor any other view can be used any more. */
export function releaseBuffer({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_BYTES) buffer.transfer(0);
}
