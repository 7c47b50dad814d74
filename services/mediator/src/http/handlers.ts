/** Each operation of the contract, handed to its use case. */
import type { MediatorOperations } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import type { Clock } from '@holdfast/platform';
import type { Network } from '@holdfast/protocol';
import { fail, msat, shortId } from '@holdfast/protocol';
import type { Accounts } from '../accounts/index.ts';
import { type AgreementStore, type MandatesOptions, putMandate } from '../agreements/index.ts';
import {
  closeUpload,
  commitPacks,
  createVault,
  dropPacks,
  getHead,
  getVault,
  type HeadsOptions,
  listPacks,
  listVaults,
  locatePacks,
  moveHead,
  openUpload,
  type PacksOptions,
  type ShownVault,
  type UploadsOptions,
  type VaultsOptions,
} from '../custody/index.ts';
import type { DepositHandling } from '../deposits/index.ts';
import { creditClient, type LedgerStore, type MoneyRules, type SettlementStore } from '../ledger/index.ts';
import { type MarketRules, type OfferBook, quote } from '../market/index.ts';
import {
  checkReachability,
  type NodeStore,
  type Reachability,
  type ReachabilityOptions,
  registerNode,
  type RegisterNodeOptions,
  type SubnetRule,
} from '../nodes/index.ts';
import type { OverviewStore } from '../overview/index.ts';
import { callerAs, callingNode } from './authenticate.ts';
import type { ChallengeReads } from './challenge-handlers.ts';
import { depositHandlers } from './deposit-handlers.ts';
import { payoutHandlers, type PayoutHandlerOptions } from './payout-handlers.ts';
import { oversightHandlers } from './oversight-handlers.ts';
import { reconciliationHandlers, type ReconciliationHandlerOptions } from './reconciliation-handlers.ts';
import {
  showAccount,
  showGrantedNode,
  showMandate,
  showNode,
  showPlaces,
  showQuote,
  showVault,
  toTerms,
} from './views.ts';

export interface HandlerOptions extends DepositHandling, PayoutHandlerOptions, ReconciliationHandlerOptions {
  readonly about: { mediatorId: string; network: Network; caPem: string; version: string; subnetRule: SubnetRule };
  readonly clock: Clock;
  readonly offlineAfterMs: number;
  readonly accounts: Accounts;
  readonly nodes: NodeStore;
  readonly book: OfferBook;
  readonly rules: () => MarketRules;
  readonly registration: RegisterNodeOptions;
  readonly reachability: ReachabilityOptions;
  readonly vaults: VaultsOptions;
  readonly uploads: UploadsOptions;
  readonly packs: PacksOptions;
  readonly heads: HeadsOptions;
  readonly mandates: MandatesOptions;
  readonly agreements: AgreementStore;
  readonly ledger: LedgerStore;
  readonly moneyRules: MoneyRules;
  readonly settlements: Pick<SettlementStore, 'list'>;
  readonly challenges: ChallengeReads;
  readonly overview: OverviewStore;
}

type Operations = Handlers<MediatorOperations>;
type Part<Names extends keyof Operations> = Pick<Operations, Names>;

export const createHandlers = (options: HandlerOptions): Operations => ({
  ...signInHandlers(options),
  ...nodeHandlers(options),
  ...marketHandlers(options),
  ...vaultHandlers(options),
  ...packHandlers(options),
  ...moneyHandlers(options),
  ...oversightHandlers(options),
  ...depositHandlers(options),
  ...payoutHandlers(options),
  ...reconciliationHandlers(options),
});

function signInHandlers({
  about,
  accounts,
  clock,
}: HandlerOptions): Part<'getMediator' | 'createSignInNonce' | 'signIn' | 'signOut'> {
  return {
    getMediator: async () => ({ ...about, timeMs: clock.nowMs() }),
    createSignInNonce: async () => accounts.createNonce(),
    signIn: ({ body }) => accounts.signIn(body.signIn),
    signOut: ({ request }) => accounts.signOut(request.headers.authorization),
  };
}

function nodeHandlers(options: HandlerOptions): Part<'registerNode' | 'checkReachability'> {
  const { book } = options;
  const checks = new Map<string, Promise<Reachability>>();
  return {
    registerNode: async ({ body }) => {
      const { certificatePem, caPem, expiresAtMs } = await registerNode(
        options.registration,
        body.registration,
        body.csrPem,
      );
      book.invalidate();
      return { certificatePem, caPem, expiresAtMs };
    },
    checkReachability: async ({ request }) => {
      const nodeId = callingNode(request);
      const running = checks.get(nodeId) ?? checkReachability(options.reachability, nodeId);
      checks.set(nodeId, running);
      try {
        return await running;
      } finally {
        checks.delete(nodeId);
        book.invalidate();
      }
    },
  };
}

