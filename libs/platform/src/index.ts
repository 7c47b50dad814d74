/** Clock, randomness, config, logs, metrics, lifecycle, files, TLS, embedded Postgres: no domain knowledge. */
export * from './clock.ts';
export * from './config.ts';
export * from './embedded-postgres/index.ts';
export * from './errors.ts';
export * from './file-lock.ts';
export * from './files.ts';
export * from './foreign-environment.ts';
export * from './lifecycle.ts';
export * from './listen.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './randomness.ts';
export * from './regtest-node/index.ts';
export * from './simulated-clock.ts';
export * from './tls/index.ts';
export * from './young-garbage.ts';
