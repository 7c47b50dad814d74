/** What the environment says to the command line. Read once per command, with `--home` winning over HOLDFAST_HOME. */
import { type ConfigValues, defineConfig, type Environment, readConfig } from '@holdfast/platform';

export const cliConfig = defineConfig(
  {
    home: {
      env: 'HOLDFAST_HOME',
      type: 'path',
      default: '~/.holdfast',
      help: 'Where this client keeps its configuration, keystore and catalog.',
    },
    passphraseFile: {
      env: 'HOLDFAST_PASSPHRASE_FILE',
      type: 'path',
      default: null,
      help: 'A file that holds the passphrase, so that nobody is asked.',
    },
    passphraseCommand: {
      env: 'HOLDFAST_PASSPHRASE_COMMAND',
      type: 'string',
      default: null,
      help: 'A command of /bin/sh that prints the passphrase; used where there is no file.',
    },
    debug: {
      env: 'HOLDFAST_DEBUG',
      type: 'bool',
      default: false,
      help: 'Logs on standard error, and where an error came from.',
    },
  },
  // The services' settings, and those of this repository's own scripts, may stand in the same environment.
  { foreignPrefixes: ['HOLDFAST_MEDIATOR_', 'HOLDFAST_NODE_', 'HOLDFAST_NETWORK', 'HOLDFAST_LONG'] },
);

export type CliSettings = ConfigValues<(typeof cliConfig)['settings']>;

/** @throws PlatformError `config.invalid` */
export const readSettings = (environment: Environment, home?: string): CliSettings =>
  readConfig(cliConfig, environment, { home });