function marketHandlers({
  nodes,
  book,
  rules,
  clock,
  offlineAfterMs,
  moneyRules,
}: HandlerOptions): Part<'listNodes' | 'getNode' | 'createQuote'> {
  return {
    listNodes: async ({ query }) => {
      const { after, limit = 200 } = query;
      const records = await nodes.list({ limit, ...(after !== undefined && { after }) });
      return { nodes: records.map((node) => showNode(node, clock.nowMs(), offlineAfterMs)) };
    },
    getNode: async ({ params }) => {
      const node = await nodes.find(params.nodeId);
      if (node === undefined) throw fail('node.unknown', { nodeId: params.nodeId });
      return showNode(node, clock.nowMs(), offlineAfterMs);
    },
    createQuote: async ({ body }) =>
      showQuote(quote(await book.read(), toTerms(body.terms), body.bytes, rules()), moneyRules.commissionPpm),
  };
}

function vaultHandlers({
  vaults,
  uploads,
  heads,
  mandates,
  clock,
}: HandlerOptions): Part<
  'listVaults' | 'createVault' | 'getVault' | 'openUpload' | 'closeUpload' | 'getHead' | 'putHead'
> {
  const show = async (vault: ShownVault) => showVault(vault, await mandates.mandates.find(vault), clock.nowMs());
  return {
    listVaults: async ({ request }) => {
      const shown = await listVaults(vaults, callerAs(request, 'client'));
      return { vaults: await Promise.all(shown.map(show)) };
    },
    createVault: async ({ request, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: body.vaultId };
      return show(await createVault(vaults, name, toTerms(body.terms)));
    },
    getVault: async ({ request, params }) =>
      show(await getVault(vaults, { clientId: callerAs(request, 'client'), vaultId: params.vaultId })),
    openUpload: async ({ request, params, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId };
      const upload = await openUpload(uploads, name, body.bytes, body.avoidNodes ?? []);
      const { uploadId, policy, quotaBytesPerNode, expiresAtMs, nodes } = upload;
      return { uploadId, policy, quotaBytesPerNode, expiresAtMs, nodes: nodes.map(showGrantedNode) };
    },
    closeUpload: ({ request, params }) => closeUpload(uploads, { clientId: callerAs(request, 'client'), ...params }),
    getHead: async ({ request, params }) => ({
      head: await getHead(heads, { clientId: callerAs(request, 'client'), vaultId: params.vaultId }),
    }),
    putHead: ({ request, params, body }) =>
      moveHead(heads, { clientId: callerAs(request, 'client'), vaultId: params.vaultId }, body.head),
  };
}

function packHandlers({ packs }: HandlerOptions): Part<'listPacks' | 'commitPacks' | 'locatePacks' | 'dropPacks'> {
  return {
    listPacks: async ({ request, params, query }) => {
      const { after, limit = 1000 } = query;
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId };
      return { packIds: await listPacks(packs, name, { limit, ...(after !== undefined && { after }) }) };
    },
    commitPacks: async ({ request, params, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId, uploadId: body.uploadId };
      return { committed: await commitPacks(packs, name, body.packs) };
    },
    locatePacks: async ({ request, params, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId };
      const located = await locatePacks(packs, name, body.packIds, body.readKeys);
      return { packs: located.packs.map(showPlaces), nodes: located.nodes.map(showGrantedNode) };
    },
    dropPacks: async ({ request, params, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId };
      return { dropped: await dropPacks(packs, name, body.drop) };
    },
  };
}

function moneyHandlers({
  mandates,
  agreements,
  ledger,
  clock,
}: HandlerOptions): Part<'putMandate' | 'getAccount' | 'creditClient'> {
  return {
    putMandate: async ({ request, params, body }) => {
      const name = { clientId: callerAs(request, 'client'), vaultId: params.vaultId };
      return showMandate(await putMandate(mandates, name, body.mandate), clock.nowMs());
    },
    getAccount: async ({ request }) => {
      const clientId = callerAs(request, 'client');
      return showAccount(await agreements.runway(clientId, clock.nowMs()), await ledger.clientBalance(clientId));
    },
    creditClient: async ({ request, body }) => {
      const admin = callerAs(request, 'admin');
      const { clientId, reference } = body;
      const note = `${body.note} (admin ${shortId(admin)})`;
      const credit = { clientId, reference, note, amountMsat: msat(BigInt(body.amountMsat)) };
      const booked = await creditClient({ ledger, clock }, credit);
      const { availableMsat } = await ledger.clientBalance(clientId);
      return { booked, availableMsat: String(availableMsat) };
    },
  };
}
