/** The rail over Bitcoin Core: its JSON-RPC, and two watch-only wallets of it. */
import { transactionId } from '@holdfast/bitcoin';
import { fail, HoldfastError, type Network } from '@holdfast/protocol';
import type { PaymentRail, RailState, Tip } from '../../rail/index.ts';
import { satsOf } from './amounts.ts';
import { createRpc, RPC, RpcError, type RpcOptions } from './rpc.ts';
import { listSightings } from './sightings.ts';
import { createNodeState, SyncingError } from './node-state.ts';
import { createTransactions } from './transactions.ts';
import { listUnspent } from './unspent.ts';
import { createWallets } from './wallets.ts';

export interface BitcoinCoreOptions extends RpcOptions {
  readonly network: Network;
  /** Where the node has no estimate: on regtest, and for the first hours of a new node. */
  readonly fallbackSatPerKvb: bigint;
  /** For what reads the whole chain: the first watching of a wallet, the audit. Default 12 hours. */
  readonly scanTimeoutMs?: number;
  /** Addresses are watched so many at a time. Default 1,000, as many as the node looks ahead by itself. */
  readonly rangeStep?: number;
}

export interface BitcoinCoreRail extends PaymentRail {
  close(): Promise<void>;
}

const SCAN_TIMEOUT_MS = 12 * 3600_000;
const RANGE_STEP = 1_000;
/** The node refuses to look further ahead. */
const FURTHEST_TARGET_BLOCKS = 1_008;

interface ScanResult {
  readonly success: boolean;
  readonly height: number;
  readonly bestblock: string;
  readonly unspents: readonly { readonly txid: string; readonly vout: number; readonly amount: unknown }[];
}

export function createBitcoinCoreRail(options: BitcoinCoreOptions): BitcoinCoreRail {
  const scanTimeoutMs = options.scanTimeoutMs ?? SCAN_TIMEOUT_MS;
  const rpc = createRpc(options);
  const wallets = createWallets(rpc, { scanTimeoutMs, rangeStep: options.rangeStep ?? RANGE_STEP });
  const transactions = createTransactions(rpc, wallets);

  const node = createNodeState(rpc, options.network);

  /** Asks when the node is in a state to answer, and says what went wrong in the port's words. */
  const ask = async <T>(question: (tip: Tip) => Promise<T>): Promise<T> => {
    try {
      return await question(await node.look());
    } catch (error) {
      throw translate(error);
    }
  };

  const broadcast = async (transactionHex: string): Promise<void> => {
    try {
      // What it may cost was decided when it was made: no limit of the node's own.
      await rpc.call('sendrawtransaction', [transactionHex, 0], { isWrite: true });
    } catch (error) {
      if (!(error instanceof RpcError) || !REFUSALS.has(error.code)) throw error;
      if (!(await isMined(error.code, transactionHex))) throw fail('rail.rejected', { reason: error.message }, error);
    }
  };

  /** Once its outputs are spent too, the node takes a mined transaction for one whose inputs are missing. */
  const isMined = async (code: number, transactionHex: string): Promise<boolean> =>
    code === RPC.alreadyInChain ||
    (code === RPC.verifyError && (await transactions.state(transactionId(transactionHex))) !== undefined);

  return {
    async state(): Promise<RailState> {
      try {
        return { state: 'ready', tip: await node.look() };
      } catch (error) {
        if (error instanceof SyncingError) return { state: 'syncing', tip: error.tip, progress: error.progress };
        const told = translate(error);
        if (!(told instanceof HoldfastError)) throw told;
        return { state: told.code === 'rail.wrong-network' ? 'wrong-network' : 'away', detail: told.message };
      }
    },
    watch: (wallet, watched) => ask(() => wallets.watch(wallet, watched)),
    sightings: (wallet, cursor) => ask((tip) => listSightings(wallet, cursor, tip, { wallets, transactions, node })),
    unspent: (wallet) => ask(() => listUnspent(wallet, { rpc, wallets, transactions })),
    transaction: (txid) => ask(() => transactions.state(txid)),
    spender: (outpoint) => ask(() => transactions.spender(outpoint)),
    rival: (txid) => ask(() => transactions.rival(txid)),
    transactionHex: (txid) => ask(() => transactions.hexOf(txid)),
    broadcast: (transactionHex) => ask(() => broadcast(transactionHex)),
    feeRate: (targetBlocks) =>
      ask(async () => {
        const target = Math.min(FURTHEST_TARGET_BLOCKS, Math.max(1, targetBlocks));
        const { feerate } = await rpc.call<{ feerate?: unknown }>('estimatesmartfee', [target, 'economical']);
        const { mempoolminfee } = await rpc.call<{ mempoolminfee: unknown }>('getmempoolinfo');
        const wanted = feerate === undefined ? options.fallbackSatPerKvb : satsOf(feerate);
        const floor = satsOf(mempoolminfee);
        return {
          satPerKvb: wanted < floor ? floor : wanted,
          source: feerate === undefined ? 'fallback' : 'node',
        };
      }),
    audit: (descriptors) =>
      ask(async (tip) => {
        if (descriptors.length === 0) return { sats: 0n, outputs: [], tip };
        const objects = descriptors.map(({ descriptor, lastIndex }) => ({ desc: descriptor, range: [0, lastIndex] }));
        const scan = await rpc.call<ScanResult>('scantxoutset', ['start', objects], { timeoutMs: scanTimeoutMs });
        if (!scan.success) throw fail('rail.away', { detail: 'it broke off its search of all unspent outputs' });
        const outputs = scan.unspents.map(({ txid, vout, amount }) => ({ txid, vout, sats: satsOf(amount) }));
        return {
          sats: outputs.reduce((sum, { sats }) => sum + sats, 0n),
          outputs,
          tip: { height: scan.height, hash: scan.bestblock },
        };
      }),
    close: () => rpc.close(),
  };
}

/** Answers of `sendrawtransaction` which mean that it does not want it, or has it already. */
const REFUSALS: ReadonlySet<number> = new Set([
  RPC.verifyError,
  RPC.verifyRejected,
  RPC.alreadyInChain,
  RPC.deserialization,
]);

/** What is neither the node's nor the line's fault stays what it is. */
function translate(error: unknown): unknown {
  if (error instanceof SyncingError) {
    const percent = Math.floor(error.progress * 100);
    return fail('rail.syncing', { detail: `at block ${error.tip.height}, about ${percent} %` });
  }
  if (!(error instanceof RpcError)) return error;
  return error.code === RPC.methodNotFound
    ? fail('rail.unsuitable', { detail: 'its wallet is switched off (disablewallet), or it is too old' }, error)
    : fail('rail.away', { detail: error.message }, error);
}
