/** Content-defined chunking: finds the next boundary with a gear hash. Section "Chunker" of docs/format.md. */
import { GEAR_TABLE } from './layout';

/** The hash forgets a byte after 64 shifts. */
const WINDOW: u32 = 64;

/** The gear value of the byte at `address`. */
@inline
function gear(address: u32): u64 {
  return load<u64>(GEAR_TABLE + (<u32>load<u8>(address) << 3));
}

/**
 * The smallest length L with from <= L <= end whose hash over the 64 bytes before it is 0 under its mask (`strictMask`
 * for L < normal, `looseMask` from there on), or 0 when there is none. Reads [ptr + from - 64, ptr + end); the caller
 * has checked 64 <= from and that all of it lies in memory. Stateless, so a longer view can be searched from where a
 * shorter one ended.
 */
export function scan(ptr: u32, from: u32, end: u32, normal: u32, strictMask: u64, looseMask: u64): u32 {
  if (from > end) return 0;
  let hash: u64 = 0;
  for (let at = ptr + from - WINDOW; at < ptr + from - 1; at++) hash = (hash << 1) + gear(at);

  let at = ptr + from - 1;
  const last = ptr + end;
  const middle = min(max(ptr + normal - 1, at), last);
  let mask = strictMask;
  let stop = middle;
  for (let part = 0; part < 2; part++) {
    // Four bytes a turn: the additions depend on each other, the loads and tests do not.
    for (; at + 4 <= stop; at += 4) {
      hash = (hash << 1) + gear(at);
      if (!(hash & mask)) return at + 1 - ptr;
      hash = (hash << 1) + gear(at + 1);
      if (!(hash & mask)) return at + 2 - ptr;
      hash = (hash << 1) + gear(at + 2);
      if (!(hash & mask)) return at + 3 - ptr;
      hash = (hash << 1) + gear(at + 3);
      if (!(hash & mask)) return at + 4 - ptr;
    }
    for (; at < stop; at++) {
      hash = (hash << 1) + gear(at);
      if (!(hash & mask)) return at + 1 - ptr;
    }
    mask = looseMask;
    stop = last;
  }
  return 0;
}
