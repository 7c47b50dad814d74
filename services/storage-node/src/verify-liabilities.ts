/** `holdfast-node verify-liabilities`: whether this node's money is part of what the mediator says that it owes. */
import { entriesSince, type MediatorApi, unwrap } from '@holdfast/http-api';
import { checkAgainstStatement, examineLiability, type ExaminedLiability } from '@holdfast/protocol';
import type { Operator } from './signed-in.ts';

export interface LiabilityReport extends ExaminedLiability {
  /** False when money moved all the time, so that statement and balance could not be read as one. */
  readonly isCompared: boolean;
}

const MAX_TRIES = 5;
const PER_PAGE = 200;

/** @throws HoldfastError see examineLiability, checkAgainstStatement; `liabilities.none` */
export async function verifyOwnLiability({ api, signing, nodeId }: Omit<Operator, 'key'>): Promise<LiabilityReport> {
  const answer = await unwrap(api.GET('/v1/liabilities/mine', { params: { query: {} } }));
  const examined = examineLiability(signing, { kind: 'node', ownerId: nodeId }, answer);
  return { ...examined, isCompared: await compare(api, nodeId, examined) };
}

async function compare(api: MediatorApi, nodeId: string, examined: ExaminedLiability): Promise<boolean> {
  const path = { nodeId };
  const readBalance = async () => {
    const { earnedMsat, withheldMsat } = await unwrap(api.GET('/v1/nodes/{nodeId}/earnings', { params: { path } }));
    return { earnedMsat, withheldMsat };
  };
  const readPage = async (before?: string) => {
    const query = { limit: PER_PAGE, ...(before !== undefined && { before }) };
    return (await unwrap(api.GET('/v1/nodes/{nodeId}/statement', { params: { path, query } }))).entries;
  };
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const balance = await readBalance();
    const since = await entriesSince(readPage, examined.throughTransferNo);
    const again = await readBalance();
    if (balance.earnedMsat !== again.earnedMsat || balance.withheldMsat !== again.withheldMsat) continue;
    const of = (account: string) => since.filter((entry) => entry.account === account);
    checkAgainstStatement(examined.freeMsat, BigInt(balance.earnedMsat), of('earned'));
    checkAgainstStatement(examined.boundMsat, BigInt(balance.withheldMsat), of('withheld'));
    return true;
  }
  return false;
}

export function formatLiabilities(report: LiabilityReport): string {
  const sat = (msat: bigint): string => `${msat / 1000n} sat`;
  const { sequence, madeAtMs, totalMsat, leafCount, amountMsat, freeMsat, boundMsat, inFlightMsat } = report;
  return [
    `root ${sequence} of ${new Date(madeAtMs).toISOString()}, signed by the mediator: it owes ${sat(totalMsat)} to ${leafCount} clients and nodes`,
    amountMsat === 0n
      ? 'no leaf is this node’s: nothing is owed to it'
      : `proven: ${sat(amountMsat)} of that are this node’s (${sat(freeMsat)} earned, ${sat(boundMsat)} withheld, ${sat(inFlightMsat)} on their way)`,
    report.isCompared
      ? 'the node’s statement says the same'
      : 'the statement was not compared: money moved all the time',
  ].join('\n');
}
