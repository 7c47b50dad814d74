/** The domain as one object: for the nodes' link, for what happens by the clock, and for whoever reads. */
import { answerChallenge } from './answer-challenge.ts';
import { checkRetrievals } from './check-retrieval.ts';
import { type ExportedTranscript, exportTranscript } from './export-transcript.ts';
import { issueDue } from './issue-challenges.ts';
import { judgeDue } from './judge-challenges.ts';
import { forgetFrames, forgetNews, noteAlive, voidPeriods } from './keep-time.ts';
import type { ChallengesOfNodes } from './link-port.ts';
import { openPeriods, revealSecrets } from './open-periods.ts';
import type { ChallengesOptions } from './options.ts';
import type { ChallengeRecord, NodeReputation, PeriodRecord } from './ports.ts';
import { reportLosses } from './report-losses.ts';

export interface Challenges extends ChallengesOfNodes {
  /** Each may run at any time, in any number of processes; running twice changes nothing. */
  readonly work: {
    /** Opens, plans and reveals periods, notices outages, gives back what was not asked. */
    periods(): Promise<void>;
    issue(): Promise<number>;
    judge(): Promise<number>;
    retrieve(): Promise<number>;
    forget(): Promise<number>;
  };
  transcript(challengeId: string): Promise<ExportedTranscript>;
  /** Newest first. */
  list(nodeId: string, page: { beforePeriod?: number; limit: number }): Promise<ChallengeRecord[]>;
  listPeriods(from: number, until: number): Promise<PeriodRecord[]>;
  reputationOf(nodeId: string): Promise<NodeReputation | undefined>;
}

export function createChallenges(options: ChallengesOptions): Challenges {
  const { store, clock } = options;
  return {
    openChallengesOf: (nodeId) => store.listOpen(nodeId, clock.nowMs()),
    answer: (nodeId, frame) => answerChallenge(options, nodeId, frame),
    reportLosses: (nodeId, token) => reportLosses(options, nodeId, token),
    verdictsOf: (nodeId, page) => store.listVerdicts(nodeId, page),
    noteLinkAlive: () => noteAlive(options, 'link'),
    work: {
      async periods() {
        await noteAlive(options, 'scheduler');
        await openPeriods(options);
        await voidPeriods(options);
        await revealSecrets(options);
      },
      issue: () => issueDue(options),
      judge: () => judgeDue(options),
      retrieve: () => checkRetrievals(options),
      async forget() {
        return (await forgetFrames(options)) + (await forgetNews(options));
      },
    },
    transcript: (challengeId) => exportTranscript(options, challengeId),
    list: (nodeId, page) => store.list(nodeId, page),
    listPeriods: (from, until) => store.listPeriods(from, until),
    reputationOf: (nodeId) => store.findReputation(nodeId),
  };
}
