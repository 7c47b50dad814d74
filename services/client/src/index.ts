/** The client as a library: what the command line, tests and the demo use. */
export * from './backup/index.ts';
export * from './catalog/index.ts';
export * from './check/index.ts';
export * from './config/index.ts';
export * from './ports.ts';
export * from './recovery/index.ts';
export * from './restore/index.ts';
export { measureDirectories, type Measure } from './scan/index.ts';
export * from './session.ts';
export * from './vault/index.ts';
