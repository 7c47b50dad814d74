/** What the mediator brings to a node by itself: orders one message at a time, each challenge, verdict and agreement. */
import type { Clock } from '@holdfast/platform';
import {
  fail,
  type LinkOrder,
  MAX_TO_SIGN,
  maxProofFrameBytes,
  openChallenge,
  type SigningContext,
  type ToNode,
} from '@holdfast/protocol';
import type { LinkPorts } from './ports.ts';
import type { LinkSettings } from './settings.ts';

export interface PushesOptions {
  readonly nodeId: string;
  readonly ports: LinkPorts;
  readonly context: SigningContext;
  readonly settings: LinkSettings;
  readonly clock: Clock;
  readonly lineClock: Clock;
  readonly send: (message: ToNode) => Promise<void>;
  /** The longest binary message that is expected now. */
  readonly allow: (bytes: number) => void;
}

export interface Pushes {
  /** Brings what waits and was not brought lately. */
  bring(): Promise<void>;
  /** @param beat of the heartbeat that they answer; 0: of none. */
  sendOrders(beat: number, orders: readonly LinkOrder[]): Promise<void>;
  /** @param isAll whether the node says where it stands, not only how far it came: whatever follows is sent again. */
  noteCarriedOut(order: number, isAll: boolean): void;
  noteAnswered(challengeId: string): void;
  /** Bytes of a proof frame at most, for a challenge that this link brought and that has no answer yet. */
  boundOf(challengeId: string): number | undefined;
}

interface Brought {
  readonly bound: number;
  readonly deadlineAtMs: number;
  atMs: number;
}

/** Challenges without an answer of one node: there is one in each period, and a deadline. */
const MAX_REMEMBERED = 64;

export function createPushes(options: PushesOptions): Pushes {
  const { nodeId, ports, settings, clock, lineClock, send } = options;
  /** Sent and not answered. */
  const brought = new Map<string, Brought>();
  /** By agreement, and by agreement and time: when it was last sent. */
  const asked = new Map<string, number>();
  let carriedOutOrder = 0;
  let sentOrder = 0;
  let sentOrdersAtMs = 0;
  let verdictsAfterMs = clock.nowMs();

  const isLate = (sinceMs: number | undefined): boolean =>
    sinceMs === undefined || lineClock.nowMs() - sinceMs >= settings.againMs;
  const allow = (): void => options.allow(Math.max(0, ...[...brought.values()].map(({ bound }) => bound)));

  const sendOrders = async (beat: number, orders: readonly LinkOrder[]): Promise<void> => {
    sentOrder = orders.at(-1)?.order ?? sentOrder;
    sentOrdersAtMs = lineClock.nowMs();
    await send({ type: 'orders', beat, orders });
  };

  const bringOrders = async (): Promise<void> => {
    // One message is under way until its orders are carried out, unless that takes suspiciously long.
    if (sentOrder > carriedOutOrder && !isLate(sentOrdersAtMs)) return;
    const orders = await ports.orders.after(nodeId, carriedOutOrder);
    if (orders.length > 0) await sendOrders(0, orders);
  };

  const bringChallenges = async (): Promise<void> => {
    const open = await ports.challenges.openFor(nodeId);
    for (const [challengeId, { deadlineAtMs }] of brought) {
      if (deadlineAtMs < clock.nowMs()) brought.delete(challengeId);
    }
    for (const { challengeId, token } of open) {
      if (!isLate(brought.get(challengeId)?.atMs)) continue;
      if (brought.size >= MAX_REMEMBERED) throw fail('limit.connections', { limit: MAX_REMEMBERED });
      const challenge = openChallenge(options.context, token, nodeId);
      const bound = maxProofFrameBytes(challenge);
      brought.set(challengeId, { bound, deadlineAtMs: challenge.terms.deadlineAtMs, atMs: lineClock.nowMs() });
      allow();
      await send({ type: 'challenge', token });
    }
    allow();
  };

  const bringVerdicts = async (): Promise<void> => {
    for (const { token, judgedAtMs } of await ports.challenges.verdictsAfter(nodeId, verdictsAfterMs)) {
      await send({ type: 'verdict', token });
      verdictsAfterMs = Math.max(verdictsAfterMs, judgedAtMs);
    }
  };

  const bringAgreements = async (): Promise<void> => {
    const found = await ports.agreements.toSign(nodeId);
    for (const [key, atMs] of asked) if (isLate(atMs)) asked.delete(key);
    const agreements = found.agreements.slice(0, MAX_TO_SIGN).filter(({ agreementId }) => !asked.has(agreementId));
    const nameOf = (span: { agreementId: string; effectiveAtMs: number; storedBytes: number }): string =>
      `${span.agreementId} ${span.effectiveAtMs} ${span.storedBytes}`;
    const amendments = found.amendments.slice(0, MAX_TO_SIGN).filter((span) => !asked.has(nameOf(span)));
    if (agreements.length + amendments.length === 0) return;
    for (const { agreementId } of agreements) asked.set(agreementId, lineClock.nowMs());
    for (const span of amendments) asked.set(nameOf(span), lineClock.nowMs());
    await send({ type: 'sign', agreements, amendments });
  };

  return {
    async bring() {
      await bringOrders();
      await bringChallenges();
      await bringVerdicts();
      await bringAgreements();
    },
    sendOrders,
    noteCarriedOut(order, isAll) {
      carriedOutOrder = order;
      sentOrder = isAll ? order : Math.max(sentOrder, order);
    },
    noteAnswered(challengeId) {
      brought.delete(challengeId);
      allow();
    },
    boundOf: (challengeId) => brought.get(challengeId)?.bound,
  };
}
