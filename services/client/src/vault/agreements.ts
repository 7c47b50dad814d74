/** The client's agreements at the mediator: listed, and ended early with the client's signature. */
import { type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { fail, signMessage, termination } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';

export type Agreement = MediatorSchemas['schemas']['Agreement'];
export type Ending = MediatorSchemas['schemas']['Ending'];
type Asking = Pick<ClientContext, 'mediatorApi' | 'clientId'>;

const PAGE = 200;

/** Newest first; ended ones too. */
export async function* listAgreements({ mediatorApi, clientId }: Asking): AsyncIterable<Agreement> {
  let after: string | undefined;
  for (;;) {
    const query = { limit: PAGE, ...(after !== undefined && { after }) };
    const params = { path: { clientId }, query };
    const { agreements } = await unwrap(mediatorApi.GET('/v1/clients/{clientId}/agreements', { params }));
    yield* agreements;
    after = agreements.at(-1)?.agreementId;
    if (after === undefined) return;
  }
}

/**
 * The one that runs and whose id begins so.
 * @throws HoldfastError `agreement.unknown`, also where several begin so
 */
export async function findAgreement(client: Asking, start: string): Promise<Agreement> {
  const found: Agreement[] = [];
  for await (const agreement of listAgreements(client)) {
    if (agreement.state !== 'ended' && agreement.agreementId.startsWith(start)) found.push(agreement);
  }
  const [only, ...others] = found;
  if (only === undefined || others.length > 0 || start === '') throw fail('agreement.unknown', { agreementId: start });
  return only;
}

/** What it would mean to end it now. @throws HoldfastError `agreement.unknown`, `agreement.ended` */
export const foretellEnd = ({ mediatorApi }: Asking, agreementId: string): Promise<Ending> =>
  unwrap(mediatorApi.GET('/v1/agreements/{agreementId}/termination', { params: { path: { agreementId } } }));

/** Ends it from the next period on. @throws HoldfastError `agreement.unknown`, `agreement.ended` */
export async function endAgreement(client: ClientContext, agreementId: string): Promise<Agreement> {
  const { clientId: party, clock, signing, signingKey, mediatorApi } = client;
  const body = { agreementId, party, role: 'client', signedAtMs: clock.nowMs() } as const;
  return unwrap(
    mediatorApi.PUT('/v1/agreements/{agreementId}/termination', {
      params: { path: { agreementId } },
      body: { termination: signMessage(termination, signing, body, signingKey) },
    }),
  );
}
