/** `holdfast-mediator show`: asks the running mediator, as admin, for whatever its API shows. */
import { PlatformError } from '@holdfast/platform';
import { errorFromProblem } from '@holdfast/protocol';
import { request } from 'undici';
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
  if (/^\/v1\/[\w./?=&%-]*$/.test(path) && more.length === 0) return path;
  const problem = 'It wants one path, such as /v1/market.';
  throw new PlatformError('config.invalid', problem, 'holdfast-mediator show --help shows how it is called.');
}

/** Resolves to the answer, indented. @throws HoldfastError what the mediator says is wrong */
export const requestShown = (running: RunningMediator, path: string): Promise<string> =>
  asAdmin(running, async ({ baseUrl, dispatcher, session }) => {
    const headers = { authorization: `Bearer ${session}` };
    const { statusCode, body } = await request(`${baseUrl}${path}`, { dispatcher, headers });
    const answer: unknown = await body.json();
    if (statusCode >= 400) throw errorFromProblem(answer, 'The mediator');
    return JSON.stringify(answer, undefined, 2);
  });
