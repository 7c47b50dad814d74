/** Looking at nodes, challenges, agreements and money: each operation checks whose it is before it reads. */
import type { MediatorOperations } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import type { Clock } from '@holdfast/platform';
import { fail, type Network } from '@holdfast/protocol';
import type { AgreementStore } from '../agreements/index.ts';
import type { Fault, LedgerStore, MoneyRules, SettlementStore } from '../ledger/index.ts';
import {
  checkAdmin,
  checkClient,
  checkNode,
  type OverviewStore,
  readEarnings,
  scopeOf,
  wholeTransfers,
} from '../overview/index.ts';
import { agreementHandlers } from './agreement-handlers.ts';
import { viewerOf } from './authenticate.ts';
import { challengeHandlers, type ChallengeReads } from './challenge-handlers.ts';
import { DEFAULT_LIMIT, transferPage } from './pages.ts';
import {
  showAgreement,
  showEarnings,
  showEntry,
  showLegs,
  showMarket,
  showPosition,
  showSettlement,
  showStanding,
  showTransfer,
} from './oversight-views.ts';

export interface OversightOptions {
  readonly about: { readonly mediatorId: string; readonly network: Network };
  readonly clock: Clock;
  readonly offlineAfterMs: number;
  readonly overview: OverviewStore;
  readonly challenges: ChallengeReads;
  readonly agreements: AgreementStore;
  readonly ledger: LedgerStore;
  readonly settlements: Pick<SettlementStore, 'list'>;
  readonly moneyRules: MoneyRules;
}

type Operations = Handlers<MediatorOperations>;
type Part<Names extends keyof Operations> = Pick<Operations, Names>;

const MAX_LEGS = 1_000;

export const oversightHandlers = (options: OversightOptions) => ({
  ...standingHandlers(options),
  ...challengeHandlers(options),
  ...nodeMoneyHandlers(options),
  ...clientMoneyHandlers(options),
  ...agreementHandlers(options),
  ...ledgerHandlers(options),
});

function standingHandlers({
  overview,
  clock,
  offlineAfterMs,
}: OversightOptions): Part<'listStandings' | 'getStanding' | 'getMarket'> {
  return {
    listStandings: async ({ request, query: { after, limit = DEFAULT_LIMIT } }) => {
      checkAdmin(viewerOf(request));
      const found = await overview.listStandings({ limit, ...(after !== undefined && { after }) });
      return { nodes: found.map((standing) => showStanding(standing, clock.nowMs(), offlineAfterMs)) };
    },
    getStanding: async ({ request, params: { nodeId } }) => {
      checkNode(viewerOf(request), nodeId);
      const found = await overview.findStanding(nodeId);
      if (found === undefined) throw fail('node.unknown', { nodeId });
      return showStanding(found, clock.nowMs(), offlineAfterMs);
    },
    getMarket: async ({ request }) => {
      checkAdmin(viewerOf(request));
      return showMarket(await overview.market(clock.nowMs(), offlineAfterMs));
    },
  };
}

const agreementPage = ({ after, limit = DEFAULT_LIMIT }: { after?: string; limit?: number }) => ({
  limit,
  ...(after !== undefined && { after }),
});

function nodeMoneyHandlers({
  overview,
  ledger,
  settlements,
  agreements,
  moneyRules: rules,
  clock,
}: OversightOptions): Part<'listSettlements' | 'getEarnings' | 'listNodeStatement' | 'listNodeAgreements'> {
  return {
    listSettlements: async ({ request, params: { nodeId }, query: { before, limit = DEFAULT_LIMIT } }) => {
      checkNode(viewerOf(request), nodeId);
      const page = { limit, ...(before !== undefined && { beforePeriod: before }) };
      return { settlements: (await settlements.list(nodeId, page)).map(showSettlement) };
    },
    getEarnings: async ({ request, params: { nodeId } }) => {
      checkNode(viewerOf(request), nodeId);
      return showEarnings(await readEarnings({ ledger, overview, rules }, nodeId, clock.nowMs()));
    },
    listNodeStatement: async ({ request, params: { nodeId }, query }) => {
      checkNode(viewerOf(request), nodeId);
      const page = transferPage(query);
      const lines = await ledger.nodeStatement(nodeId, page);
      return { entries: wholeTransfers(lines, page.limit).map(showEntry) };
    },
    listNodeAgreements: async ({ request, params: { nodeId }, query }) => {
      checkNode(viewerOf(request), nodeId);
      return { agreements: (await agreements.listOfNode(nodeId, agreementPage(query))).map(showAgreement) };
    },
  };
}

function clientMoneyHandlers({
  ledger,
  agreements,
}: OversightOptions): Part<'getClientBalance' | 'listClientStatement' | 'listClientAgreements'> {
  return {
    getClientBalance: async ({ request, params: { clientId } }) => {
      checkClient(viewerOf(request), clientId);
      const { availableMsat, heldMsat, reservedMsat } = await ledger.clientBalance(clientId);
      return {
        availableMsat: String(availableMsat),
        heldMsat: String(heldMsat),
        reservedMsat: String(reservedMsat),
      };
    },
    listClientStatement: async ({ request, params: { clientId }, query }) => {
      checkClient(viewerOf(request), clientId);
      const page = transferPage(query);
      const lines = await ledger.clientStatement(clientId, page);
      return { entries: wholeTransfers(lines, page.limit).map(showEntry) };
    },
    listClientAgreements: async ({ request, params: { clientId }, query }) => {
      checkClient(viewerOf(request), clientId);
      return { agreements: (await agreements.listOfClient(clientId, agreementPage(query))).map(showAgreement) };
    },
  };
}

function ledgerHandlers({
  overview,
  ledger,
}: OversightOptions): Part<'listTransfers' | 'getTransfer' | 'getLedger' | 'findLedgerFaults'> {
  let running: Promise<Fault[]> | undefined;
  const findFaults = (): Promise<Fault[]> => {
    running ??= ledger.findFaults().finally(() => {
      running = undefined;
    });
    return running;
  };
  return {
    listTransfers: async ({ request, query }) => {
      checkAdmin(viewerOf(request));
      const page = { ...transferPage(query), ...(query.kind !== undefined && { kind: query.kind }) };
      return { transfers: (await overview.listTransfers(page)).map(showTransfer) };
    },
    getTransfer: async ({ request, params: { transferNo } }) => {
      const scope = scopeOf(viewerOf(request));
      const found = await overview.findTransfer(BigInt(transferNo), scope, MAX_LEGS);
      const isSeen = found !== undefined && (scope === 'all' || found.legs.length > 0);
      if (!isSeen) throw fail('auth.not-yours', { what: 'transfer' });
      return showLegs(found);
    },
    getLedger: async ({ request }) => {
      checkAdmin(viewerOf(request));
      return showPosition(await ledger.position());
    },
    findLedgerFaults: async ({ request }) => {
      checkAdmin(viewerOf(request));
      return { faults: await findFaults() };
    },
  };
}
