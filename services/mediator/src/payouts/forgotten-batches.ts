/**
 * A database that was restored from a copy does not know what was paid since, and would pay it again. The hot wallet
 * shows it: change lies at an address that no batch has used yet. Nobody else knows these addresses.
 */
import type { PublicWallet, WalletAddress } from '@holdfast/bitcoin';
import type { PayoutOptions } from './settings.ts';

/** A month of hourly batches, and more: as far ahead as a Bitcoin node watches by itself. */
const FURTHEST = 1_000;
/** What is a little ahead is found without deriving all of them. */
const STEP = 100;

/** True, and payouts are stopped, when there is such change that no booking explains. */
export async function findForgottenBatches(
  { rail, store, wallet, clock, logger }: PayoutOptions,
  nextChangeIndex: number,
  lastIndex: number,
): Promise<boolean> {
  const ahead = (await rail.unspent('payouts')).filter(({ script }) => {
    const owner = ownerAhead(wallet, script, lastIndex);
    return owner?.branch === 'change' && owner.index >= nextChangeIndex;
  });
  const unknown = await store.unexplained(ahead.map(({ txid }) => txid));
  if (unknown.length === 0) return false;
  const reason = `the hot wallet has change of ${unknown[0]}, which no batch knows: if the database was restored from a copy, its payees were paid already. Run holdfast-mediator reconcile`;
  await store.pause({ pausedBy: 'reconciliation', reason, pausedAtMs: clock.nowMs() });
  logger.error({ txids: unknown }, 'the hot wallet knows payouts that the database does not: payouts are stopped');
  return true;
}

/** Where more was paid since than is watched ahead, all change but the last is spent, and that one lies further on. */
function ownerAhead(wallet: PublicWallet, script: string, lastIndex: number): WalletAddress | undefined {
  for (let ahead = 0; ahead <= FURTHEST; ahead += STEP) {
    const owner = wallet.ownerOf(script, lastIndex + ahead);
    if (owner !== undefined) return owner;
  }
  return undefined;
}
