/** For tests: a real node on regtest with somebody else's wallet, behind a door that can be shut, and the real rail to it. */
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSilentLogger, type RegtestNode, startRegtestNode } from '@holdfast/platform';
import type { Network } from '@holdfast/protocol';
import { satsOf } from '../adapters/bitcoin-core/amounts.ts';
import { type BitcoinCoreRail, createBitcoinCoreRail } from '../adapters/bitcoin-core/index.ts';
import { createRpc, type Rpc } from '../adapters/bitcoin-core/rpc.ts';
import { networks, payments } from 'bitcoinjs-lib';
import type { Outpoint, Tip } from '../rail/index.ts';
import type { Payee, TestChain } from './test-chain.ts';
import { freshDirectory } from './test-mediator.ts';

export interface TestBitcoin extends TestChain {
  /** Of the door: stays the same through restarts. */
  readonly url: string;
  readonly cookieFile: string;
  /** Straight to the node, past the door. */
  rpc(): Rpc;
  /** With a goodbye, so that it keeps its mempool. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Killed, and without the peers that would give back its last blocks; resolves to what lets them. */
  crashAlone(): Promise<() => Promise<void>>;
  /** Takes questions and never answers. */
  hang(): void;
  /** A rail of one's own making through the door; ended with the rest. */
  openRail(options?: { readonly network?: Network; readonly timeoutMs?: number }): BitcoinCoreRail;
}

type DoorState = 'open' | 'shut' | 'hanging';

interface Door {
  readonly port: number;
  state: DoorState;
  isNextBroadcastLost: boolean;
  close(): void;
}

