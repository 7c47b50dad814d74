/** The one range that a GET may ask for (RFC 9110, section 14). Pure. */
import { fail } from '@holdfast/protocol';

export interface ByteRange {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/**
 * `bytes=from-to`, `bytes=from-` or `bytes=-last`, cut to the shard's length.
 * @throws HoldfastError `shard.range-invalid` for several ranges, other units, and ranges that hold no byte of the shard
 */
export function parseRange(header: string | undefined, lengthBytes: number): ByteRange {
  if (header === undefined) return { start: 0, end: lengthBytes };
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  const [, from, to] = match ?? [];
  if (match === null || (from === '' && to === '')) throw invalid(header);
  const start = from === '' ? Math.max(0, lengthBytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? lengthBytes : Math.min(Number(to) + 1, lengthBytes);
  if (start >= end) throw invalid(header);
  return { start, end };
}

const invalid = (header: string): Error => fail('shard.range-invalid', { range: header.slice(0, 64) });
