/**
 * Arithmetic and matrices over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), generator 2: what the
 * erasure code needs outside of its kernel. Section "Erasure code" of docs/format.md.
 */
import { badArgument } from './shapes.ts';

const POLYNOMIAL = 0x11d;
const { EXP, LOG } = powerTables();

function powerTables(): { EXP: Uint8Array; LOG: Uint8Array } {
  const EXP = new Uint8Array(510);
  const LOG = new Uint8Array(256);
  for (let power = 0, value = 1; power < 255; power += 1) {
    EXP[power] = value;
    EXP[power + 255] = value;
    LOG[value] = power;
    value <<= 1;
    if (value > 255) value ^= POLYNOMIAL;
  }
  return { EXP, LOG };
}

export const multiply = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!);

/** @throws HoldfastError `codec.bad-argument` for 0, which has no inverse. */
export function invert(a: number): number {
  if (a === 0) throw badArgument('the inverse of 0 in GF(2^8).');
  return EXP[255 - LOG[a]!]!;
}

/** Row after row, one byte an entry. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly entries: Uint8Array;
}

/**
 * Row `shardIndex` of the code's (k + m) × k generator matrix: shard = row · data shards. The first k rows are the
 * identity (the code is systematic); row i >= k is Cauchy's, entry j = 1 / (i XOR j). Since i and j never meet, any k
 * rows are independent.
 */
export function generatorRow(shardIndex: number, dataShards: number): Uint8Array {
  return Uint8Array.from({ length: dataShards }, (_, column) => {
    if (shardIndex < dataShards) return shardIndex === column ? 1 : 0;
    return invert(shardIndex ^ column);
  });
}

export function matrixOf(rows: readonly Uint8Array[]): Matrix {
  const columns = rows[0]?.length ?? 0;
  const entries = new Uint8Array(rows.length * columns);
  rows.forEach((row, index) => entries.set(row, index * columns));
  return { rows: rows.length, columns, entries };
}

/** a · b. */
export function product(a: Matrix, b: Matrix): Matrix {
  const entries = new Uint8Array(a.rows * b.columns);
  for (let row = 0; row < a.rows; row += 1) {
    for (let inner = 0; inner < a.columns; inner += 1) {
      const factor = a.entries[row * a.columns + inner]!;
      if (factor === 0) continue;
      for (let column = 0; column < b.columns; column += 1) {
        entries[row * b.columns + column]! ^= multiply(factor, b.entries[inner * b.columns + column]!);
      }
    }
  }
  return { rows: a.rows, columns: b.columns, entries };
}

/**
 * The inverse of a square matrix, by Gauss and Jordan.
 * @throws HoldfastError `codec.bad-argument` when there is none (never for k different rows of the generator).
 */
export function inverse(matrix: Matrix): Matrix {
  const size = matrix.rows;
  const left = matrix.entries.slice();
  const right = matrixOf(Array.from({ length: size }, (_, index) => generatorRow(index, size))).entries;
  for (let pivot = 0; pivot < size; pivot += 1) {
    let found = pivot;
    while (found < size && left[found * size + pivot] === 0) found += 1;
    if (found === size) throw badArgument('a matrix that has no inverse.');
    for (const half of [left, right]) swapRows(half, size, pivot, found);
    const scale = invert(left[pivot * size + pivot]!);
    for (const half of [left, right]) scaleRow(half, size, pivot, scale);
    for (let row = 0; row < size; row += 1) {
      const factor = left[row * size + pivot]!;
      if (row === pivot || factor === 0) continue;
      for (const half of [left, right]) addRow(half, size, row, pivot, factor);
    }
  }
  return { rows: size, columns: size, entries: right };
}

function swapRows(entries: Uint8Array, size: number, a: number, b: number): void {
  if (a === b) return;
  const saved = entries.slice(a * size, (a + 1) * size);
  entries.copyWithin(a * size, b * size, (b + 1) * size);
  entries.set(saved, b * size);
}

function scaleRow(entries: Uint8Array, size: number, row: number, factor: number): void {
  for (let at = row * size; at < (row + 1) * size; at += 1) entries[at] = multiply(entries[at]!, factor);
}

function addRow(entries: Uint8Array, size: number, to: number, from: number, factor: number): void {
  for (let column = 0; column < size; column += 1) {
    entries[to * size + column]! ^= multiply(factor, entries[from * size + column]!);
  }
}
