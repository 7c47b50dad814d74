/** Publishes what is owed to everybody at this moment: a tree with fresh salts, its root signed and chained to the last. */
import type { Clock, Randomness } from '@holdfast/platform';
import {
  fail,
  liabilitiesRoot,
  liabilityLeaf,
  messageHash,
  msat,
  signMessage,
  type SigningContext,
  type SigningKey,
  sumLevels,
  type SumRoot,
  sumRoot,
  toHex,
} from '@holdfast/protocol';
import type { LiabilityStore, Owed, PublishedRoot, Tree } from './ports.ts';

/** What the chain holds under the mediator's keys. */
export interface Assets {
  readonly sats: bigint;
  readonly tip: { readonly height: number; readonly hash: string };
}

export interface PublishOptions {
  readonly store: LiabilityStore;
  readonly signer: { readonly context: SigningContext; readonly key: SigningKey };
  readonly clock: Clock;
  readonly randomness: Randomness;
}

const SALT_BYTES = 32;
const MAX_TRIES = 5;

/** A leaf for each, under a salt of its own, in the order of their hashes. */
function plantTree(owed: readonly Owed[], randomness: Randomness): Tree & { readonly root: SumRoot } {
  const planted = owed
    .map((one) => {
      const salt = toHex(randomness.bytes(SALT_BYTES));
      const amountMsat = msat(one.freeMsat + one.boundMsat + one.inFlightMsat);
      return { leaf: { ...one, salt }, node: liabilityLeaf({ ...one, amountMsat, salt }) };
    })
    .sort((a, b) => Buffer.compare(a.node.hash, b.node.hash));
  const levels = sumLevels(planted.map(({ node }) => node));
  return { leaves: planted.map(({ leaf }) => leaf), levels, root: sumRoot(levels.at(-1)?.[0], planted.length) };
}

/** @throws HoldfastError `liabilities.bad-tree` when the ledger holds what no tree can */
export async function publishLiabilities(options: PublishOptions, assets?: Assets): Promise<PublishedRoot> {
  const { store, signer, clock, randomness } = options;
  for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
    const before = await store.newest();
    const { throughTransferNo, owed } = await store.owed();
    const { root, ...tree } = plantTree(owed, randomness);
    const madeAtMs = clock.nowMs();
    const sequence = (before?.sequence ?? 0) + 1;
    const token = signMessage(
      liabilitiesRoot,
      signer.context,
      {
        sequence,
        previousHash: before === undefined ? [] : [before.messageHash],
        madeAtMs,
        throughTransferNo: Number(throughTransferNo),
        ...root,
        assets:
          assets === undefined ? [] : [{ sats: assets.sats, tipHeight: assets.tip.height, tipHash: assets.tip.hash }],
      },
      signer.key,
    );
    const published = { sequence, token, messageHash: messageHash(token), throughTransferNo, madeAtMs, ...root };
    if (await store.publish(published, tree)) return published;
  }
  throw fail('liabilities.bad-tree', { detail: 'other processes publish one all the time' });
}
