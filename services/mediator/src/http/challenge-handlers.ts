/** Challenges and their evidence, for admins, for the operator of the node, and for clients as far as they are concerned. */
import type { MediatorOperations, MediatorSchemas } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import {
  fail,
  openChallenge,
  openMessage,
  shardKeyOf,
  type SigningContext,
  toBase64Url,
  type Transcript,
  verdict,
} from '@holdfast/protocol';
import type { Challenges, ExportedTranscript } from '../challenges/index.ts';
import { checkAdmin, checkNode, type OverviewStore, type Viewer } from '../overview/index.ts';
import { viewerOf } from './authenticate.ts';
import { showChallenge } from './oversight-views.ts';

export type ChallengeReads = Pick<Challenges, 'list' | 'transcript'>;

interface Options {
  readonly about: SigningContext;
  readonly overview: OverviewStore;
  readonly challenges: ChallengeReads;
}

type Operations = Handlers<MediatorOperations>;
type Shown = MediatorSchemas['schemas']['ChallengeEvidence'];

const DEFAULT_LIMIT = 50;

export function challengeHandlers({
  about,
  overview,
  challenges,
}: Options): Pick<Operations, 'listNodeChallenges' | 'listPeriodChallenges' | 'listRetrievalChecks' | 'getChallenge'> {
  return {
    listNodeChallenges: async ({ request, params: { nodeId }, query: { before, limit = DEFAULT_LIMIT } }) => {
      const viewer = viewerOf(request);
      const page = { limit, ...(before !== undefined && { beforePeriod: before }) };
      if (viewer.role === 'client') {
        const ranges = await overview.agreedPeriods(viewer.publicKey, nodeId);
        if (ranges.length === 0) throw fail('auth.not-yours', { what: 'node' });
        const found = await overview.listInRanges(nodeId, ranges, page);
        return { challenges: found.map((record) => showChallenge(record, false)) };
      }
      checkNode(viewer, nodeId);
      return { challenges: (await challenges.list(nodeId, page)).map((record) => showChallenge(record, true)) };
    },
    listPeriodChallenges: async ({ request, params: { period }, query }) => {
      checkAdmin(viewerOf(request));
      const { after, outcome, limit = DEFAULT_LIMIT } = query;
      const page = { limit, ...(after !== undefined && { after }), ...(outcome !== undefined && { outcome }) };
      return { challenges: (await overview.listOfPeriod(period, page)).map((record) => showChallenge(record, true)) };
    },
    listRetrievalChecks: async ({ request, params: { nodeId }, query: { before, limit = DEFAULT_LIMIT } }) => {
      checkNode(viewerOf(request), nodeId);
      return { checks: await overview.listChecks(nodeId, { limit, ...(before !== undefined && { before }) }) };
    },
    getChallenge: async ({ request, params: { challengeId } }) => {
      const viewer = viewerOf(request);
      const exported = await challenges.transcript(challengeId);
      const shown =
        viewer.role === 'client'
          ? await showToClient(about, overview, exported, viewer.publicKey)
          : showWhole(about, exported, viewer);
      if (shown === undefined) throw fail('challenge.unknown', { challengeId });
      return shown;
    },
  };
}

function showWhole(
  { network, mediatorId }: SigningContext,
  exported: ExportedTranscript,
  viewer: Viewer,
): Shown | undefined {
  const { record, transcript, commits, commitment, secret } = exported;
  if (viewer.role === 'operator' && viewer.publicKey !== record.nodeId) return undefined;
  const challenge = showChallenge(record, true);
  if (transcript === undefined) return { challenge };
  const { frame, ...signed } = transcript;
  return {
    challenge,
    transcript: {
      network,
      mediatorId,
      challenge: signed.challenge,
      verdict: signed.verdict,
      ...(frame !== undefined && { frame: toBase64Url(frame) }),
      lossReports: [...signed.lossReports],
      commits: [...commits],
      commitment,
      ...(secret !== undefined && { secret }),
    },
  };
}

/** The transcript itself names the shards of others. */
async function showToClient(
  context: SigningContext,
  overview: OverviewStore,
  { record, transcript }: ExportedTranscript,
  clientId: string,
): Promise<Shown | undefined> {
  const ranges = await overview.agreedPeriods(clientId, record.nodeId);
  const isAgreed = ranges.some(({ from, until }) => record.period >= from && record.period < until);
  const ownShards = transcript === undefined ? [] : ownShardsOf(context, transcript, clientId);
  if (!isAgreed && ownShards.length === 0) return undefined;
  return { challenge: showChallenge(record, false), ownShards };
}

function ownShardsOf(
  context: SigningContext,
  transcript: Transcript,
  clientId: string,
): NonNullable<Shown['ownShards']> {
  const { samples } = openChallenge(context, transcript.challenge);
  const { faults } = openMessage(verdict, context, transcript.verdict);
  const faultOf = new Map(faults.map((faulty) => [shardKeyOf(faulty), faulty.fault]));
  const own = Map.groupBy(
    samples.filter((sample) => sample.clientId === clientId),
    shardKeyOf,
  );
  return [...own].map(([key, list]) => {
    const { packId, shardIndex } = list[0]!;
    const fault = faultOf.get(key);
    return { packId, shardIndex, leaves: list.length, ...(fault !== undefined && { fault }) };
  });
}
