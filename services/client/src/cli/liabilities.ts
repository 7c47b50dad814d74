/** Whether what the mediator published contains this client's money, all of it. */
import { entriesSince, unwrap } from '@holdfast/http-api';
import {
  checkAgainstStatement,
  checkBound,
  examineLiability,
  type ExaminedLiability,
  type OwnLiability,
} from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';

export interface LiabilityReport extends ExaminedLiability {
  /** False when money moved all the time, so that statement and balance could not be read as one. */
  readonly isCompared: boolean;
  /** The signed root: what to keep. */
  readonly token: string;
}

const MAX_TRIES = 5;
const PER_PAGE = 200;

/**
 * @param keep what the mediator answered, before it is verified: the evidence where it is wrong
 * @throws HoldfastError see examineLiability, checkAgainstStatement, checkBound; `liabilities.none`
 */
export async function verifyOwnLiability(
  vault: Pick<ClientContext, 'mediatorApi' | 'signing' | 'clientId'>,
  sequence: number | undefined,
  keep: (answer: OwnLiability) => void,
): Promise<LiabilityReport> {
  const { mediatorApi, signing, clientId } = vault;
  const query = sequence === undefined ? {} : { sequence };
  const answer = await unwrap(mediatorApi.GET('/v1/liabilities/mine', { params: { query } }));
  keep(answer);
  const examined = examineLiability(signing, { kind: 'client', ownerId: clientId }, answer);
  return { ...examined, isCompared: await compare(vault, examined), token: answer.liabilities.token };
}

async function compare(
  { mediatorApi, clientId }: Pick<ClientContext, 'mediatorApi' | 'clientId'>,
  { freeMsat, boundMsat, throughTransferNo }: ExaminedLiability,
): Promise<boolean> {
  const path = { clientId };
  const readBalance = () => unwrap(mediatorApi.GET('/v1/clients/{clientId}/balance', { params: { path } }));
  const readPage = async (before?: string) => {
    const query = { limit: PER_PAGE, ...(before !== undefined && { before }) };
    const { entries } = await unwrap(mediatorApi.GET('/v1/clients/{clientId}/statement', { params: { path, query } }));
    return entries;
  };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const balance = await readBalance();
    const since = await entriesSince(readPage, throughTransferNo);
    const again = await readBalance();
    if (JSON.stringify(balance) !== JSON.stringify(again)) continue;
    checkAgainstStatement(freeMsat, BigInt(balance.availableMsat), since);
    checkBound(boundMsat, BigInt(balance.heldMsat) + BigInt(balance.reservedMsat), since);
    return true;
  }
  return false;
}
