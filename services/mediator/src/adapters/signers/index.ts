/** Who holds the hot wallet's keys: this process, from a file, or a command. */
export { createSignerCommand, type SignerCommandOptions } from './command.ts';
export { openSeedFile } from './seed-file.ts';
