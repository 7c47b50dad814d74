/** Loads the WebAssembly module of wasm/ into a memory and writes its tables. Checks nothing: kernel.ts does. */
import { ARENA_RESERVED_BYTES } from './arena.ts';
import { type Matrix, multiply } from './gf256.ts';
import { KERNEL_WASM_BASE64 } from './kernel.gen.ts';
import { Wasm, type WasmMemory } from './webassembly.ts';

/** Addresses of the kernels' tables, below ARENA_RESERVED_BYTES: the same numbers as in wasm/layout.ts. */
const GEAR_TABLE = 0x1000;
const PRODUCT_TABLE = 0x2000;
const MATRIX = 0x4000;
const INPUTS = 0x4800;
const OUTPUTS = 0x4900;

export interface LoadedKernel {
  /** Length of the first chunk with a boundary in [from, end], or 0: see wasm/gear.ts. */
  readonly scan: (
    ptr: number,
    from: number,
    end: number,
    normal: number,
    strictMask: bigint,
    looseMask: bigint,
  ) => number;
  /**
   * Output i = sum over j of matrix[i][j] · input j, `length` bytes (a multiple of 32) each, at these addresses; at
   * most 1,024 entries, 64 inputs and 64 outputs.
   */
  readonly combine: (matrix: Matrix, inputs: readonly number[], outputs: readonly number[], length: number) => void;
}

interface Exports {
  scan: LoadedKernel['scan'];
  combine: (inputCount: number, outputCount: number, length: number) => void;
}

let compiled: object | undefined;

export function loadKernel(memory: WasmMemory, gearTable: BigUint64Array): LoadedKernel {
  compiled ??= new Wasm.Module(Buffer.from(KERNEL_WASM_BASE64, 'base64'));
  const { scan, combine } = new Wasm.Instance(compiled, { env: { memory } }).exports as Exports;
  const tables = new DataView(memory.buffer, 0, ARENA_RESERVED_BYTES);
  gearTable.forEach((value, index) => tables.setBigUint64(GEAR_TABLE + 8 * index, value, true));
  writeProducts(tables);
  return {
    scan,
    combine(matrix, inputs, outputs, length) {
      matrix.entries.forEach((entry, index) => tables.setUint8(MATRIX + index, entry));
      inputs.forEach((address, index) => tables.setUint32(INPUTS + 4 * index, address, true));
      outputs.forEach((address, index) => tables.setUint32(OUTPUTS + 4 * index, address, true));
      combine(inputs.length, outputs.length, length);
    },
  };
}

/** Products of every coefficient with 0…15 and with 16 times that, which the kernel looks up. */
function writeProducts(tables: DataView): void {
  for (let factor = 0; factor < 256; factor += 1) {
    for (let nibble = 0; nibble < 16; nibble += 1) {
      tables.setUint8(PRODUCT_TABLE + 32 * factor + nibble, multiply(factor, nibble));
      tables.setUint8(PRODUCT_TABLE + 32 * factor + 16 + nibble, multiply(factor, nibble << 4));
    }
  }
}
