/** One agreement: looking at it, and ending it early, for those whose it is. */
import type { MediatorOperations } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import type { Clock } from '@holdfast/platform';
import { fail, type SigningContext } from '@holdfast/protocol';
import { type AgreementRecord, type AgreementStore, endAgreement, foretellEnd } from '../agreements/index.ts';
import type { LedgerStore, MoneyRules } from '../ledger/index.ts';
import { isParty, type Viewer, wholeTransfers } from '../overview/index.ts';
import { viewerOf } from './authenticate.ts';
import { showAgreement, showEntry } from './oversight-views.ts';
import { transferPage } from './pages.ts';

export interface AgreementHandlerOptions {
  readonly about: SigningContext;
  readonly clock: Clock;
  readonly agreements: AgreementStore;
  readonly ledger: Pick<LedgerStore, 'agreementStatement'>;
  readonly moneyRules: MoneyRules;
}

type Names = 'getAgreement' | 'listAgreementStatement' | 'foretellTermination' | 'terminateAgreement';

export function agreementHandlers(options: AgreementHandlerOptions): Pick<Handlers<MediatorOperations>, Names> {
  const { agreements, ledger, moneyRules: rules, about: context, clock } = options;
  /** A stranger is told what it would be told if there were none. */
  const findFor = async (viewer: Viewer, agreementId: string): Promise<AgreementRecord> => {
    const found = await agreements.find(agreementId);
    if (found === undefined || !isParty(viewer, found)) throw fail('agreement.unknown', { agreementId });
    return found;
  };
  return {
    getAgreement: async ({ request, params: { agreementId } }) =>
      showAgreement(await findFor(viewerOf(request), agreementId)),
    listAgreementStatement: async ({ request, params: { agreementId }, query }) => {
      await findFor(viewerOf(request), agreementId);
      const page = transferPage(query);
      const lines = await ledger.agreementStatement(agreementId, page);
      return { entries: wholeTransfers(lines, page.limit).map(showEntry) };
    },
    foretellTermination: async ({ request, params: { agreementId } }) => {
      const who = partyOf(viewerOf(request));
      const ending = await foretellEnd({ agreements, rules, clock }, who, agreementId);
      return { ...ending, releasedMsat: String(ending.releasedMsat) };
    },
    terminateAgreement: async ({ request, params: { agreementId }, body }) => {
      const viewer = viewerOf(request);
      const { party } = partyOf(viewer);
      await endAgreement({ agreements, rules, context, clock }, party, { agreementId, token: body.termination });
      return showAgreement(await findFor(viewer, agreementId));
    },
  };
}

/** An admin ends nobody's agreement. */
function partyOf({ role, publicKey }: Viewer): { party: string; role: 'client' | 'node' } {
  if (role === 'admin') throw fail('auth.required', { role: 'client' });
  return { party: publicKey, role: role === 'client' ? 'client' : 'node' };
}
