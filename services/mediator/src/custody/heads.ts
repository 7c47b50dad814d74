/** The head of a vault: it moves by compare-and-swap on the hash of the one before, and never back. */
import type { Clock } from '@holdfast/platform';
import { fail, messageHash, openMessage, type SigningContext, vaultHead, ZERO_32 } from '@holdfast/protocol';
import type { HeadStore, VaultName, VaultStore } from './ports.ts';
import { findVault } from './vaults.ts';

export interface HeadsOptions {
  readonly vaults: VaultStore;
  readonly heads: HeadStore;
  readonly context: SigningContext;
  readonly clock: Clock;
}

/** @throws HoldfastError `vault.unknown`, `head.missing` */
export async function getHead(options: HeadsOptions, name: VaultName): Promise<string> {
  await findVault(options.vaults, name);
  const current = await options.heads.find(name);
  if (current === undefined) throw fail('head.missing');
  return current.head;
}

/** The head that is there already changes nothing. @throws HoldfastError `message.*`, `vault.unknown`, `auth.not-yours`, `head.conflict` */
export async function moveHead(options: HeadsOptions, name: VaultName, head: string): Promise<void> {
  const { clientId, vaultId, sequence, previousHash } = openMessage(vaultHead, options.context, head);
  if (clientId !== name.clientId || vaultId !== name.vaultId) throw fail('auth.not-yours', { what: 'vault' });
  await findVault(options.vaults, name);
  const headHash = messageHash(head);
  const isFirst = sequence === 1 && previousHash === ZERO_32;
  if (isFirst || sequence > 1) {
    const moved = await options.heads.move(name, { sequence, headHash, head, previousHash }, options.clock.nowMs());
    if (moved) return;
  }
  const current = await options.heads.find(name);
  if (current?.headHash === headHash) return;
  // Also when others have moved it on by more than one: whoever lost the race reads and merges, however late it comes.
  throw fail('head.conflict', { sequence: current?.sequence ?? 0 });
}