const FALLBACK_SAT_PER_KVB = 2_000n;
const FAUCET = 'somebody-else';
const COINS = 60;
/** Of a node that is not behind, where a test puts it behind. */
const MOST_TIP_AGE_S = 60;
/** @param program of infra/bitcoin: `await describeWith(['bitcoind'], 'title', (program) => …)` */
export async function startTestBitcoin(program: string): Promise<TestBitcoin> {
  const dataDir = freshDirectory();
  let node!: RegtestNode;
  let rpc!: Rpc;
  let minedTo = 0;
  const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
    node = await startRegtestNode({
      dataDir,
      program,
      logger: createSilentLogger(),
      settings: { keypool: '10', ...settings },
    });
    rpc = createRpc({ url: node.url, cookieFile: node.cookieFile });
    // What it kept of its mempool it reads while it answers already.
    while (!(await rpc.call<{ loaded: boolean }>('getmempoolinfo')).loaded) await sleep(20);
  };
  await start();
  const door = await openDoor(() => Number(new URL(node.url).port));
  const url = `http://127.0.0.1:${door.port}`;
  const rails: BitcoinCoreRail[] = [];
  const openRail: TestBitcoin['openRail'] = (options = {}) => {
    const { cookieFile } = node;
    const settings = {
      url,
      cookieFile,
      network: 'regtest',
      rangeStep: 10,
      fallbackSatPerKvb: FALLBACK_SAT_PER_KVB,
      ...options,
    } as const;
    const rail = createBitcoinCoreRail(settings);
    rails.push(rail);
    return rail;
  };
  /** Wallets hear of transactions a moment after the mempool has them. */
  const settle = async <T>(result: T): Promise<T> => {
    await rpc.call('syncwithvalidationinterfacequeue');
    return result;
  };
  const faucet = <T>(method: string, params: readonly unknown[] = []): Promise<T> =>
    rpc.call<T>(method, params, { wallet: FAUCET, isWrite: true });
  const tip = async (): Promise<Tip> => {
    const { blocks, bestblockhash } = await rpc.call<{ blocks: number; bestblockhash: string }>('getblockchaininfo');
    return { height: blocks, hash: bestblockhash };
  };
  /**
   * Never to the faucet, whose coins must not become immature in a reorganisation; another address each time, or a block
   * that was taken off would be mined again.
   */
  const nobody = (): string => {
    minedTo += 1;
    const hash = new Uint8Array(20);
    new DataView(hash.buffer).setUint32(0, minedTo);
    return payments.p2wpkh({ hash, network: networks.regtest }).address!;
  };
  const mine = async (blocks = 1): Promise<Tip> => {
    await rpc.call('generatetoaddress', [blocks, nobody()], { isWrite: true });
    return settle(await tip());
  };
  const outsideAddress = (): Promise<string> => faucet<string>('getnewaddress');
  const payMany = async (payees: readonly Payee[]): Promise<Outpoint[]> => {
    const outputs = payees.map(({ address, sats }) => ({ [address]: bitcoinText(sats) }));
    const options = { replaceable: true, fee_rate: 2, change_position: payees.length };
    const { txid } = await faucet<{ txid: string }>('send', [outputs, null, 'unset', null, options]);
    return settle(payees.map((_, vout) => ({ txid, vout })));
  };
  const takeBack = async (txid: string): Promise<string> => {
    const { fee } = await rpc
      .call<{ fees: { base: string } }>('getmempoolentry', [txid])
      .then(({ fees }) => ({ fee: satsOf(fees.base) }));
    const { decoded } = await faucet<{ decoded: { vin: Outpoint[]; vout: { value: string }[] } }>('gettransaction', [
      txid,
      true,
      true,
    ]);
    const outputSats = decoded.vout.reduce((sum, { value }) => sum + satsOf(value), 0n);
    const inputs = decoded.vin.map(({ txid: spent, vout }) => ({ txid: spent, vout, sequence: 0xfffffffd }));
    const outputs = [{ [await outsideAddress()]: bitcoinText(outputSats - fee * 3n) }];
    const unsigned = await faucet<string>('createrawtransaction', [inputs, outputs]);
    const { hex } = await faucet<{ hex: string }>('signrawtransactionwithwallet', [unsigned]);
    return settle(await faucet<string>('sendrawtransaction', [hex]));
  };
  const disconnect = async (blocks: number): Promise<void> => {
    const { height } = await tip();
    const lost = await rpc.call<string>('getblockhash', [height - blocks + 1]);
    await settle(await rpc.call('invalidateblock', [lost], { isWrite: true }));
  };
  const again = async (end: () => Promise<void>, settings?: Readonly<Record<string, string>>): Promise<void> => {
    await rpc.close();
    await end();
    await start(settings);
  };
  const crashAlone = async (): Promise<() => Promise<void>> => {
    const blocks = await blocksOf(rpc);
    await again(() => node.kill());
    return async () => {
      for (const block of blocks) await rpc.call('submitblock', [block], { isWrite: true });
      await settle(undefined);
    };
  };

  await rpc.call('createwallet', [FAUCET, false, false, '', false, true, true], { isWrite: true });
  await rpc.call('generatetoaddress', [5, await outsideAddress()]);
  await mine(100);
  const share = bitcoinText(4n * 100_000_000n);
  const split = await Promise.all(Array.from({ length: COINS }, async () => ({ [await outsideAddress()]: share })));
  await faucet('send', [split, null, 'unset', null, { fee_rate: 2 }]);
  await mine(10);
  const rail = openRail();

  return {
    rail,
    url,
    cookieFile: node.cookieFile,
    otherRail: () => openRail(),
    openRail,
    rpc: () => rpc,
    tip,
    mine,
    async mineOnly(transactions) {
      await rpc.call('generateblock', [nobody(), transactions], { isWrite: true });
      return settle(await tip());
    },
    outsideAddress,
    pay: async (address, sats) => (await payMany([{ address, sats }]))[0]!,
    payMany,
    takeBack,
    async submit(transactionHex) {
      await settle(await rpc.call('sendrawtransaction', [transactionHex, 0], { isWrite: true }));
    },
    async transactionHex(txid) {
      const wallets = await rpc.call<string[]>('listwallets');
      for (const wallet of wallets) {
        const found = await rpc.call<{ hex: string }>('gettransaction', [txid], { wallet }).catch(() => undefined);
        if (found !== undefined) return found.hex;
      }
      return rpc.call<string>('getrawtransaction', [txid]);
    },
    disconnect,
    async reorganise(blocks, { without = [] } = {}) {
      await disconnect(blocks);
      for (const txid of without) await takeBack(txid);
      await mine(blocks + 1);
    },
    goAway: async () => {
      door.state = 'shut';
    },
    comeBack: async () => {
      door.state = 'open';
    },
    hang() {
      door.state = 'hanging';
    },
    loseNextAnswer() {
      door.isNextBroadcastLost = true;
    },
    async fallBehind() {
      // A node that starts with a tip older than this takes itself for one that is behind, until a newer block comes. Its
      // clock stands, a little ahead: however slow the machine is, the next block is new.
      const { time } = await rpc.call<{ time: number }>('getblockheader', [(await tip()).hash]);
      const mocktime = Math.max(time, Math.floor(Date.now() / 1000)) + 2 * MOST_TIP_AGE_S;
      await again(() => node.stop(), { maxtipage: String(MOST_TIP_AGE_S), mocktime: String(mocktime) });
    },
    crash: async () => (await crashAlone())(),
    crashAlone,
    restart: (settings) => again(() => node.stop(), settings),
    async close() {
      for (const opened of rails) await opened.close();
      door.close();
      await rpc.close();
      await node.kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** All of them, in hex, as the node's peers have them. */
async function blocksOf(rpc: Rpc): Promise<string[]> {
  const height = await rpc.call<number>('getblockcount');
  const heights = Array.from({ length: height }, (_, index) => index + 1);
  const hashes = await rpc.batch(heights.map((at) => ({ method: 'getblockhash', params: [at] })));
  return rpc.batch<string>(hashes.map((hash) => ({ method: 'getblock', params: [hash, 0] }))) as Promise<string[]>;
}

const bitcoinText = (sats: bigint): string => `${sats / 100_000_000n}.${String(sats % 100_000_000n).padStart(8, '0')}`;

/** Between rail and node, so that trouble on the line can be made without the node's knowledge. */
async function openDoor(nodePort: () => number): Promise<Door> {
  const sockets = new Set<Socket>();
  const door: Door = { port: 0, state: 'open', isNextBroadcastLost: false, close: () => undefined };
  const server: Server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => client.destroy()).on('close', () => sockets.delete(client));
    if (door.state !== 'open') {
      if (door.state === 'shut') client.destroy();
      else client.resume();
      return;
    }
    const behind = connect(nodePort(), '127.0.0.1');
    let isAnswerLost = false;
    behind.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.on('close', () => behind.destroy());
    client.on('data', (piece: Buffer) => {
      if (door.state === 'shut') client.destroy();
      if (door.state !== 'open') return;
      if (door.isNextBroadcastLost && piece.includes('"sendrawtransaction"')) {
        door.isNextBroadcastLost = false;
        isAnswerLost = true;
      }
      behind.write(piece);
    });
    behind.on('data', (piece: Buffer) => (isAnswerLost ? client.destroy() : client.write(piece)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(door, {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  });
}
