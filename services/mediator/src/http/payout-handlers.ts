/** Money on its way out: addresses of nodes, withdrawals of clients, and how an admin sees and stops batches. */
import type { MediatorOperations } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import { fail, shortId } from '@holdfast/protocol';
import { checkAdmin, checkNode } from '../overview/index.ts';
import {
  cancelWithdrawal,
  type Payouts,
  readPayoutStatus,
  requestWithdrawal,
  setPayoutAddress,
} from '../payouts/index.ts';
import { callerAs, viewerOf } from './authenticate.ts';
import {
  showBatch,
  showBatchDetail,
  showPayment,
  showPayoutAddresses,
  showPayoutStatus,
  showWithdrawal,
} from './payout-views.ts';

export interface PayoutHandlerOptions {
  readonly payouts: Payouts;
}

type Operations = Handlers<MediatorOperations>;
type Part<Names extends keyof Operations> = Pick<Operations, Names>;

const DEFAULT_LIMIT = 50;

export const payoutHandlers = (options: PayoutHandlerOptions) => ({
  ...addressHandlers(options),
  ...withdrawalHandlers(options),
  ...batchHandlers(options),
});

function addressHandlers({
  payouts,
}: PayoutHandlerOptions): Part<'getPayoutAddress' | 'setPayoutAddress' | 'listNodePayouts'> {
  const show = async (nodeId: string) =>
    showPayoutAddresses(await payouts.addresses.store.addresses(nodeId, payouts.addresses.clock.nowMs()));
  return {
    getPayoutAddress: async ({ request, params: { nodeId } }) => {
      checkNode(viewerOf(request), nodeId);
      return show(nodeId);
    },
    setPayoutAddress: async ({ request, params: { nodeId }, body }) => {
      if (callerAs(request, 'operator') !== nodeId) throw fail('auth.not-yours', { what: 'node' });
      await setPayoutAddress(payouts.addresses, nodeId, body.payoutAddress);
      return show(nodeId);
    },
    listNodePayouts: async ({ request, params: { nodeId }, query: { limit = DEFAULT_LIMIT } }) => {
      checkNode(viewerOf(request), nodeId);
      return { payouts: (await payouts.store.paymentsToNode(nodeId, { limit })).map(showPayment) };
    },
  };
}

function withdrawalHandlers({
  payouts,
}: PayoutHandlerOptions): Part<'listWithdrawals' | 'requestWithdrawal' | 'cancelWithdrawal'> {
  const { store } = payouts.withdrawals;
  return {
    listWithdrawals: async ({ request, query: { before, limit = DEFAULT_LIMIT } }) => {
      const viewer = viewerOf(request);
      if (viewer.role !== 'client') checkAdmin(viewer);
      const clientId = viewer.role === 'client' ? viewer.publicKey : undefined;
      const found = await store.list(clientId, { limit, ...(before !== undefined && { before }) });
      return {
        withdrawals: found.map(showWithdrawal),
        enabled: payouts.work !== undefined,
        ...(clientId !== undefined && { nextSequence: await store.nextSequence(clientId) }),
      };
    },
    requestWithdrawal: async ({ request, body }) => {
      const clientId = callerAs(request, 'client');
      // Without a road out it would lie there for nobody knows how long.
      if (payouts.work === undefined) throw fail('payout.none');
      return showWithdrawal(await requestWithdrawal(payouts.withdrawals, clientId, body.withdrawal));
    },
    cancelWithdrawal: async ({ request, params: { withdrawalId } }) =>
      showWithdrawal(await cancelWithdrawal(payouts.withdrawals, callerAs(request, 'client'), withdrawalId)),
  };
}

function batchHandlers({
  payouts,
}: PayoutHandlerOptions): Part<
  'listPayouts' | 'getPayout' | 'getPayoutStatus' | 'pausePayouts' | 'resumePayouts' | 'approvePayout'
> {
  const { store } = payouts;
  const { clock } = payouts.addresses;
  return {
    listPayouts: async ({ request, query: { before, limit = DEFAULT_LIMIT } }) => {
      checkAdmin(viewerOf(request));
      const page = { limit, ...(before !== undefined && { before }) };
      return { payouts: (await store.listBatches(page)).map(showBatch) };
    },
    getPayout: async ({ request, params: { batchId } }) => {
      checkAdmin(viewerOf(request));
      const found = await store.findBatch(batchId);
      if (found === undefined) throw fail('payout.unknown', { batchId });
      return showBatchDetail(found);
    },
    getPayoutStatus: async ({ request }) => {
      checkAdmin(viewerOf(request));
      return showPayoutStatus(await readPayoutStatus(payouts));
    },
    pausePayouts: async ({ request, body }) => {
      const admin = callerAs(request, 'admin');
      const reason = `${body.reason} (admin ${shortId(admin)})`;
      await store.pause({ pausedBy: 'admin', reason, pausedAtMs: clock.nowMs() });
    },
    resumePayouts: async ({ request }) => {
      callerAs(request, 'admin');
      await store.resume('admin');
    },
    approvePayout: async ({ request, body }) => {
      const approvedBy = callerAs(request, 'admin');
      const terms = { upToSats: BigInt(body.upToSats), approvedBy, note: body.note };
      await store.approve(body.kind === 'node' ? { nodeId: body.id } : { withdrawalId: body.id }, terms, clock.nowMs());
    },
  };
}
