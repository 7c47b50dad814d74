/** Where a transaction is now, and what spends an output: the wallet's view, checked against the mempool. */
import type { Outpoint, Spender, TransactionState, WalletName } from '../../rail/index.ts';
import { HoldfastError } from '@holdfast/protocol';
import { findRival } from './rivals.ts';
import { RPC, type Rpc, RpcError } from './rpc.ts';
import type { Wallets } from './wallets.ts';

export interface WalletTransaction {
  /** Negative: a transaction of the chain spends one of its inputs. */
  readonly confirmations: number;
  readonly blockhash?: string;
  readonly hex?: string;
  readonly lastprocessedblock?: { readonly height: number };
  readonly decoded?: { readonly vin: readonly { readonly txid?: string; readonly vout?: number }[] };
}

/** Each with what the wallet knows of it. */
export type FromWallet = (
  wallet: WalletName,
  txids: readonly string[],
) => Promise<{ readonly txid: string; readonly known: WalletTransaction | undefined }[]>;

export interface Transactions {
  /** As the wallet has them; undefined: neither in the chain nor in the mempool, or the wallet does not know it. */
  statesOf(wallet: WalletName, txids: readonly string[]): Promise<Map<string, TransactionState | undefined>>;
  state(txid: string): Promise<TransactionState | undefined>;
  spender(outpoint: Outpoint): Promise<Spender | undefined>;
  /** What of the chain keeps it out. */
  rival(txid: string): Promise<Spender | undefined>;
  inputsOf(wallet: WalletName, txid: string): Promise<readonly string[]>;
  /** Undefined where `state` is. */
  hexOf(txid: string): Promise<string | undefined>;
  isInMempool(txids: readonly string[]): Promise<Map<string, boolean>>;
}

const WALLETS: readonly WalletName[] = ['deposits', 'payouts'];
const REMEMBERED = 10_000;

export function createTransactions(rpc: Rpc, wallets: Wallets): Transactions {
  /** What a transaction spends never changes. */
  const inputs = new Map<string, readonly string[]>();

  const isInMempool = async (txids: readonly string[]): Promise<Map<string, boolean>> => {
    const found = await rpc.batch(txids.map((txid) => ({ method: 'getmempoolentry', params: [txid] })));
    return new Map(txids.map((txid, i) => [txid, !notThere(found[i])]));
  };
  const fromWallet: FromWallet = async (name, txids) => {
    const calls = txids.map((txid) => ({ method: 'gettransaction', params: [txid] }));
    const found = await wallets.batch<WalletTransaction>(name, calls);
    return txids.map((txid, i) => ({ txid, known: notThere(found[i]) ? undefined : (found[i] as WalletTransaction) }));
  };

  const statesOf: Transactions['statesOf'] = async (name, txids) => {
    const states = new Map<string, TransactionState | undefined>();
    const note = (found: Awaited<ReturnType<typeof fromWallet>>): void => {
      for (const { txid, known } of found) states.set(txid, known === undefined ? undefined : confirmed(known));
    };
    const first = await fromWallet(name, txids);
    note(first);
    const open = first.filter(({ known }) => known?.confirmations === 0).map(({ txid }) => txid);
    const waiting = await isInMempool(open);
    for (const txid of open) if (waiting.get(txid) === true) states.set(txid, { confirmations: 0 });
    // What is in no mempool may have been mined between the two questions.
    const missing = open.filter((txid) => waiting.get(txid) !== true);
    if (missing.length > 0) note(await fromWallet(name, missing));
    return states;
  };

  const inputsOf: Transactions['inputsOf'] = async (name, txid) => {
    const remembered = inputs.get(txid);
    if (remembered !== undefined) return remembered;
    const { decoded } = await wallets.call<WalletTransaction>(name, 'gettransaction', [txid, true, true]);
    const spent = (decoded?.vin ?? []).map((input) => `${input.txid ?? 'coinbase'}:${input.vout ?? 0}`);
    if (inputs.size >= REMEMBERED) inputs.clear();
    inputs.set(txid, spent);
    return spent;
  };

  /** By a transaction of the chain, which the wallet of the output knows. */
  const minedSpender = async (name: WalletName, { txid, vout }: Outpoint): Promise<Spender | undefined> => {
    const [entry] = await fromWallet(name, [txid]);
    const { blockhash } = entry?.known ?? {};
    if (blockhash === undefined) return undefined;
    const header = await rpc.call<{ previousblockhash?: string }>('getblockheader', [blockhash]);
    const since = header.previousblockhash === undefined ? [] : [header.previousblockhash];
    const listed = await wallets.call<{ transactions: { txid: string; category: string; confirmations: number }[] }>(
      name,
      'listsinceblock',
      [...since, ...(since.length > 0 ? [1, false, false, true] : [])],
    );
    const spending = listed.transactions.filter(
      ({ category, confirmations }) => category === 'send' && confirmations > 0,
    );
    for (const candidate of new Set(spending.map((sent) => sent.txid))) {
      if (!(await inputsOf(name, candidate)).includes(`${txid}:${vout}`)) continue;
      const state = (await statesOf(name, [candidate])).get(candidate);
      return state === undefined ? undefined : { txid: candidate, ...state };
    }
    return undefined;
  };

  return {
    statesOf,
    inputsOf,
    isInMempool,
    rival: (txid) => inAnyWallet((name) => findRival(name, txid, { rpc, fromWallet, inputsOf })),
    hexOf: (txid) =>
      inAnyWallet(async (name) => {
        if ((await statesOf(name, [txid])).get(txid) === undefined) return undefined;
        return (await fromWallet(name, [txid]))[0]?.known?.hex;
      }),
    async state(txid) {
      const state = await inAnyWallet(async (name) => (await statesOf(name, [txid])).get(txid));
      if (state !== undefined) return state;
      return (await isInMempool([txid])).get(txid) === true ? { confirmations: 0 } : undefined;
    },
    async spender(outpoint) {
      const { txid, vout } = outpoint;
      const [waiting] = await rpc.call<{ spendingtxid?: string }[]>('gettxspendingprevout', [[{ txid, vout }]]);
      if (waiting?.spendingtxid !== undefined) return { txid: waiting.spendingtxid, confirmations: 0 };
      if ((await rpc.call<object | null>('gettxout', [txid, vout, false])) !== null) return undefined;
      return inAnyWallet((name) => minedSpender(name, outpoint));
    },
  };
}

function confirmed({ confirmations, blockhash }: WalletTransaction): TransactionState | undefined {
  if (confirmations <= 0) return undefined;
  return { confirmations, ...(blockhash !== undefined && { blockHash: blockhash }) };
}

/** @throws RpcError for every other reason */
function notThere(result: unknown): boolean {
  if (!(result instanceof RpcError)) return false;
  if (result.code === RPC.invalidAddressOrKey) return true;
  throw result;
}

/** The first answer of a wallet; one that is not watched has none. */
async function inAnyWallet<T>(ask: (name: WalletName) => Promise<T | undefined>): Promise<T | undefined> {
  for (const name of WALLETS) {
    try {
      const found = await ask(name);
      if (found !== undefined) return found;
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code === 'rail.not-watched')) throw error;
    }
  }
  return undefined;
}
