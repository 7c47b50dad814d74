/** The client as a library: what the command line, tests and the demo use. */
export * from './config/index.ts';
export * from './ports.ts';
export * from './session.ts';
