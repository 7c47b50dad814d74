/** Messages by which money leaves: where a node wants its pay, and what a client withdraws. */
import { hex, record, text, u64 } from '../canonical.ts';
import { messageType } from '../message.ts';

/** Longer than any address of today's kinds. */
const MAX_ADDRESS_LENGTH = 128;

/** Where a node is paid from now on; the one with the highest sequence counts. The network is that of the signature. */
export const payoutAddress = messageType({
  tag: 'payout-address',
  version: 1,
  body: record({
    nodeId: hex(32),
    address: text(MAX_ADDRESS_LENGTH),
    /** One more than that of the last address; 1 for the first. */
    sequence: u64,
    signedAtMs: u64,
  }),
  signer: (body) => body.nodeId,
});

/** A client takes money out, once. */
export const withdrawal = messageType({
  tag: 'withdrawal',
  version: 1,
  body: record({
    clientId: hex(32),
    address: text(MAX_ADDRESS_LENGTH),
    /** Whole satoshi before the network's fee; 0: all that is available. */
    sats: u64,
    /** One more than that of the last withdrawal; 1 for the first. */
    sequence: u64,
    signedAtMs: u64,
  }),
  signer: (body) => body.clientId,
});
