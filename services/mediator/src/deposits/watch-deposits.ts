/**
 * One look at the chain: what came, what is deep enough to be credited, what was taken away again. Rows are the truth: it
 * may die anywhere and runs again; any number of processes may call it.
 */
import type { Clock, Logger } from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import type { RailState, Tip, TransactionState } from '../rail/index.ts';
import type { DepositKeyRecord, DepositRecord, DepositsOptions } from './ports.ts';

export interface WatchDepositsOptions extends DepositsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface DepositsReport {
  readonly rail: RailState['state'] | 'busy';
  readonly seen: number;
  readonly credited: number;
  readonly reversed: number;
  /** Neither in chain nor mempool, but the node has not settled: they are looked at again. */
  readonly waiting: number;
}

/** Addresses beyond the last that was given, so that none is ever paid before it is watched. */
const LOOK_AHEAD = 200;
const WATCH_STEP = 100;
/** Clocks of blocks and of the mediator differ; a block may carry a time two hours off. */
const SLACK_MS = 3 * 3_600_000;

const NOTHING = { seen: 0, credited: 0, reversed: 0, waiting: 0 };

/** @returns a work; it remembers only whether this process has told the node what to watch. */
export function createDepositWatch(options: WatchDepositsOptions): () => Promise<DepositsReport> {
  const told = { once: false };
  return async () => {
    try {
      return (await options.store.alone(() => watch(options, told))) ?? { rail: 'busy', ...NOTHING };
    } catch (error) {
      if (!(error instanceof HoldfastError) || !error.code.startsWith('rail.')) throw error;
      options.logger.warn({ code: error.code, detail: error.message }, 'the Bitcoin node failed in the middle');
      return { rail: error.code === 'rail.syncing' ? 'syncing' : 'away', ...NOTHING };
    }
  };
}

async function watch(options: WatchDepositsOptions, told: { once: boolean }): Promise<DepositsReport> {
  const { store, rail, rules, clock, logger } = options;
  const counts = { ...NOTHING };
  const collectedMsat = await store.collectDebts(clock.nowMs());
  if (collectedMsat > 0n) logger.info({ collectedMsat: String(collectedMsat) }, 'clients paid back what they owed');
  const state = await rail.state();
  if (state.state !== 'ready') {
    logger.warn(state, 'the Bitcoin node is not ready: nothing is credited or reversed');
    return { rail: state.state, ...counts };
  }
  await keepWatching(options, told);
  const { tip } = state;
  const position = await store.position();
  const found = await rail.sightings('deposits', position.cursor);
  const strangers = await store.noteSeen(found.seen, rules, clock.nowMs());
  if (strangers.length > 0) await reportStrangers(options, strangers);
  const moving = await store.listInMotion(
    { all: position.tipHash !== tip.hash, at: [...found.gone, ...found.seen] },
    clock.nowMs(),
  );
  const { at, isSettled } = await observe(options, tip, moving);
  const mayReverse = isSettled && tip.height >= position.bestHeight;
  for (const one of moving) {
    const observed = at.get(one.txid) ?? 'absent';
    if (observed === 'absent' && !mayReverse) {
      if (one.state === 'seen' || one.state === 'credited') counts.waiting += 1;
      continue;
    }
    const step = await store.step(one.depositNo, observed, rules, clock.nowMs());
    if (step === 'credit') counts.credited += 1;
    if (step === 'reverse') counts.reversed += 1;
    if (step === 'credit' || step === 'reverse' || step === 'forget') {
      logger.info({ txid: one.txid, vout: one.vout, sats: String(one.sats), step }, 'a deposit changed');
    }
  }
  counts.seen = found.seen.length;
  if (counts.waiting === 0) await store.noteDone(found.cursor, tip);
  else
    logger.warn(
      { ...counts, tip, bestHeight: position.bestHeight },
      'deposits are missing on a chain that has not settled',
    );
  return { rail: 'ready', ...counts };
}

/** Where each transaction stands, and whether the chain stood still while that was asked. */
async function observe({ rail }: WatchDepositsOptions, tip: Tip, moving: readonly DepositRecord[]) {
  const at = new Map<string, TransactionState | undefined>();
  for (const { txid } of moving) {
    if (!at.has(txid)) at.set(txid, await rail.transaction(txid));
  }
  const after = await rail.state();
  return { at, isSettled: after.state === 'ready' && after.tip.hash === tip.hash };
}

/** Every process tells it once: the node may have been replaced, and must then look back. */
async function keepWatching(
  { store, rail, key, firstIndex = 0, clock }: WatchDepositsOptions,
  told: { once: boolean },
): Promise<void> {
  await store.useKey(key.descriptor, firstIndex, clock.nowMs());
  const keys = await store.listKeys();
  const target = ({ nextIndex }: DepositKeyRecord) => Math.ceil((nextIndex + LOOK_AHEAD) / WATCH_STEP) * WATCH_STEP;
  if (told.once && keys.every((one) => one.watchedTo >= one.nextIndex + LOOK_AHEAD / 2)) return;
  const lastIndex = Math.max(...keys.map((one) => Math.max(one.watchedTo, target(one))));
  // Addresses that nobody was given yet have no past: only a new wallet, and addresses that were given too soon, need a look back.
  const since = keys
    .map((one) => (told.once && one.watchedTo >= 0 ? one.unwatchedSinceMs : one.madeAtMs))
    .filter((sinceMs) => sinceMs !== undefined);
  await rail.watch('deposits', {
    descriptors: keys.map(({ descriptor }) => descriptor),
    lastIndex,
    ...(since.length > 0 && { sinceMs: Math.min(...since) - SLACK_MS }),
  });
  for (const { keyNo } of keys) await store.noteWatched(keyNo, lastIndex);
  told.once = true;
}

/** Money at an address that the rows know nothing of: they are older than the address. It is never given to another client. */
async function reportStrangers(
  { store, key, firstIndex = 0, clock, logger }: WatchDepositsOptions,
  list: readonly DepositRecord[],
) {
  const { keyNo, nextIndex, watchedTo } = await store.useKey(key.descriptor, firstIndex, clock.nowMs());
  const strange = new Set(list.map(({ address }) => address));
  for (let index = watchedTo; index >= nextIndex; index -= 1) {
    if (!strange.has(key.addressAt(index).address)) continue;
    await store.skipIndexes(keyNo, index + 1);
    break;
  }
  for (const { txid, vout, address, sats } of list) {
    logger.error({ txid, vout, address, sats: String(sats) }, 'a deposit came to an address that nobody was given');
  }
}
