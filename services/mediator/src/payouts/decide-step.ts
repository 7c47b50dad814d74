/** What an open batch needs next, from what the chain says of its transactions and its designated output. Pure. */
import type { Spender, TransactionState } from '../rail/index.ts';
import type { OpenBatch, SignedTransaction } from './ports.ts';
import type { PayoutRules } from './rules.ts';

export interface ChainView {
  readonly height: number;
  /** Of each of the batch's transactions that chain or mempool have. */
  readonly found: ReadonlyMap<string, TransactionState>;
  /** Who spends the designated output. */
  readonly spender: Spender | undefined;
  /** What of the chain keeps out the transaction that made the designated output; looked for when nothing else is found. */
  readonly rival: Spender | undefined;
}

export type NextStep =
  | { readonly step: 'finish'; readonly txid: string }
  | { readonly step: 'note-confirmed'; readonly txid: string | undefined }
  | { readonly step: 'void'; readonly foreignTxid: string }
  /** Nobody has any of them: send them again, the newest first. */
  | { readonly step: 'broadcast' }
  /** The node has this one, though we never heard so. */
  | { readonly step: 'note-broadcast'; readonly txid: string }
  | { readonly step: 'bump' }
  /** A stranger spends the designated output or took it out of the chain, not yet deep enough. */
  | { readonly step: 'conflicted'; readonly foreignTxid: string }
  | { readonly step: 'wait' };

export function decideStep(batch: OpenBatch, chain: ChainView, rules: PayoutRules): NextStep {
  const own = new Set(batch.transactions.map(({ txid }) => txid));
  const mined = [...chain.found].find(([, { confirmations }]) => confirmations > 0);
  if (mined !== undefined) {
    const [txid, { confirmations }] = mined;
    if (confirmations >= rules.finalConfirmations) return { step: 'finish', txid };
    return batch.settledTxid === txid ? { step: 'wait' } : { step: 'note-confirmed', txid };
  }
  if (batch.settledTxid !== undefined) return { step: 'note-confirmed', txid: undefined };
  // Whoever has the designated output, or what it was made from: none of ours can be mined beside that.
  const stranger = chain.spender === undefined || own.has(chain.spender.txid) ? chain.rival : chain.spender;
  if (stranger !== undefined && stranger.confirmations > 0) {
    const foreignTxid = stranger.txid;
    // Six deep, nobody undoes it.
    return { step: stranger.confirmations >= rules.finalConfirmations ? 'void' : 'conflicted', foreignTxid };
  }
  const pending = newestIn(batch, chain);
  if (pending === undefined) return { step: 'broadcast' };
  if (pending.broadcastAtMs === undefined || batch.state === 'signed')
    return { step: 'note-broadcast', txid: pending.txid };
  const newest = batch.transactions.at(-1)!;
  if (chain.height - newest.signedAtHeight >= rules.stuckBlocks) return { step: 'bump' };
  // A replacement that was stored and never taken.
  return newest.broadcastAtMs === undefined ? { step: 'broadcast' } : { step: 'wait' };
}

const newestIn = (batch: OpenBatch, { found }: ChainView): SignedTransaction | undefined =>
  batch.transactions.findLast(({ txid }) => found.has(txid));
