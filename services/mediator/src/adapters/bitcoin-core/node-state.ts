/** Whether the node can be believed: on our network, caught up, and not behind what it has shown before. */
import { fail, type Network } from '@holdfast/protocol';
import type { Tip } from '../../rail/index.ts';
import { RPC, type Rpc, RpcError } from './rpc.ts';

/** As the node calls them. */
const CHAINS: Readonly<Record<Network, readonly string[]>> = {
  mainnet: ['main'],
  testnet: ['test', 'testnet4'],
  signet: ['signet'],
  regtest: ['regtest'],
};
/** A node hears of a block's header a moment before it has the block. */
const HEADERS_AHEAD = 3;

interface ChainInfo {
  readonly chain: string;
  readonly blocks: number;
  readonly headers: number;
  readonly bestblockhash: string;
  readonly initialblockdownload: boolean;
  /** 0 to 1. */
  readonly verificationprogress: number | string;
}

export interface NodeState {
  /** @throws SyncingError; HoldfastError `rail.wrong-network`, `rail.away` */
  look(): Promise<Tip>;
  /** @throws SyncingError when the node, whose tip is `tip`, is not as far as it was */
  requireCaughtUp(tip: Tip, before: Tip): Promise<void>;
}

export class SyncingError extends Error {
  readonly tip: Tip;
  readonly progress: number;

  constructor(tip: Tip, progress: number) {
    super('syncing');
    this.tip = tip;
    this.progress = progress;
  }
}

export function createNodeState(rpc: Rpc, network: Network): NodeState {
  let furthest: Tip | undefined;

  /**
   * A node that lost power comes up without its last blocks, and takes itself for ready until its peers give them back.
   * Another block at the same height is a reorganisation, which it knows of; a block that it has never heard of is not.
   */
  const requireCaughtUp = async (tip: Tip, before: Tip): Promise<void> => {
    if (tip.height > before.height || tip.hash === before.hash) return;
    await rpc.call('getblockheader', [before.hash]).catch((error: unknown) => {
      if (!(error instanceof RpcError && error.code === RPC.invalidAddressOrKey)) throw error;
      throw new SyncingError(tip, before.height === 0 ? 0 : tip.height / before.height);
    });
  };

  const look = async (): Promise<Tip> => {
    const info = await rpc.call<ChainInfo>('getblockchaininfo');
    const { blocks, headers, bestblockhash, chain } = info;
    if (!CHAINS[network].includes(chain)) {
      throw fail('rail.wrong-network', { found: chain, expected: network });
    }
    if (info.initialblockdownload || headers - blocks > HEADERS_AHEAD) {
      const progress = Math.min(1, Math.max(0, Number(info.verificationprogress)));
      throw new SyncingError({ height: blocks, hash: bestblockhash }, progress);
    }
    const tip = { height: blocks, hash: bestblockhash };
    if (furthest !== undefined) await requireCaughtUp(tip, furthest);
    furthest = tip;
    return tip;
  };

  return { look, requireCaughtUp };
}
