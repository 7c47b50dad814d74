/** From a planned transaction to one that can be broadcast: signed by whoever holds the keys, and the very same. */
import { finishTransaction, readTransaction, type UnsignedTransaction } from '@holdfast/bitcoin';
import { fail } from '@holdfast/protocol';
import type { Payee } from './ports.ts';
import type { PayoutOptions } from './settings.ts';

/** @throws HoldfastError `payout.signer-failed`, `transaction.altered`, `transaction.not-signed` */
export async function signTransaction(
  { wallet, signer }: Pick<PayoutOptions, 'wallet' | 'signer'>,
  planned: UnsignedTransaction,
  lastIndex: number,
): Promise<{ txid: string; signed: string }> {
  const described = wallet.describe(planned.psbt, lastIndex);
  const { txid, hex } = finishTransaction(described, await signer.sign(described, lastIndex));
  if (txid !== planned.txid) throw fail('transaction.altered', { detail: `it is ${txid}, not ${planned.txid}` });
  return { txid, signed: hex };
}

/**
 * Reads the signed transaction anew: every payee is paid exactly its amount less its share, nobody else but the wallet's
 * own change is paid, and the designated output is spent.
 * @throws HoldfastError `transaction.altered`
 */
export function checkSigned(
  signed: string,
  expected: {
    readonly payees: readonly Pick<Payee, 'script' | 'grossSats' | 'feeShareSats'>[];
    readonly changeScript: string;
    readonly designated: { readonly txid: string; readonly vout: number };
  },
): void {
  const { inputs, outputs } = readTransaction(signed);
  const { designated } = expected;
  if (!inputs.some(({ txid, vout }) => txid === designated.txid && vout === designated.vout))
    throw fail('transaction.altered', { detail: 'it does not spend the designated output' });
  const unpaid = new Map<string, number>();
  const key = (script: string, sats: bigint): string => `${script} ${sats}`;
  for (const { script, grossSats, feeShareSats } of expected.payees) {
    const name = key(script, grossSats - feeShareSats);
    unpaid.set(name, (unpaid.get(name) ?? 0) + 1);
  }
  let changes = 0;
  for (const { script, sats } of outputs) {
    const name = key(script, sats);
    const left = unpaid.get(name) ?? 0;
    if (left > 0) unpaid.set(name, left - 1);
    else if (script === expected.changeScript && changes === 0) changes += 1;
    else throw fail('transaction.altered', { detail: `it pays ${sats} sat to somebody who is not due them` });
  }
  if ([...unpaid.values()].some((left) => left > 0))
    throw fail('transaction.altered', { detail: 'a payee is missing' });
}
