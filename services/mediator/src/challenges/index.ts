/** Challenges: who is asked for what and when, what comes of the answers, and what remains of them. */
export * from './link-port.ts';
export * from './rules.ts';
