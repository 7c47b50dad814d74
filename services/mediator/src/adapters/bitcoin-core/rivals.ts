/** What of the chain keeps a transaction out of it. */
import type { Spender, WalletName } from '../../rail/index.ts';
import type { Rpc } from './rpc.ts';
import type { FromWallet, Transactions } from './transactions.ts';

interface Asked extends Pick<Transactions, 'inputsOf'> {
  readonly fromWallet: FromWallet;
}

interface Block {
  readonly tx: readonly { readonly txid: string; readonly vin: readonly { txid?: string; vout?: number }[] }[];
}

/** The wallet says how deep it is, not which one: that block is read. A pruned node must still have it. */
export async function findRival(
  name: WalletName,
  txid: string,
  { rpc, ...wallet }: Asked & { readonly rpc: Rpc },
): Promise<Spender | undefined> {
  const [entry] = await wallet.fromWallet(name, [txid]);
  const { confirmations = 0, lastprocessedblock } = entry?.known ?? {};
  if (confirmations >= 0 || lastprocessedblock === undefined) return undefined;
  const blockHash = await rpc.call<string>('getblockhash', [lastprocessedblock.height + confirmations + 1]);
  const { tx } = await rpc.call<Block>('getblock', [blockHash, 2]);
  const wanted = new Set(await inputsOfLine(name, txid, wallet));
  const found = tx.find((one) => one.vin.some((input) => wanted.has(`${input.txid ?? ''}:${input.vout ?? 0}`)));
  return found && { txid: found.txid, confirmations: -confirmations, blockHash };
}

/** What it and those before it spend, as far back as the wallet has them and they are kept out as well. */
async function inputsOfLine(name: WalletName, txid: string, { fromWallet, inputsOf }: Asked): Promise<string[]> {
  const line = [txid];
  const spent: string[] = [];
  for (const member of line) {
    const keys = await inputsOf(name, member);
    spent.push(...keys);
    const before = keys.filter((key) => !key.startsWith('coinbase')).map((key) => key.slice(0, 64));
    const parents = await fromWallet(name, [...new Set(before)]);
    line.push(...parents.filter(({ known }) => (known?.confirmations ?? 0) < 0).map((parent) => parent.txid));
  }
  return spent;
}
