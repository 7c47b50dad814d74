/**
 * A database that lost its last moments (restored from a copy, or a replica that lagged behind) may not know a replacement
 * that it signed and sent. In the chain it looks like a stranger's; taken for one, it would make the batch void, and its
 * payees would be paid again. It shows by what it does: it spends the designated output and pays just these payees.
 */
import { type Coin, outpointKey, readTransaction } from '@holdfast/bitcoin';
import { HoldfastError } from '@holdfast/protocol';
import { toInput, watchWallet } from './build-batches.ts';
import type { OpenBatch, PayoutInput } from './ports.ts';
import type { PayoutOptions } from './settings.ts';
import { checkSigned } from './sign-transaction.ts';

/** False, and nothing is changed: it is a stranger's indeed. */
export async function adoptReplacement(
  options: PayoutOptions,
  batch: OpenBatch,
  txid: string,
  height: number,
): Promise<boolean> {
  const { rail, store, wallet, clock, logger } = options;
  const signed = await rail.transactionHex(txid);
  const changeScript = wallet.addressAt('p2wpkh', 'change', batch.changeIndex).script;
  if (signed === undefined || !isReplacement(signed, batch, changeScript)) return false;
  const inputs = await inputsOf(options, batch, signed);
  if (inputs === undefined) return false;
  const { outputs, vsize } = readTransaction(signed);
  const sum = (parts: readonly { readonly sats: bigint }[]): bigint => parts.reduce((all, { sats }) => all + sats, 0n);
  const feeSats = sum(inputs) - sum(outputs);
  const signedAtMs = clock.nowMs();
  const replacementNo = batch.transactions.at(-1)!.replacementNo + 1;
  const satPerKvb = (feeSats * 1_000n) / BigInt(vsize);
  const found = { replacementNo, txid, signed, feeSats, satPerKvb, signedAtMs, signedAtHeight: height };
  if (!(await store.replace(batch.batchNo, found, inputs, signedAtMs))) return true;
  logger.warn({ batchId: batch.batchId, txid }, 'a replacement that the database did not know is known again');
  return true;
}

function isReplacement(signed: string, { payees, designated }: OpenBatch, changeScript: string): boolean {
  try {
    checkSigned(signed, { payees, designated, changeScript });
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'transaction.altered') return false;
    throw error;
  }
}

/** Undefined: it spends what was never the wallet's. */
async function inputsOf(
  options: PayoutOptions,
  { inputs: known, changeIndex }: OpenBatch,
  signed: string,
): Promise<PayoutInput[] | undefined> {
  const { rail, wallet } = options;
  const lastIndex = await watchWallet(options, changeIndex);
  const inputs: PayoutInput[] = [];
  for (const input of readTransaction(signed).inputs) {
    const ours = known.find((one) => outpointKey(one) === outpointKey(input));
    const made = ours === undefined ? await rail.transactionHex(input.txid) : undefined;
    const output = made === undefined ? undefined : readTransaction(made).outputs[input.vout];
    if (ours !== undefined) inputs.push(ours);
    else if (output === undefined || wallet.ownerOf(output.script, lastIndex) === undefined) return undefined;
    else inputs.push(toInput({ ...input, ...output, confirmations: 1 } satisfies Coin, options, lastIndex));
  }
  return inputs;
}
