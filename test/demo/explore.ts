/** What to type while the demo is up: lines to copy, each of which works. */
import { join, relative } from 'node:path';
import type { Chain } from './chain.ts';
import type { Market } from './market.ts';
import { fact, say, step } from './report.ts';

export interface Exploring {
  readonly root: string;
  /** The demo's directory. */
  readonly home: string;
  readonly client: string;
  readonly passphrase: string;
  readonly sheet: string;
  readonly market: Market;
  readonly chain: Chain | undefined;
  readonly clientId: string;
  /** Operators whose failure is kept as a transcript. */
  readonly suspects: readonly string[];
}

const WITHDRAWN_SATS = 50_000;

export async function showHowToExplore(options: Exploring): Promise<void> {
  const { root, home, client, passphrase, sheet, market, chain, clientId, suspects } = options;
  const { mediator, mediatorDir, nodes } = market;
  const here = (path: string): string => relative(root, path);
  step('Explore (in this directory, while this runs)');
  say(`  export HOLDFAST_HOME="${here(client)}" HOLDFAST_PASSPHRASE_FILE="${here(passphrase)}"`);
  say(
    `  export HOLDFAST_MEDIATOR_DATA_DIR="${here(mediatorDir)}" HOLDFAST_MEDIATOR_LISTEN=${new URL(mediator.baseUrl).host}`,
  );
  for (const line of [
    'status',
    'balance',
    'mandate',
    'snapshots',
    'ls -l',
    'quote',
    'check --read-data',
    'backup',
    'restore --target /tmp/holdfast-restored',
    ...suspects.map((operator) => `verify-transcript "${here(join(home, `challenge-${operator}.json`))}"`),
    ...(chain === undefined ? [] : ['deposit', `withdraw ${await chain.address('client')} ${WITHDRAWN_SATS}`]),
    'verify-liabilities',
  ]) {
    say(`  ./holdfast ${line}`);
  }
  for (const line of chain === undefined
    ? [`credit ${clientId} 1000 --note 'a present'`, 'reconcile']
    : ['show /v1/payouts', 'show /v1/payout-status', `payouts pause --note 'lunch'`, 'payouts resume', 'reconcile']) {
    say(`  ./holdfast-mediator ${line}`);
  }
  if (chain?.commandLine !== undefined) say(`  ${chain.commandLine} -rpcwallet=client getbalances`);
  say(
    `  HOLDFAST_HOME="${here(join(home, 'new-machine'))}" ./holdfast recover --mediator '${mediator.address}' --words-file "${here(sheet)}"`,
  );
  fact('');
  fact(`mediator        ${mediator.baseUrl}/docs   (its certificate is its own: your browser will ask)`);
  fact(`health, metrics ${mediator.opsUrl}/readyz  ${mediator.opsUrl}/metrics`);
  fact(`a node          https://${nodes[0]!.address}/docs`);
  fact(`recovery sheet  ${here(sheet)}     logs  ${here(join(home, 'logs'))}/`);
}
