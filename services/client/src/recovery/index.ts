/** Setting a machine up: a new vault, an old one from its 24 words, another passphrase. */
export * from './ask-quote.ts';
export * from './change-passphrase.ts';
export * from './home.ts';
export * from './init-vault.ts';
export * from './meet-mediator.ts';
export * from './recover-vault.ts';
export * from './recovery-sheet.ts';
