/** Who holds the hot wallet's keys: this process, from a file, or a command. */
import { openPublicWallet, type PublicWallet } from '@holdfast/bitcoin';
import type { Network } from '@holdfast/protocol';
import type { PayoutSigner } from '../../payouts/index.ts';
import { createSignerCommand } from './command.ts';
import { openSeedFile } from './seed-file.ts';

export { createSignerCommand, type SignerCommandOptions } from './command.ts';
export { openSeedFile } from './seed-file.ts';

export interface OpenHotWallet {
  readonly wallet: PublicWallet;
  readonly signer: PayoutSigner;
}

/** @throws HoldfastError `payout.bad-seed-file`, `wallet-key.*` */
export async function openHotWallet(
  from:
    | { readonly seedFile: string }
    | { readonly signerCommand: string; readonly signerTimeoutMs?: number; readonly descriptors: readonly string[] },
  network: Network,
): Promise<OpenHotWallet> {
  if ('seedFile' in from) {
    const wallet = await openSeedFile(from.seedFile, network);
    return { wallet, signer: { sign: async (psbt, lastIndex) => wallet.sign(psbt, lastIndex) } };
  }
  const wallet = openPublicWallet(from.descriptors, network);
  const { signerCommand: command, signerTimeoutMs: timeoutMs } = from;
  return { wallet, signer: createSignerCommand({ command, ...(timeoutMs !== undefined && { timeoutMs }) }) };
}
