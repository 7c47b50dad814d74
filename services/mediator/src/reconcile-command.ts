/** `holdfast-mediator reconcile`: ledger against chain now, as admin; or an admin's word on what differed. */
import { parseArgs } from 'node:util';
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { PlatformError } from '@holdfast/platform';
import { asAdmin, type RunningMediator } from './signed-in.ts';

export const RECONCILE_HELP = `holdfast-mediator reconcile [--resolve NUMBER --note TEXT [--book]]

Compares the ledger of the mediator that runs here with the chain, to the satoshi, and publishes what it owes. It does so
every night by itself. Exit status 1: they differ, and payouts are stopped.

  --resolve NUMBER   says that this difference, and those before it, are dealt with: payouts go on
  --note TEXT        what it was; kept for ever
  --book             books what still differs as the operator's own: what came in without a reason it has put in, what
                     left it has taken out
`;

export interface ReconcileRequest {
  readonly resolve?: { readonly number: number; readonly note: string; readonly book: boolean };
}

type Schemas = MediatorSchemas['schemas'];

/** @throws PlatformError `config.invalid` */
export function readReconcileArguments(args: readonly string[]): ReconcileRequest {
  const { resolve, note, book = false } = parse(args);
  if (resolve === undefined) {
    if (note !== undefined || book) throw wrong('--note and --book belong to --resolve NUMBER.');
    return {};
  }
  if (!/^[1-9][0-9]{0,8}$/.test(resolve))
    throw wrong(`--resolve takes the number of a reconciliation, not "${resolve}".`);
  if (note === undefined || note === '') throw wrong('--note says what the difference was.');
  return { resolve: { number: Number(resolve), note, book } };
}

function parse(args: readonly string[]) {
  try {
    const options = { resolve: { type: 'string' }, note: { type: 'string' }, book: { type: 'boolean' } } as const;
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

const wrong = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'holdfast-mediator reconcile --help shows how it is called.');

export interface ReconcileReport {
  readonly text: string;
  readonly differs: boolean;
}

/** The set of all unspent outputs of a large chain is read in minutes, twice when something differs. */
const TIMEOUT_MS = 1_800_000;

/** @throws HoldfastError, PlatformError `mediator.not-here` */
export const requestReconciliation = (
  running: RunningMediator,
  { resolve }: ReconcileRequest,
): Promise<ReconcileReport> =>
  asAdmin(
    running,
    async ({ api }) => {
      if (resolve !== undefined) {
        const { number, note, book } = resolve;
        const params = { path: { number } };
        await unwrap(api.POST('/v1/admin/reconciliations/{number}/resolution', { params, body: { note, book } }));
        return { text: `Reconciliation ${number} is resolved: ${note}\n`, differs: false };
      }
      const outcome = await unwrap(api.POST('/v1/admin/reconciliations'));
      return { text: describeAudit(outcome), differs: outcome.reconciliation?.state === 'differs' };
    },
    { timeoutMs: TIMEOUT_MS },
  );

const WHY: Readonly<Record<NonNullable<Schemas['AuditOutcome']['unreconciled']>, string>> = {
  busy: 'another process does it at this moment',
  'no-wallets': 'no wallet is watched yet',
  'rail-not-ready': 'the Bitcoin node is away, behind, or on another network',
  moved: 'blocks came faster than both could be read; try again',
  'no-rail': 'this mediator has no Bitcoin node',
};

/** For people. */
export function describeAudit({ liabilities, reconciliation, unreconciled }: Schemas['AuditOutcome']): string {
  const lines: string[] = [];
  if (reconciliation === undefined) {
    lines.push(`Ledger and chain were not compared: ${WHY[unreconciled ?? 'no-rail']}.`);
  } else {
    const { number, state, chainSats, tipHeight, ledgerMsat, pending, differences } = reconciliation;
    const ledger = `${BigInt(ledgerMsat) / 1000n} sat in the ledger`;
    lines.push(`Reconciliation ${number}: ${chainSats} sat on the chain at block ${tipHeight}, ${ledger}.`);
    for (const { subject, what, sats } of pending) lines.push(`  pending     ${sats} sat  ${subject}  ${what}`);
    for (const { subject, what, sats } of differences) lines.push(`  DIFFERENCE  ${sats} sat  ${subject}  ${what}`);
    lines.push(
      state === 'balanced'
        ? 'They agree to the satoshi.'
        : `They differ: payouts are stopped until you say what it was (--resolve ${number} --note TEXT).`,
    );
  }
  const { sequence, totalMsat, leafCount } = liabilities;
  lines.push(
    `Published: root ${sequence}, ${BigInt(totalMsat) / 1000n} sat are owed to ${leafCount} clients and nodes.`,
  );
  return `${lines.join('\n')}\n`;
}
