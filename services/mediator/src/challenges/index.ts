/** Challenges: who is asked for what and when, what comes of the answers, and what remains of them. */
export { type Challenges, createChallenges } from './challenges.ts';
export type { ExportedTranscript } from './export-transcript.ts';
export * from './link-port.ts';
export type { ChallengesOptions } from './options.ts';
export * from './ports.ts';
export * from './rules.ts';
export { createSecretSeal } from './seal-secret.ts';
