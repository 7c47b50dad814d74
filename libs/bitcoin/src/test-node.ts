/** For tests: a real node on regtest, asked by JSON-RPC, and coins of the test wallet on its chain. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSilentLogger, startRegtestNode } from '@holdfast/platform';
import { payments } from 'bitcoinjs-lib';
import type { Coin } from './coins.ts';
import { bitcoinNetwork } from './networks.ts';
import { LAST_INDEX, WALLET } from './test-wallet.ts';

export interface TestNode {
  /** @throws Error with what the node said */
  call<Result>(method: string, params?: readonly unknown[], wallet?: string): Promise<Result>;
  mine(blocks: number, address?: string): Promise<string[]>;
  /** Confirmed, 50 bitcoin each, on addresses of both kinds. */
  coins(count: number): Promise<Coin[]>;
  stop(): Promise<void>;
}

interface Answer<Result> {
  readonly result: Result;
  readonly error: { readonly message: string } | null;
}

const MATURITY_BLOCKS = 100;
const NOBODY = payments.p2wpkh({ hash: new Uint8Array(20), network: bitcoinNetwork('regtest').params }).address;

/** Amounts in answers are bitcoin as floating point: exact enough below 90 million bitcoin, and these are tests. */
export const satsOf = (bitcoin: number): bigint => BigInt(Math.round(bitcoin * 1e8));

export async function startTestNode(program: string): Promise<TestNode> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-bitcoin-'));
  const settings = { incrementalrelayfee: '0.00001', minrelaytxfee: '0.00001', dustrelayfee: '0.00003' };
  const node = await startRegtestNode({ dataDir, program, logger: createSilentLogger(), settings });
  const authorization = `Basic ${Buffer.from(readFileSync(node.cookieFile)).toString('base64')}`;
  const call: TestNode['call'] = async <Result>(method: string, params: readonly unknown[] = [], wallet?: string) => {
    const path = wallet === undefined ? '' : `/wallet/${wallet}`;
    const body = JSON.stringify({ id: method, method, params });
    const response = await fetch(node.url + path, {
      method: 'POST',
      headers: { authorization, connection: 'close' },
      body,
    });
    const { result, error } = (await response.json()) as Answer<Result>;
    if (error !== null) throw new Error(error.message);
    return result;
  };
  const mine: TestNode['mine'] = (blocks, address = NOBODY) => call('generatetoaddress', [blocks, address]);
  const coins: TestNode['coins'] = async (count) => {
    const made: Coin[] = [];
    for (let index = 0; index < count; index++) {
      const { address, script } = WALLET.addressAt(index % 2 ? 'p2tr' : 'p2wpkh', 'receive', index % (LAST_INDEX + 1));
      const [block] = await mine(1, address);
      const { tx } = await call<{ tx: readonly { txid: string; vout: readonly { value: number }[] }[] }>('getblock', [
        block,
        2,
      ]);
      const [coinbase] = tx;
      if (coinbase === undefined) throw new Error('a block without a coinbase');
      const sats = satsOf(coinbase.vout[0]?.value ?? 0);
      made.push({ txid: coinbase.txid, vout: 0, sats, script, confirmations: MATURITY_BLOCKS });
    }
    await mine(MATURITY_BLOCKS);
    return made;
  };
  const stop = async (): Promise<void> => {
    await node.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { call, mine, coins, stop };
}
