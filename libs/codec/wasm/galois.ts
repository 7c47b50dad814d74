/**
 * Erasure code: every output is a linear combination of the inputs over GF(2^8). A product is two look-ups of 16
 * entries, which one swizzle makes for 16 bytes at once. Section "Erasure code" of docs/format.md.
 */
import { INPUTS, MATRIX, OUTPUTS, PLAN, PRODUCT_TABLE } from './layout';

/** Outputs made in one pass: their 2 × 4 sums, the nibbles and a table just fit the 16 vector registers of x86-64. */
const GROUP: u32 = 4;
/** Bytes of each input per turn over all groups of outputs, so that the inputs are read from memory once. */
const BLOCK: u32 = 4096;

/** Indices are 0…15, for which the relaxed swizzle is exact everywhere and saves the range check. */
@inline
function lookUp(table: v128, indices: v128): v128 {
  return i8x16.relaxed_swizzle(table, indices);
}

/** Outputs in the group that starts at `first`: as even as can be, since a group of one costs nearly as much as two. */
function widthAt(first: u32, outputCount: u32): u32 {
  const groups = (outputCount - first + GROUP - 1) / GROUP;
  return (outputCount - first + groups - 1) / groups;
}

/** Copies the products of the matrix to PLAN: group of outputs, then input, then output of the group. */
function plan(inputCount: u32, outputCount: u32): void {
  let to = PLAN;
  for (let first: u32 = 0; first < outputCount; first += widthAt(first, outputCount)) {
    const width = widthAt(first, outputCount);
    for (let input: u32 = 0; input < inputCount; input++) {
      for (let output = first; output < first + width; output++) {
        const from = PRODUCT_TABLE + (<u32>load<u8>(MATRIX + output * inputCount + input) << 5);
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        to += 32;
      }
    }
  }
}

/** `width` outputs (a constant 1…4 at every call) for the bytes [start, end) of the shards, 32 at a time. */
@inline
function pass(width: u32, products: u32, inputCount: u32, outputs: u32, start: u32, end: u32): void {
  const low = i8x16.splat(15);
  const inputsEnd = INPUTS + (inputCount << 2);
  for (let at = start; at < end; at += 32) {
    let a0 = i8x16.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let table = products;
    for (let input = INPUTS; input < inputsEnd; input += 4) {
      const from = load<u32>(input) + at;
      const v0 = v128.load(from);
      const v1 = v128.load(from, 16);
      const l0 = v128.and(v0, low);
      const l1 = v128.and(v1, low);
      const h0 = v128.and(i16x8.shr_u(v0, 4), low);
      const h1 = v128.and(i16x8.shr_u(v1, 4), low);
      let x = v128.load(table);
      let y = v128.load(table, 16);
      a0 = v128.xor(a0, v128.xor(lookUp(x, l0), lookUp(y, h0)));
      a1 = v128.xor(a1, v128.xor(lookUp(x, l1), lookUp(y, h1)));
      if (width > 1) {
        x = v128.load(table, 32);
        y = v128.load(table, 48);
        b0 = v128.xor(b0, v128.xor(lookUp(x, l0), lookUp(y, h0)));
        b1 = v128.xor(b1, v128.xor(lookUp(x, l1), lookUp(y, h1)));
      }
      if (width > 2) {
        x = v128.load(table, 64);
        y = v128.load(table, 80);
        c0 = v128.xor(c0, v128.xor(lookUp(x, l0), lookUp(y, h0)));
        c1 = v128.xor(c1, v128.xor(lookUp(x, l1), lookUp(y, h1)));
      }
      if (width > 3) {
        x = v128.load(table, 96);
        y = v128.load(table, 112);
        d0 = v128.xor(d0, v128.xor(lookUp(x, l0), lookUp(y, h0)));
        d1 = v128.xor(d1, v128.xor(lookUp(x, l1), lookUp(y, h1)));
      }
      table += width * 32;
    }
    put(load<u32>(outputs) + at, a0, a1);
    if (width > 1) put(load<u32>(outputs, 4) + at, b0, b1);
    if (width > 2) put(load<u32>(outputs, 8) + at, c0, c1);
    if (width > 3) put(load<u32>(outputs, 12) + at, d0, d1);
  }
}

@inline
function put(to: u32, first: v128, second: v128): void {
  v128.store(to, first);
  v128.store(to, second, 16);
}

/**
 * Writes the `outputCount` outputs at the addresses in OUTPUTS: output i = sum over j of MATRIX[i·inputCount + j] ·
 * input j. All have `length` bytes, a multiple of 32. The caller has checked counts (inputCount · outputCount <= 1,024),
 * addresses and that no output overlaps an input.
 */
export function combine(inputCount: u32, outputCount: u32, length: u32): void {
  plan(inputCount, outputCount);
  for (let start: u32 = 0; start < length; start += BLOCK) {
    const end = min(start + BLOCK, length);
    let products = PLAN;
    for (let first: u32 = 0; first < outputCount; first += widthAt(first, outputCount)) {
      const width = widthAt(first, outputCount);
      const outputs = OUTPUTS + (first << 2);
      if (width === 4) pass(4, products, inputCount, outputs, start, end);
      else if (width === 3) pass(3, products, inputCount, outputs, start, end);
      else if (width === 2) pass(2, products, inputCount, outputs, start, end);
      else pass(1, products, inputCount, outputs, start, end);
      products += width * inputCount * 32;
    }
  }
}
