/** What operators and admins type, `holdfast-node …` and `holdfast-mediator …`, with the settings of the ones that run. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface CommandRun {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** A transcript of a challenge is some megabytes. */
const MOST_OUTPUT_BYTES = 2 ** 26;

const source = (path: string): string => fileURLToPath(new URL(`../services/${path}/src/main.ts`, import.meta.url));

/** @param node its data directory, and the address of its mediator */
export const runNodeCommand = (
  node: { readonly dataDir: string; readonly mediator: string },
  ...words: string[]
): Promise<CommandRun> =>
  run(source('storage-node'), words, {
    HOLDFAST_NODE_DATA_DIR: node.dataDir,
    HOLDFAST_NODE_MEDIATOR: node.mediator,
    HOLDFAST_NODE_OPERATOR: 'whoever',
    HOLDFAST_NODE_PRICE: '1',
    HOLDFAST_NODE_CAPACITY: '1GB',
  });

/** @param mediator its data directory, and the address that clients are given */
export const runMediatorCommand = (
  mediator: { readonly dataDir: string; readonly address: string },
  ...words: string[]
): Promise<CommandRun> =>
  run(source('mediator'), words, {
    HOLDFAST_MEDIATOR_DATA_DIR: mediator.dataDir,
    HOLDFAST_MEDIATOR_LISTEN: new URL(mediator.address).host,
  });

function run(main: string, words: readonly string[], settings: Readonly<Record<string, string>>): Promise<CommandRun> {
  const environment = {
    PATH: process.env['PATH'] ?? '',
    ...(process.env['NODE_COMPILE_CACHE'] && { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }),
    ...settings,
  };
  const argv = ['--disable-warning=ExperimentalWarning', '--conditions=@holdfast/source', main, ...words];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { env: environment, maxBuffer: MOST_OUTPUT_BYTES }, (error, output, errors) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ status, output, errors });
    });
  });
}
