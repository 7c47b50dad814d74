/**
 * The demo's own Bitcoin network: one node on regtest, a faucet that mines, and wallets of people the mediator knows nothing
 * of. Amounts are whole satoshi; what a wallet has is asked of the node.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createSilentLogger, startRegtestNode } from '@holdfast/platform';
import type { MediatorOptions } from '@holdfast/mediator';
import { programPath } from '@holdfast/testkit';

export interface Received {
  readonly txid: string;
  readonly sats: bigint;
  readonly confirmations: number;
}

export interface Chain {
  /** What a mediator needs of it: the node, the public key that deposits are paid to, the hot wallet. */
  readonly settings: Pick<MediatorOptions, 'bitcoin' | 'deposits' | 'payouts'>;
  /** A fresh address of that person's own wallet. */
  address(owner: string): Promise<string>;
  /** From the faucet, into the mempool; the transaction's id. */
  pay(address: string, sats: bigint): Promise<string>;
  mine(blocks: number): Promise<void>;
  /** From now on a block comes every `ms`; 0: only when somebody mines. */
  mineEvery(ms: number): Promise<void>;
  /** What came to that person's own wallet. */
  received(owner: string): Promise<Received[]>;
  /** How to ask the node by hand; undefined where there is no such program. */
  readonly commandLine?: string;
  stop(): Promise<void>;
}

/** 50 bitcoin each; the next one is worth half of it. */
const REWARDED_BLOCKS = 149;
const MATURE_BLOCKS = 100;
const FAUCET = 'faucet';
/** Holds the keys of all deposits, and is not the mediator’s. */
const VAULT = 'vault';
const SATS_PER_BITCOIN = 100_000_000;
const FEE_SAT_PER_VB = 2;
/** What payouts pay: there is no market for blocks here. */
const SAT_PER_KVB = 1_000n;
/** Far more than a wallet of the demo gets. */
const NEWEST = 10_000;

/** Resolves to a network with a rich faucet, or to one line that says why there is none. */
export async function startChain(directory: string): Promise<Chain | { readonly reason: string }> {
  let program: string;
  try {
    program = await programPath('bitcoind');
  } catch (error) {
    return { reason: (error as Error).message };
  }
  const dataDir = join(directory, 'bitcoin');
  const settings = { keypool: '10' };
  const node = await startRegtestNode({ dataDir, program, logger: createSilentLogger(), settings });
  const call = createCall(node.url, node.cookieFile);
  try {
    return await furnish(directory, {
      call,
      bitcoin: { rpcUrl: node.url, cookieFile: node.cookieFile, fallbackSatPerKvb: SAT_PER_KVB },
      ...commandLineOf(program, dataDir, node.url),
      end: () => node.stop(),
    });
  } catch (error) {
    await node.stop();
    throw error;
  }
}

interface Bare {
  readonly call: Call;
  readonly bitcoin: NonNullable<MediatorOptions['bitcoin']>;
  readonly commandLine?: string;
  readonly end: () => Promise<void>;
}

async function furnish(directory: string, { call, bitcoin, commandLine, end }: Bare): Promise<Chain> {
  const wallets = new Map<string, Promise<unknown>>();
  const inWallet = async <T>(owner: string, method: string, params: unknown = []): Promise<T> => {
    if (!wallets.has(owner)) wallets.set(owner, call('createwallet', [owner]));
    await wallets.get(owner);
    return call<T>(method, params, owner);
  };
  const address = (owner: string): Promise<string> => inWallet(owner, 'getnewaddress', ['', 'bech32']);
  const faucet = await address(FAUCET);
  const mine = (blocks: number): Promise<void> => call('generatetoaddress', [blocks, faucet]);
  await mine(REWARDED_BLOCKS);
  await mine(MATURE_BLOCKS);
  const seedFile = join(directory, 'hot-wallet-seed');
  writeFileSync(seedFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const miner = createMiner(() => mine(1));
  return {
    settings: {
      bitcoin,
      deposits: { key: await accountKey(inWallet) },
      payouts: { hotWallet: { seedFile } },
    },
    address,
    async pay(to, sats) {
      const amount = Number(sats) / SATS_PER_BITCOIN;
      const params = { address: to, amount: amount.toFixed(8), fee_rate: FEE_SAT_PER_VB };
      return inWallet<string>(FAUCET, 'sendtoaddress', params);
    },
    mine,
    mineEvery: (ms) => miner.every(ms),
    received: async (owner) => arrivedOf(await inWallet<Entry[]>(owner, 'listtransactions', ['*', NEWEST])),
    ...(commandLine !== undefined && { commandLine }),
    async stop() {
      await miner.every(0);
      await end();
    },
  };
}

interface Entry {
  readonly txid: string;
  readonly category: string;
  /** In bitcoin. */
  readonly amount: number;
  readonly confirmations: number;
}

const arrivedOf = (entries: readonly Entry[]): Received[] =>
  entries
    .filter(({ category }) => category === 'receive')
    // Eight digits of at most 21 million are exact in a double.
    .map(({ txid, amount, confirmations }) => ({
      txid,
      sats: BigInt(Math.round(amount * SATS_PER_BITCOIN)),
      confirmations,
    }));

/** The public half of the vault's account: what the mediator makes deposit addresses from. */
async function accountKey(inWallet: <T>(owner: string, method: string) => Promise<T>): Promise<string> {
  interface Listed {
    readonly descriptors: readonly { readonly desc: string }[];
  }
  const { descriptors } = await inWallet<Listed>(VAULT, 'listdescriptors');
  const key = descriptors.map(({ desc }) => /^wpkh\(\[[^\]]*\](tpub\w+)\/0\/\*\)/.exec(desc)?.[1]).find(Boolean);
  if (key === undefined) throw new Error('the node made a wallet without an account of BIP-84');
  return key;
}

/** One block at a time, and none any more once `every(0)` has resolved. */
function createMiner(mineOne: () => Promise<void>): { every(ms: number): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let underWay = Promise.resolve();
  return {
    async every(ms) {
      clearInterval(timer);
      await underWay;
      if (ms === 0) return;
      // A node that was stopped by hand ends nothing but the blocks.
      timer = setInterval(() => {
        underWay = underWay.then(mineOne).catch(() => clearInterval(timer));
      }, ms);
    },
  };
}

type Call = <T>(method: string, params?: unknown, wallet?: string) => Promise<T>;

function createCall(url: string, cookieFile: string): Call {
  const authorization = `Basic ${readFileSync(cookieFile).toString('base64')}`;
  return async <T>(method: string, params: unknown = [], wallet?: string): Promise<T> => {
    const place = wallet === undefined ? url : `${url}/wallet/${wallet}`;
    const body = JSON.stringify({ id: 0, method, params });
    const answer = await fetch(place, { method: 'POST', headers: { authorization }, body });
    const { result, error } = (await answer.json()) as { result: T; error?: { message: string } | null };
    if (error != null) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}

function commandLineOf(program: string, dataDir: string, url: string): { readonly commandLine?: string } {
  const path = join(dirname(program), 'bitcoin-cli');
  if (!existsSync(path)) return {};
  const short = (file: string): string => `"${relative(process.cwd(), file)}"`;
  return { commandLine: `${short(path)} -regtest -datadir=${short(dataDir)} -rpcport=${new URL(url).port}` };
}
