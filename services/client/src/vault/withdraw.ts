/** Taking money out: signed by the client's key, so that nobody who has the session alone can send it elsewhere. */
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { signMessage, withdrawal } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import { withRetries } from '../transport/retry.ts';

export type Withdrawal = MediatorSchemas['schemas']['Withdrawal'];

const LISTED = 50;
/** The same signed message again is the same withdrawal, so an answer that was lost is asked for again. */
const RETRY_DELAYS_MS = [500, 1000, 2000, 4000];

type Client = Pick<ClientContext, 'mediatorApi' | 'clientId' | 'signing' | 'signingKey' | 'clock'>;

export interface Withdrawals {
  /** Newest first. */
  readonly withdrawals: readonly Withdrawal[];
  readonly nextSequence: number;
  /** False: the mediator pays nothing out over the chain. */
  readonly enabled: boolean;
}

export async function listWithdrawals({ mediatorApi }: Pick<Client, 'mediatorApi'>): Promise<Withdrawals> {
  const { nextSequence = 1, ...listed } = await unwrap(
    mediatorApi.GET('/v1/withdrawals', { params: { query: { limit: LISTED } } }),
  );
  return { ...listed, nextSequence };
}

/** @param sats `all`: whatever is available. @throws HoldfastError `address.*`, `money.insufficient`, `withdrawal.*` */
export async function withdraw(client: Client, address: string, sats: number | 'all'): Promise<Withdrawal> {
  const { mediatorApi, clientId, signing, signingKey, clock } = client;
  const { nextSequence: sequence } = await listWithdrawals(client);
  const body = { clientId, address, sats: sats === 'all' ? 0 : sats, sequence, signedAtMs: clock.nowMs() };
  const signed = signMessage(withdrawal, signing, body, signingKey);
  return withRetries({ clock, delaysMs: RETRY_DELAYS_MS }, () =>
    unwrap(mediatorApi.POST('/v1/withdrawals', { body: { withdrawal: signed } })),
  );
}

/** As long as nothing is signed. @throws HoldfastError `withdrawal.unknown`, `withdrawal.under-way` */
export const cancelWithdrawal = (
  { mediatorApi }: Pick<Client, 'mediatorApi'>,
  withdrawalId: string,
): Promise<Withdrawal> =>
  unwrap(mediatorApi.DELETE('/v1/withdrawals/{withdrawalId}', { params: { path: { withdrawalId } } }));
