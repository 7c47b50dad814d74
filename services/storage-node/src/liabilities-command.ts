/** `holdfast-node verify-liabilities`: whether this node's money is part of what the mediator says that it owes. */
import { entriesSince, type MediatorApi, unwrap } from '@holdfast/http-api';
import { createSilentLogger, PlatformError, systemClock, systemRandomness } from '@holdfast/platform';
import {
  checkAgainstStatement,
  examineLiability,
  type ExaminedLiability,
  mediatorBaseUrl,
  parseMediatorAddress,
  type SigningContext,
} from '@holdfast/protocol';
import { asOperator } from './operator-session.ts';
import type { StorageNodeOptions } from './options.ts';
import { openIdentity, openPinnedCa } from './registration/index.ts';

export const LIABILITIES_HELP = `holdfast-node verify-liabilities

Every night the mediator signs what it owes altogether, as the root of a tree with a leaf for each client and node. This
fetches the root and the proof of this node's leaf, verifies both, and compares the amount with the node's statement.
Exit status 6: it is not in it, or not all of it.
`;

export interface LiabilityReport extends ExaminedLiability {
  /** False when money moved all the time, so that statement and balance could not be read as one. */
  readonly isCompared: boolean;
}

const MAX_TRIES = 5;
const PER_PAGE = 200;

/** @throws PlatformError `config.invalid`; HoldfastError see examineLiability, checkAgainstStatement; `liabilities.none` */
export async function requestLiabilities(
  { dataDir, network, mediator }: StorageNodeOptions,
  args: readonly string[],
): Promise<LiabilityReport> {
  if (args.length > 0) {
    const next = 'holdfast-node verify-liabilities --help shows how it is called.';
    throw new PlatformError('config.invalid', `"${args[0]}" is not understood.`, next);
  }
  const address = parseMediatorAddress(mediator);
  const { signal } = new AbortController();
  const pinned = await openPinnedCa({ dataDir, address, clock: systemClock, logger: createSilentLogger(), signal });
  const identity = await openIdentity(dataDir, systemRandomness);
  const signing = { network, mediatorId: pinned.mediatorId };
  const session = { baseUrl: mediatorBaseUrl(address), ...pinned, identity, signing, nowMs: () => systemClock.nowMs() };
  return asOperator(session, (api) => verifyOwnLiability(api, signing, identity.nodeId));
}

export async function verifyOwnLiability(
  api: MediatorApi,
  signing: SigningContext,
  nodeId: string,
): Promise<LiabilityReport> {
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
    '',
  ].join('\n');
}
