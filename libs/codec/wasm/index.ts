/** The kernels of the codec, compiled to WebAssembly by build.mjs. They trust their arguments: src/kernel.ts checks. */
export { combine } from './galois';
export { scan } from './gear';
