import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { generatorRow, inverse, invert, matrixOf, multiply, product } from './gf256.ts';

/** Multiplication as the definition says it: of polynomials, modulo 0x11d. */
function slowMultiply(a: number, b: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit += 1) if (b & (1 << bit)) result ^= a << bit;
  for (let bit = 15; bit >= 8; bit -= 1) if (result & (1 << bit)) result ^= 0x11d << (bit - 8);
  return result;
}

describe('GF(2^8)', () => {
  it('multiplies like polynomials modulo 0x11d', () => {
    let different = 0;
    for (let a = 0; a < 256; a += 1) {
      for (let b = 0; b < 256; b += 1) if (multiply(a, b) !== slowMultiply(a, b)) different += 1;
    }
    expect(different).toBe(0);
  });

  it('inverts everything but 0', () => {
    for (let a = 1; a < 256; a += 1) expect(slowMultiply(a, invert(a))).toBe(1);
    expect(() => invert(0)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  });
});

describe('the generator matrix', () => {
  it('is systematic, and a plain copy for 1+1', () => {
    expect([0, 1, 2].map((row) => [...generatorRow(row, 3)])).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect([...generatorRow(1, 1)]).toEqual([1]);
  });

  it('has an inverse for any k different rows', () => {
    const choice = fc.integer({ min: 1, max: 20 }).chain((k) =>
      fc.record({
        k: fc.constant(k),
        rows: fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { minLength: k, maxLength: k }),
      }),
    );
    fc.assert(
      fc.property(choice, ({ k, rows }) => {
        const matrix = matrixOf(rows.map((row) => generatorRow(row, k)));
        const identity = matrixOf(Array.from({ length: k }, (_, row) => generatorRow(row, k)));
        expect(product(matrix, inverse(matrix))).toEqual(identity);
        expect(product(inverse(matrix), matrix)).toEqual(identity);
      }),
    );
  });

  it('refuses to invert a singular matrix', () => {
    const row = generatorRow(5, 2);
    expect(() => inverse(matrixOf([row, row]))).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  });
});
