/** The client's configuration file. */
export * from './client-config.ts';
