/**
 * A database that was restored from a copy does not know what was paid since, and would pay it again. The hot wallet
 * shows it: change lies at an address that no batch has used yet. Nobody else knows these addresses.
 */
import type { PublicWallet } from '@holdfast/bitcoin';
import type { PayoutOptions } from './settings.ts';

/** True, and payouts are stopped, when there is such change that no booking explains. */
export async function findForgottenBatches(
  { rail, store, wallet, clock, logger }: PayoutOptions,
  nextChangeIndex: number,
): Promise<boolean> {
  const branch = changeBranch(wallet);
  // However far ahead: where more was paid since than is watched ahead, all change but the last is spent.
  const ahead = (await rail.unspent('payouts')).filter(
    ({ origin }) => origin?.startsWith(branch) === true && Number(origin.slice(branch.length)) >= nextChangeIndex,
  );
  const unknown = await store.unexplained(ahead.map(({ txid }) => txid));
  if (unknown.length === 0) return false;
  const reason = `the hot wallet has change of ${unknown[0]}, which no batch knows: if the database was restored from a copy, its payees were paid already. Run holdfast-mediator reconcile`;
  await store.pause({ pausedBy: 'reconciliation', reason, pausedAtMs: clock.nowMs() });
  logger.error({ txids: unknown }, 'the hot wallet knows payouts that the database does not: payouts are stopped');
  return true;
}

/** How the origin of each change address begins. */
function changeBranch(wallet: PublicWallet): string {
  const { path } = wallet.addressAt('p2wpkh', 'change', 0);
  return `${wallet.fingerprint}${path.slice('m'.length, -'0'.length)}`;
}
