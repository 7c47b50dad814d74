/** Messages about money: what a client allows (mandate), what a node agrees to (agreement, amendment), and its end. */
import { amount, choice, hex, list, record, text, u32, u64, u8 } from '../canonical.ts';
import { messageType } from '../message.ts';

/**
 * A client's standing order for one vault: within it the mediator opens, grows, renews and moves agreements while the
 * client sleeps. The one with the highest sequence counts; a limit of 0 ends all spending when the running terms end.
 */
export const mandate = messageType({
  tag: 'mandate',
  version: 1,
  body: record({
    clientId: hex(32),
    vaultId: hex(16),
    /** Higher than that of any mandate before it. */
    sequence: u64,
    dataShards: u8,
    parityShards: u8,
    maxPriceSatPerTbMonth: amount,
    /** Empty: any. */
    regions: list(text(32), 32),
    avoidOperators: list(text(64), 256),
    /** What the vault's agreements and open uploads may cost together per 30 days, in millisatoshi. */
    monthlyLimitMsat: amount,
    expiresAtMs: u64,
    signedAtMs: u64,
  }),
  signer: (body) => body.clientId,
  maxTokenLength: 65_536,
});

/** A node's word on one agreement: it stores this vault's shards for that price until the term ends. */
export const agreement = messageType({
  tag: 'agreement',
  version: 1,
  body: record({
    agreementId: hex(16),
    clientId: hex(32),
    vaultId: hex(16),
    nodeId: hex(32),
    /** messageHash of the mandate that it was opened under. */
    mandateHash: hex(32),
    priceSatPerTbMonth: amount,
    /** The mediator's share of each accrual, in millionths. */
    commissionPpm: u32,
    periodMs: u64,
    startsAtMs: u64,
    endsAtMs: u64,
    signedAtMs: u64,
  }),
  signer: (body) => body.nodeId,
});

/** A node's word on how many bytes it is paid for under an agreement from the start of a period on. */
export const amendment = messageType({
  tag: 'amendment',
  version: 1,
  body: record({
    agreementId: hex(16),
    nodeId: hex(32),
    /** The start of the first period with so many bytes. */
    effectiveAtMs: u64,
    /** All bytes of the agreement from then on. */
    storedBytes: u64,
    signedAtMs: u64,
  }),
  signer: (body) => body.nodeId,
});

/** Either party ends an agreement from the next period on. */
export const termination = messageType({
  tag: 'termination',
  version: 1,
  body: record({
    agreementId: hex(16),
    party: hex(32),
    role: choice('client', 'node'),
    signedAtMs: u64,
  }),
  signer: (body) => body.party,
});
