/** What a wallet has to spend, as chain and mempool stand: what a forgotten transaction of ours would spend is free again. */
import type { UnspentOutput, WalletName } from '../../rail/index.ts';
import { satsOf } from './amounts.ts';
import type { Rpc } from './rpc.ts';
import type { Transactions } from './transactions.ts';
import type { Wallets } from './wallets.ts';

interface Listed {
  readonly txid: string;
  readonly vout: number;
  readonly address?: string;
  readonly amount: unknown;
  readonly confirmations: number;
  readonly scriptPubKey: string;
  readonly desc?: string;
}

interface Output {
  readonly value: unknown;
  readonly confirmations: number;
  readonly scriptPubKey: { readonly hex: string; readonly address?: string };
}

const MANY_CONFIRMATIONS = 9_999_999;

export async function listUnspent(
  name: WalletName,
  { rpc, wallets, transactions }: { readonly rpc: Rpc; readonly wallets: Wallets; readonly transactions: Transactions },
): Promise<UnspentOutput[]> {
  const listed = await wallets.call<Listed[]>(name, 'listunspent', [0, MANY_CONFIRMATIONS, [], true]);
  const outputs = new Map<string, UnspentOutput>();
  for (const { txid, vout, address, amount, confirmations, scriptPubKey: script, desc } of listed) {
    if (address === undefined) continue;
    const output = { txid, vout, address, sats: satsOf(amount), confirmations, script, ...originOf(desc) };
    outputs.set(`${txid}:${vout}`, output);
  }
  for (const key of await spentByForgotten(name, wallets, transactions)) {
    const freed = outputs.has(key) ? undefined : await freedOutput(name, key, rpc, wallets);
    if (freed !== undefined) outputs.set(key, freed);
  }
  return [...outputs.values()];
}

/** The wallet takes its own unconfirmed transactions for good, also when no mempool has them any more. */
async function spentByForgotten(
  name: WalletName,
  wallets: Wallets,
  transactions: Transactions,
): Promise<readonly string[]> {
  const tip = await wallets.call<{ lastprocessedblock?: { hash: string } }>(name, 'getwalletinfo', []);
  const since = tip.lastprocessedblock?.hash ?? '';
  const { transactions: entries } = await wallets.call<{
    transactions: { txid: string; category: string; confirmations: number }[];
  }>(name, 'listsinceblock', [since, 1, true, false, true]);
  const open = entries.filter(({ category, confirmations }) => category === 'send' && confirmations === 0);
  const txids = [...new Set(open.map(({ txid }) => txid))];
  const waiting = await transactions.isInMempool(txids);
  const keys: string[] = [];
  for (const txid of txids.filter((sent) => waiting.get(sent) !== true)) {
    keys.push(...(await transactions.inputsOf(name, txid)));
  }
  return keys;
}

async function freedOutput(
  name: WalletName,
  key: string,
  rpc: Rpc,
  wallets: Wallets,
): Promise<UnspentOutput | undefined> {
  const [txid, vout] = [key.slice(0, 64), Number(key.slice(65))];
  const output = await rpc.call<Output | null>('gettxout', [txid, vout, true]);
  const { address, hex } = output?.scriptPubKey ?? {};
  if (output === null || address === undefined || hex === undefined) return undefined;
  const info = await wallets.call<{ ismine: boolean; desc?: string }>(name, 'getaddressinfo', [address]);
  if (!info.ismine) return undefined;
  const { value, confirmations } = output;
  return { txid, vout, address, sats: satsOf(value), confirmations, script: hex, ...originOf(info.desc) };
}

/** From `wpkh([f1d2a3b4/84'/0'/0'/1/7]02…)#…`. */
function originOf(descriptor: string | undefined): { origin?: string } {
  const [, origin] = /\[([0-9a-f]{8}(?:\/\d+['h]?)+)\]/.exec(descriptor ?? '') ?? [];
  return origin === undefined ? {} : { origin: origin.replaceAll("'", 'h') };
}
