/** All commands in the order of the help; each is loaded only when it is called, so that the program starts at once. */
import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/** Runs a command's work; a number is the exit status, nothing is 0. */
export type Run = (work: (cli: Cli) => Promise<number | void>) => Promise<void>;

export interface VerbModule {
  /** Adds arguments, options, examples and the action. */
  readonly define: (command: Command, run: Run) => void;
}

export interface Verb {
  readonly name: string;
  /** For the list of commands. */
  readonly summary: string;
  load(): Promise<VerbModule>;
}

export const VERBS: readonly Verb[] = [
  { name: 'init', summary: 'open a new vault and get its 24 words', load: () => import('./commands/init.ts') },
  { name: 'add', summary: 'watch directories', load: () => import('./commands/add.ts') },
  { name: 'remove', summary: 'watch directories no longer', load: () => import('./commands/remove.ts') },
  { name: 'dirs', summary: 'list the watched directories', load: () => import('./commands/dirs.ts') },
  { name: 'quote', summary: 'what storing would cost, and where', load: () => import('./commands/quote.ts') },
  { name: 'backup', summary: 'store what is new or changed', load: () => import('./commands/backup.ts') },
  { name: 'snapshots', summary: 'list the versions in the vault', load: () => import('./commands/snapshots.ts') },
  { name: 'ls', summary: 'list files of a snapshot', load: () => import('./commands/ls.ts') },
  { name: 'restore', summary: 'get files back', load: () => import('./commands/restore.ts') },
  { name: 'check', summary: 'see whether everything can be read back', load: () => import('./commands/check.ts') },
  { name: 'status', summary: 'vault, nodes, cost and the last backup', load: () => import('./commands/status.ts') },
  { name: 'recover', summary: 'set up a new machine from 24 words', load: () => import('./commands/recover.ts') },
  { name: 'passphrase', summary: 'change the passphrase', load: () => import('./commands/passphrase.ts') },
];
