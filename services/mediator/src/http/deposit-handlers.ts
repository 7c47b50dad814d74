/** Paying in: the client's address, and what came to it. */
import type { MediatorOperations, MediatorSchemas } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import { fail, type Network } from '@holdfast/protocol';
import type { DepositHandling, DepositRecord } from '../deposits/index.ts';
import { checkAdmin } from '../overview/index.ts';
import { callerAs, viewerOf } from './authenticate.ts';

export interface DepositHandlerOptions extends DepositHandling {
  readonly about: { readonly network: Network };
}

type Part = Pick<Handlers<MediatorOperations>, 'getDepositAddress' | 'listDeposits'>;

const DEFAULT_LIMIT = 50;

export const depositHandlers = ({ about, depositRows, deposits }: DepositHandlerOptions): Part => ({
  getDepositAddress: async ({ request, body }) => {
    const clientId = callerAs(request, 'client');
    if (deposits === undefined) throw fail('deposit.off');
    const { address } = await deposits.giveAddress(clientId, { isNew: body.new === true });
    const { confirmations, large } = deposits.rules;
    return {
      address,
      network: about.network,
      confirmations,
      ...(large !== undefined && { largeSats: String(large.sats), largeConfirmations: large.confirmations }),
    };
  },
  listDeposits: async ({ request, query }) => {
    const viewer = viewerOf(request);
    if (viewer.role !== 'client') checkAdmin(viewer);
    if (viewer.role === 'client' && query.clientId !== undefined && query.clientId !== viewer.publicKey) {
      throw fail('auth.not-yours', { what: 'account' });
    }
    const clientId = viewer.role === 'client' ? viewer.publicKey : query.clientId;
    const { before, limit = DEFAULT_LIMIT } = query;
    const list = await depositRows.list({
      limit,
      ...(clientId !== undefined && { clientId }),
      ...(before !== undefined && { before }),
    });
    return {
      deposits: list.map(showDeposit),
      ...(clientId !== undefined && { owedMsat: String(await depositRows.owedMsat(clientId)) }),
    };
  },
});

const showDeposit = (record: DepositRecord): MediatorSchemas['schemas']['Deposit'] => ({
  depositNo: record.depositNo,
  txid: record.txid,
  vout: record.vout,
  address: record.address,
  ...(record.clientId !== undefined && { clientId: record.clientId }),
  sats: String(record.sats),
  state: record.state,
  confirmations: record.confirmations,
  requiredConfirmations: record.requiredConfirmations,
  seenAtMs: record.seenAtMs,
  ...(record.creditedAtMs !== undefined && { creditedAtMs: record.creditedAtMs }),
});
