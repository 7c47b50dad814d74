/** Where the kernels find their tables in the first 64 KiB of the memory; src/kernel.ts has the same numbers. */

/** 256 gear values of 8 bytes. */
export const GEAR_TABLE: u32 = 0x1000;
/** For each coefficient c of GF(2^8): 16 products c·x, then 16 products c·16x, for x = 0…15. */
export const PRODUCT_TABLE: u32 = 0x2000;
/** Matrix of coefficients, one byte each, row after row (at most 1,024). */
export const MATRIX: u32 = 0x4000;
/** Addresses of at most 64 inputs, 4 bytes each. */
export const INPUTS: u32 = 0x4800;
/** Addresses of at most 64 outputs, 4 bytes each. */
export const OUTPUTS: u32 = 0x4900;
/** The products of the matrix in the order in which they are used (32 KiB). */
export const PLAN: u32 = 0x8000;
