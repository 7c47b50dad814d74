/** How patient the link is, and with how much. Times in milliseconds. */
export interface LinkSettings {
  /** What nodes are told. */
  readonly heartbeatMs: number;
  readonly periodMs: number;
  /** From one ping to the next, and from one look over all links to the next. */
  readonly pingMs: number;
  /** A link without a sign of life, or with bytes that the node does not take, is given up after this long. */
  readonly idleMs: number;
  /** For the first message to come. */
  readonly helloMs: number;
  /** From one look for missed news to the next. */
  readonly pollMs: number;
  /** An open challenge, or an agreement to sign, is sent again after this long without an answer. */
  readonly againMs: number;
  /** For the last word to arrive before a link is cut. */
  readonly closeMs: number;
  /** Links of this process. */
  readonly maxLinks: number;
  /** Messages of one node: so many at once, so many a second in the long run. More are read later. */
  readonly burst: number;
  readonly perSecond: number;
}

const DEFAULTS = {
  pingMs: 20_000,
  idleMs: 60_000,
  helloMs: 10_000,
  pollMs: 5_000,
  closeMs: 2_000,
  maxLinks: 5_000,
  burst: 100,
  perSecond: 20,
};

const LONGEST_HEARTBEAT_MS = 30_000;
const SHORTEST_HEARTBEAT_MS = 1_000;
const LONGEST_AGAIN_MS = 60_000;
const SHORTEST_AGAIN_MS = 500;

/** The defaults; short periods, as tests and demonstrations have them, want more haste. */
export const linkSettings = (periodMs: number, changes: Partial<LinkSettings> = {}): LinkSettings => ({
  ...DEFAULTS,
  periodMs,
  heartbeatMs: Math.min(LONGEST_HEARTBEAT_MS, Math.max(SHORTEST_HEARTBEAT_MS, Math.floor(periodMs / 10))),
  againMs: Math.min(LONGEST_AGAIN_MS, Math.max(SHORTEST_AGAIN_MS, Math.floor(periodMs / 60))),
  ...changes,
});
