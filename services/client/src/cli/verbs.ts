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
  /** Heading in the list of commands. */
  readonly group: string;
  load(): Promise<VerbModule>;
}

const SET_UP = 'Set a machine up:';
const WHAT = 'Say what to back up:';
const DATA = 'Back up, and get back:';
const CARE = 'See that all is well:';

export const VERBS: readonly Verb[] = [
  {
    name: 'init',
    summary: 'open a new vault and get its 24 words',
    group: SET_UP,
    load: () => import('./commands/init.ts'),
  },
  {
    name: 'recover',
    summary: 'set up a new machine from 24 words',
    group: SET_UP,
    load: () => import('./commands/recover.ts'),
  },
  {
    name: 'passphrase',
    summary: 'change the passphrase of the keys on this disk',
    group: SET_UP,
    load: () => import('./commands/passphrase.ts'),
  },
  { name: 'add', summary: 'watch directories', group: WHAT, load: () => import('./commands/add.ts') },
  { name: 'remove', summary: 'watch directories no longer', group: WHAT, load: () => import('./commands/remove.ts') },
  { name: 'dirs', summary: 'list the watched directories', group: WHAT, load: () => import('./commands/dirs.ts') },
  {
    name: 'quote',
    summary: 'what storing them would cost, and where',
    group: WHAT,
    load: () => import('./commands/quote.ts'),
  },
  { name: 'backup', summary: 'store what is new or changed', group: DATA, load: () => import('./commands/backup.ts') },
  {
    name: 'snapshots',
    summary: 'list the versions in the vault',
    group: DATA,
    load: () => import('./commands/snapshots.ts'),
  },
  { name: 'ls', summary: 'list files of a snapshot', group: DATA, load: () => import('./commands/ls.ts') },
  { name: 'restore', summary: 'get files back', group: DATA, load: () => import('./commands/restore.ts') },
  {
    name: 'status',
    summary: 'vault, nodes, cost and the last backup',
    group: CARE,
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'balance',
    summary: 'your money, and how long it lasts',
    group: CARE,
    load: () => import('./commands/balance.ts'),
  },
  {
    name: 'withdraw',
    summary: 'take money out',
    group: CARE,
    load: () => import('./commands/withdraw.ts'),
  },
  {
    name: 'deposit',
    summary: 'pay in: your address, and what came to it',
    group: CARE,
    load: () => import('./commands/deposit.ts'),
  },
  {
    name: 'mandate',
    summary: 'what the mediator may spend for you',
    group: CARE,
    load: () => import('./commands/mandate.ts'),
  },
  {
    name: 'agreements',
    summary: 'who stores what, at which price; and ending it',
    group: CARE,
    load: () => import('./commands/agreements.ts'),
  },
  {
    name: 'close-account',
    summary: 'spend nothing more, and get your money back',
    group: CARE,
    load: () => import('./commands/close-account.ts'),
  },
  {
    name: 'check',
    summary: 'see whether everything can be read back',
    group: CARE,
    load: () => import('./commands/check.ts'),
  },
  {
    name: 'show',
    summary: 'ask the mediator for what its API shows you',
    group: CARE,
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'verify-transcript',
    summary: 'judge a challenge again from its evidence',
    group: CARE,
    load: () => import('./commands/verify-transcript.ts'),
  },
  {
    name: 'verify-liabilities',
    summary: 'see that your money is counted in what the mediator owes',
    group: CARE,
    load: () => import('./commands/verify-liabilities.ts'),
  },
];
