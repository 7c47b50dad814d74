/** What the mediator owes, for everybody to verify; and ledger against chain, for admins. */
import type { MediatorOperations, MediatorSchemas } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import { fail } from '@holdfast/protocol';
import type { PublishedRoot } from '../liabilities/index.ts';
import { checkAdmin } from '../overview/index.ts';
import type { Audit, Line, Reconciliation } from '../reconciliation/index.ts';
import { callerAs, viewerOf } from './authenticate.ts';

export interface ReconciliationHandlerOptions {
  readonly audit: Audit;
}

type Schemas = MediatorSchemas['schemas'];
type Part<Names extends keyof MediatorOperations> = Pick<Handlers<MediatorOperations>, Names>;

const DEFAULT_LIMIT = 30;

export const reconciliationHandlers = (options: ReconciliationHandlerOptions) => ({
  ...liabilityHandlers(options),
  ...auditHandlers(options),
});

function liabilityHandlers({
  audit: { liabilities },
}: ReconciliationHandlerOptions): Part<'getLiabilities' | 'getOwnLiability'> {
  const rootOf = async (sequence: number | undefined): Promise<PublishedRoot> => {
    const found = sequence === undefined ? await liabilities.newest() : await liabilities.find(sequence);
    if (found !== undefined) return found;
    throw sequence === undefined ? fail('liabilities.none') : fail('liabilities.unknown', { sequence });
  };
  return {
    getLiabilities: async ({ query: { sequence } }) => showRoot(await rootOf(sequence)),
    getOwnLiability: async ({ request, query: { sequence } }) => {
      const viewer = viewerOf(request);
      const isNode = viewer.role === 'operator';
      const ownerId = isNode ? viewer.publicKey : callerAs(request, 'client');
      const root = await rootOf(sequence);
      const proof = await liabilities.proof(root.sequence, isNode ? 'node' : 'client', ownerId);
      if (proof === undefined) return { liabilities: showRoot(root) };
      const { freeMsat, boundMsat, inFlightMsat, siblings } = proof;
      return {
        liabilities: showRoot(root),
        proof: {
          kind: proof.kind,
          ownerId,
          salt: proof.salt,
          amountMsat: String(freeMsat + boundMsat + inFlightMsat),
          freeMsat: String(freeMsat),
          boundMsat: String(boundMsat),
          inFlightMsat: String(inFlightMsat),
          leafIndex: proof.leafIndex,
          siblings: siblings.map(({ hash, sumMsat }) => ({ hash, sumMsat: String(sumMsat) })),
        },
      };
    },
  };
}

function auditHandlers({
  audit,
}: ReconciliationHandlerOptions): Part<
  'listReconciliations' | 'reconcile' | 'getReconciliation' | 'resolveReconciliation'
> {
  return {
    listReconciliations: async ({ request, query: { before, limit = DEFAULT_LIMIT } }) => {
      checkAdmin(viewerOf(request));
      const found = await audit.reconciliations.list({ limit, ...(before !== undefined && { before }) });
      return { reconciliations: found.map(show) };
    },
    reconcile: async ({ request }) => {
      checkAdmin(viewerOf(request));
      const { reconciliation, unreconciled, published } = await audit.run();
      return {
        liabilities: showRoot(published),
        ...(reconciliation !== undefined && { reconciliation: show(reconciliation) }),
        ...(unreconciled !== undefined && { unreconciled }),
      };
    },
    getReconciliation: async ({ request, params: { number } }) => {
      checkAdmin(viewerOf(request));
      const found = await audit.reconciliations.find(number);
      if (found === undefined) throw fail('reconciliation.unknown', { number });
      return show(found);
    },
    resolveReconciliation: async ({ request, params: { number }, body: { note, book = false } }) => {
      const viewer = viewerOf(request);
      checkAdmin(viewer);
      return show(await audit.resolve(number, { resolvedBy: viewer.publicKey, note, book }));
    },
  };
}

const showRoot = ({
  sequence,
  madeAtMs,
  totalMsat,
  leafCount,
  root,
  token,
}: PublishedRoot): Schemas['Liabilities'] => ({
  sequence,
  madeAtMs,
  totalMsat: String(totalMsat),
  leafCount,
  root,
  token,
});

const showLines = (lines: readonly Line[]): Schemas['ReconciliationLine'][] =>
  lines.map(({ subject, what, sats }) => ({ subject, what, sats: String(sats) }));

const show = (found: Reconciliation): Schemas['Reconciliation'] => ({
  number: found.number,
  state: found.state,
  checkedAtMs: found.checkedAtMs,
  tipHeight: found.tip.height,
  tipHash: found.tip.hash,
  chainSats: String(found.chainSats),
  ledgerMsat: String(found.ledgerMsat),
  pendingSats: String(found.pendingSats),
  pending: showLines(found.pending),
  differences: showLines(found.differences),
  ...found.resolution,
});
