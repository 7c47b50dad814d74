/** `holdfast-mediator show`: asks the running mediator, as admin, for whatever its API shows. */
import { getShown, isShownPath } from '@holdfast/http-api';
import { PlatformError } from '@holdfast/platform';
import { asAdmin, type RunningMediator } from './signed-in.ts';

export const SHOW_HELP = `holdfast-mediator show PATH

Asks the mediator on this machine, as admin, and prints the answer as JSON. docs/api.md lists what there is.

  holdfast-mediator show /v1/market
  holdfast-mediator show '/v1/standings?limit=200'
  holdfast-mediator show /v1/challenges/ID > challenge.json      for: holdfast verify-transcript challenge.json
`;

/** @throws PlatformError `config.invalid` */
export function readShowArguments(args: readonly string[]): string {
  const [path = '', ...more] = args;
  if (isShownPath(path) && more.length === 0) return path;
  const problem = 'It wants one path, such as /v1/market.';
  throw new PlatformError('config.invalid', problem, 'holdfast-mediator show --help shows how it is called.');
}

/** Resolves to the answer, indented. @throws HoldfastError what the mediator says is wrong */
export const requestShown = (running: RunningMediator, path: string): Promise<string> =>
  asAdmin(running, async ({ api, adminId }) => JSON.stringify(await getShown(api, path, adminId), undefined, 2));
