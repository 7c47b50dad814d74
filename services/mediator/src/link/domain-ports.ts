/** The link's ports, filled with the domains. */
import type { Clock, Logger } from '@holdfast/platform';
import {
  type AmendmentToSign,
  fail,
  type LinkOrder,
  lossReport,
  MAX_TO_SIGN,
  openMessage,
  type SigningContext,
} from '@holdfast/protocol';
import { type AgreementsOptions, agreementTerms, signAgreement, signAmendment } from '../agreements/index.ts';
import type { ChallengesOfNodes } from '../challenges/index.ts';
import type { UploadStore } from '../custody/index.ts';
import type { OfferBook } from '../market/index.ts';
import { freeBytes, type NodeStore, type Order } from '../nodes/index.ts';
import type { AgreementsOfLink, ChallengesOfLink, LinkPorts, LossesOfLink, NewsOfLink } from './ports.ts';

export interface DomainPortsOptions {
  readonly nodes: NodeStore;
  readonly uploads: Pick<UploadStore, 'noteUncommitted'>;
  readonly book: Pick<OfferBook, 'patch'>;
  readonly news: NewsOfLink;
  readonly context: SigningContext;
  readonly clock: Clock;
  /** Certificates live by the machine's clock. */
  readonly certificateClock: Clock;
  readonly logger: Logger;
  readonly challenges?: ChallengesOfNodes;
  readonly agreements?: AgreementsOptions;
}

/** More follow when these are carried out. */
const MAX_ORDERS = 200;
const VERDICTS_AT_ONCE = 20;

export function createLinkPorts(options: DomainPortsOptions): LinkPorts {
  const { nodes, uploads, book, clock, certificateClock, challenges, agreements } = options;
  return {
    news: options.news,
    nodes: {
      findCertificate: (fingerprint) => nodes.findCertificate(fingerprint, certificateClock.nowMs()),
      async heartbeat(nodeId, state) {
        const nowMs = clock.nowMs();
        const orders = await nodes.heartbeat(nodeId, state, nowMs, MAX_ORDERS);
        const node = await nodes.find(nodeId);
        if (node !== undefined) book.patch(nodeId, { lastSeenAtMs: nowMs, freeBytes: freeBytes(node) });
        return orders.map(toLinkOrder);
      },
    },
    orders: {
      after: async (nodeId, order) => (await nodes.ordersAfter(nodeId, order, MAX_ORDERS)).map(toLinkOrder),
      carriedOut: (nodeId, order) => nodes.carriedOut(nodeId, order),
      noteUncommitted: (nodeId, uncommitted) => uploads.noteUncommitted(nodeId, uncommitted, clock.nowMs()),
    },
    losses: challenges === undefined ? lossesOf(options) : lossesByChallenges(options, challenges),
    challenges: challenges === undefined ? NO_CHALLENGES : challengesOf(challenges),
    agreements: agreements === undefined ? NO_AGREEMENTS : agreementsOf(agreements),
  };
}

const toLinkOrder = (order: Order): LinkOrder =>
  order.kind === 'discard-upload'
    ? { order: order.order, kind: order.kind, uploadId: order.uploadId }
    : {
        order: order.order,
        kind: order.kind,
        clientId: order.clientId,
        shards: order.shards.map(({ packId, shardIndex }) => [packId, shardIndex] as const),
      };

const lossesOf = ({ nodes, context, clock, logger }: DomainPortsOptions): LossesOfLink => ({
  async report(nodeId, token) {
    const report = openMessage(lossReport, context, token);
    if (report.nodeId !== nodeId) throw fail('challenge.not-for-us', { nodeId: report.nodeId });
    const lost = await nodes.reportLosses(nodeId, report.shards, clock.nowMs());
    if (lost > 0) logger.warn({ nodeId, lost }, 'a node reports lost shards');
  },
});

const lossesByChallenges = ({ logger }: DomainPortsOptions, challenges: ChallengesOfNodes): LossesOfLink => ({
  async report(nodeId, token) {
    const lost = await challenges.reportLosses(nodeId, token);
    if (lost > 0) logger.warn({ nodeId, lost }, 'a node reports lost shards');
  },
});

const challengesOf = (challenges: ChallengesOfNodes): ChallengesOfLink => ({
  openFor: (nodeId) => challenges.openChallengesOf(nodeId),
  answer: (nodeId, frame) => challenges.answer(nodeId, frame),
  verdictsAfter: (nodeId, afterMs) => challenges.verdictsOf(nodeId, { afterMs, limit: VERDICTS_AT_ONCE }),
});

const NO_CHALLENGES: ChallengesOfLink = {
  openFor: async () => [],
  answer: async () => {
    throw fail('challenge.unknown', { challengeId: '' });
  },
  verdictsAfter: async () => [],
};

const agreementsOf = (options: AgreementsOptions): AgreementsOfLink => ({
  async toSign(nodeId) {
    const { agreements, rules } = options;
    const unsigned = await agreements.listUnsigned(nodeId, MAX_TO_SIGN);
    const amendments: AmendmentToSign[] = [];
    for (const { agreementId, fromPeriod, storedBytes } of unsigned.amendments.slice(0, MAX_TO_SIGN)) {
      const record = await agreements.find(agreementId);
      if (record === undefined) continue;
      const { clientId } = record;
      amendments.push({ agreementId, clientId, effectiveAtMs: fromPeriod * rules.periodMs, storedBytes });
    }
    return {
      agreements: unsigned.agreements.map((record) => {
        const { nodeId: _, ...terms } = agreementTerms(record, rules);
        // One that was ended early is signed for its whole term.
        return { ...terms, endsAtMs: (record.startPeriod + rules.termPeriods) * rules.periodMs };
      }),
      amendments,
    };
  },
  signed: (nodeId, what, token) =>
    what === 'agreement' ? signAgreement(options, nodeId, token) : signAmendment(options, nodeId, token),
});

const NO_AGREEMENTS: AgreementsOfLink = {
  toSign: async () => ({ agreements: [], amendments: [] }),
  signed: async () => {
    throw fail('agreement.unknown', { agreementId: '' });
  },
};
