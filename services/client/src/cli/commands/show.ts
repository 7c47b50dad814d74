/** `holdfast show`: asks the mediator for whatever its API shows this client. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Asks the mediator, signed in with the key of this vault, and prints its answer as JSON: agreements, statements, ' +
        'outcomes of challenges. "me" in the path stands for this client’s id.',
    )
    .argument('<path>', 'a path of the API (docs/api.md)')
    .addHelpText(
      'after',
      `
Examples:
  holdfast show /v1/clients/me/agreements
  holdfast show '/v1/clients/me/statement?limit=20'
  holdfast show /v1/nodes/ID/challenges
`,
    )
    .action((path: string) => run((cli) => show(cli, path)));
}

async function show(cli: Cli, path: string): Promise<void> {
  const { getShown, isShownPath } = await import('@holdfast/http-api');
  const { fail } = await import('@holdfast/protocol');
  if (!isShownPath(path)) {
    throw fail('client.usage', { detail: `"${path}" is no path such as /v1/clients/me/balance.`, command: 'show' });
  }
  const { lookIntoVault } = await import('../unlock.ts');
  const answer = await lookIntoVault(cli, ({ mediatorApi, clientId }) => getShown(mediatorApi, path, clientId));
  cli.console.say(JSON.stringify(answer, undefined, 2));
  cli.console.result({ answer });
}
