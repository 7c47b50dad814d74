/** The part of WebAssembly that the codec uses, typed: the types of Node leave it out. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WasmApi {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { env: { memory: WasmMemory } }) => { readonly exports: object };
}

export const Wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
/** WebAssembly counts memory in pages of this many bytes. */
export const WASM_PAGE_BYTES = 65_536;
