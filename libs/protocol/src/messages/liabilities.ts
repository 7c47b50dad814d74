/** The mediator's signed word on everything that it owes at one moment. */
import { amount, hex, list, record, u32, u64 } from '../canonical.ts';
import { messageType } from '../message.ts';

/**
 * Two of them with one sequence, or one whose `previousHash` is not that of the one before, show that a mediator tells
 * different people different things.
 */
export const liabilitiesRoot = messageType({
  tag: 'liabilities-root',
  version: 1,
  body: record({
    /** 1, 2, 3 … without a gap. */
    sequence: u64,
    /** messageHash of the one before; none in the first. */
    previousHash: list(hex(32), 1),
    madeAtMs: u64,
    /** Every transfer of the ledger up to this number is in it, and none after. */
    throughTransferNo: u64,
    root: hex(32),
    totalMsat: amount,
    leafCount: u32,
    /** What the chain held then, where the mediator could ask it. */
    assets: list(record({ sats: amount, tipHeight: u32, tipHash: hex(32) }), 1),
  }),
  signer: (_, context) => context.mediatorId,
});
