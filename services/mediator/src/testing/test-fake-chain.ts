/** For tests: blocks and a mempool in memory, with the rules of a node that matter for money. Signatures are not looked at. */
import { createHash } from 'node:crypto';
import { toHex } from '@holdfast/protocol';
import { Transaction } from 'bitcoinjs-lib';
import type { Outpoint, Tip } from '../rail/index.ts';

export interface FakeOutput {
  readonly script: string;
  readonly sats: bigint;
}

export interface FakeTransaction {
  readonly txid: string;
  readonly hex: string;
  readonly vsize: bigint;
  readonly weight: number;
  readonly inputs: readonly string[];
  readonly outputs: readonly FakeOutput[];
}

export interface FakeBlock {
  readonly hash: string;
  readonly height: number;
  readonly previous: string;
  readonly timeMs: number;
  readonly txids: readonly string[];
}

export interface FakeChain {
  readonly tip: () => Tip;
  readonly blocks: readonly FakeBlock[];
  readonly mempool: ReadonlySet<string>;
  transaction(txid: string): FakeTransaction | undefined;
  /** Its block, `mempool`, or undefined when it is in neither. */
  where(txid: string): FakeBlock | 'mempool' | undefined;
  confirmations(txid: string): number | undefined;
  output(key: string): FakeOutput | undefined;
  /** What spends it, in chain or mempool. */
  spender(key: string): string | undefined;
  /** The last block of the active chain that has this one among its ancestors, or is it. -1: none. */
  forkHeight(blockHash: string): number;
  /** Money from nowhere, spendable at once. */
  conjure(sats: bigint): Outpoint;
  /** @returns why it is refused, or undefined */
  accept(hex: string): string | undefined;
  mine(): void;
  mineOnly(transactions: readonly string[]): void;
  disconnect(): void;
  /** Out of the mempool, with what spends it. */
  evict(txid: string): void;
  /** Less is not taken into the mempool from now on. */
  setRelayFee(satPerKvb: bigint): void;
}

export interface ChainListener {
  /** In the mempool or a block, for the first time or again. */
  entered(transaction: FakeTransaction): void;
  /** In neither any more. */
  left(txid: string): void;
}

export const outpointKey = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;

const FIRST_HEIGHT = 200;
const BLOCK_MS = 600_000;
const USUAL_RELAY_SAT_PER_KVB = 1_000n;
const INCREMENT_SAT_PER_KVB = 1_000n;
const MAX_WEIGHT = 400_000;
const DUST = [
  { prefix: '0014', sats: 294n },
  { prefix: '0020', sats: 330n },
  { prefix: '5120', sats: 330n },
  { prefix: 'a914', sats: 540n },
  { prefix: '76a914', sats: 546n },
];

function parseFake(hex: string): FakeTransaction {
  const parsed = Transaction.fromHex(hex);
  return {
    txid: parsed.getId(),
    hex,
    vsize: BigInt(parsed.virtualSize()),
    weight: parsed.weight(),
    inputs: parsed.ins.map(({ hash, index }) => `${toHex(Uint8Array.from(hash).reverse())}:${index}`),
    outputs: parsed.outs.map(({ script, value }) => ({ script: toHex(script), sats: value })),
  };
}

export function createFakeBlocks(nowMs: (() => number) | undefined, listener: ChainListener): FakeChain {
  const transactions = new Map<string, FakeTransaction>();
  const conjured = new Map<string, FakeOutput>();
  const everBlock = new Map<string, FakeBlock>();
  const spenders = new Map<string, Set<string>>();
  const active: FakeBlock[] = [];
  const inBlock = new Map<string, FakeBlock>();
  const mempool = new Set<string>();
  let serial = 0;
  let relaySatPerKvb = USUAL_RELAY_SAT_PER_KVB;

  const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
  const output = (key: string): FakeOutput | undefined => {
    const [txid, vout] = key.split(':') as [string, string];
    return conjured.get(key) ?? transactions.get(txid)?.outputs[Number(vout)];
  };
  const isThere = (txid: string): boolean => mempool.has(txid) || inBlock.has(txid);
  const spender = (key: string): string | undefined => [...(spenders.get(key) ?? [])].find(isThere);
  const exists = (key: string): boolean => conjured.has(key) || isThere(key.split(':')[0]!);
  const feeOf = ({ inputs, outputs }: FakeTransaction): bigint =>
    inputs.reduce((sum, key) => sum + (output(key)?.sats ?? 0n), 0n) -
    outputs.reduce((sum, { sats }) => sum + sats, 0n);

  const remember = (transaction: FakeTransaction): void => {
    transactions.set(transaction.txid, transaction);
    for (const key of transaction.inputs) {
      const known = spenders.get(key) ?? new Set();
      spenders.set(key, known.add(transaction.txid));
    }
  };
  /** It and everything in the mempool that spends it. */
  const family = (txid: string): string[] => {
    const found = [txid];
    for (const member of found) {
      for (const [vout] of transactions.get(member)!.outputs.entries()) {
        for (const child of spenders.get(`${member}:${vout}`) ?? []) if (mempool.has(child)) found.push(child);
      }
    }
    return [...new Set(found)];
  };
  const evict = (txid: string): void => {
    for (const member of family(txid)) if (mempool.delete(member)) listener.left(member);
  };

  const accept = (hex: string): string | undefined => {
    const transaction = parseFake(hex);
    if (isThere(transaction.txid)) return undefined;
    const { inputs, outputs, vsize } = transaction;
    if (inputs.some((key) => !exists(key) || inBlock.has(spender(key) ?? ''))) return 'bad-txns-inputs-missingorspent';
    const fee = feeOf(transaction);
    if (fee < 0n) return 'bad-txns-in-belowout';
    if (transaction.weight > MAX_WEIGHT) return 'tx-size';
    if (outputs.some(({ script, sats }) => sats < (DUST.find((d) => script.startsWith(d.prefix))?.sats ?? 0n))) {
      return 'dust';
    }
    if (fee * 1000n < relaySatPerKvb * vsize) return 'min relay fee not met';
    const conflicts = [...new Set(inputs.map(spender).filter((txid) => txid !== undefined))];
    const replaced = [...new Set(conflicts.flatMap(family))].map((txid) => transactions.get(txid)!);
    const replacedFees = replaced.reduce((sum, member) => sum + feeOf(member), 0n);
    const isDearer = conflicts.every((txid) => {
      const other = transactions.get(txid)!;
      return fee * other.vsize > feeOf(other) * vsize;
    });
    const isEnough = (fee - replacedFees) * 1000n >= INCREMENT_SAT_PER_KVB * vsize;
    if (conflicts.length > 0 && !(isDearer && isEnough)) return 'insufficient fee, rejecting replacement';
    for (const txid of conflicts) evict(txid);
    remember(transaction);
    mempool.add(transaction.txid);
    listener.entered(transaction);
    return undefined;
  };

  const connect = (txids: readonly string[]): void => {
    const previous = active.at(-1);
    const height = previous === undefined ? FIRST_HEIGHT : previous.height + 1;
    const timeMs = nowMs?.() ?? 1_700_000_000_000 + height * BLOCK_MS;
    serial += 1;
    const block = { hash: hashOf(`block ${serial}`), height, previous: previous?.hash ?? '', timeMs, txids };
    active.push(block);
    everBlock.set(block.hash, block);
    for (const txid of txids) {
      mempool.delete(txid);
      inBlock.set(txid, block);
      listener.entered(transactions.get(txid)!);
    }
  };
  connect([]);

  return {
    tip: () => ({ height: active.at(-1)!.height, hash: active.at(-1)!.hash }),
    blocks: active,
    mempool,
    transaction: (txid) => transactions.get(txid),
    where: (txid) => inBlock.get(txid) ?? (mempool.has(txid) ? 'mempool' : undefined),
    confirmations(txid) {
      const block = inBlock.get(txid);
      if (block !== undefined) return active.at(-1)!.height - block.height + 1;
      return mempool.has(txid) ? 0 : undefined;
    },
    output,
    spender,
    forkHeight(blockHash) {
      for (let block = everBlock.get(blockHash); block !== undefined; block = everBlock.get(block.previous)) {
        if (active[block.height - FIRST_HEIGHT] === block) return block.height;
      }
      return -1;
    },
    conjure(sats) {
      serial += 1;
      const outpoint = { txid: hashOf(`money ${serial}`), vout: 0 };
      conjured.set(outpointKey(outpoint), { script: '00', sats });
      return outpoint;
    },
    accept,
    mine: () => connect([...mempool]),
    mineOnly(hexes) {
      const parsed = hexes.map(parseFake);
      for (const { txid, inputs } of parsed) {
        const isBad = inputs.some((key) => output(key) === undefined || inBlock.has(spender(key) ?? ''));
        if (inBlock.has(txid) || isBad) throw new Error(`no block can hold ${txid}: an input is missing or spent`);
      }
      for (const transaction of parsed) {
        const rivals = transaction.inputs
          .map(spender)
          .filter((txid) => txid !== undefined && txid !== transaction.txid);
        for (const txid of rivals) evict(txid!);
        remember(transaction);
      }
      connect(parsed.map(({ txid }) => txid));
    },
    disconnect() {
      const block = active.pop();
      if (block === undefined || active.length === 0) throw new Error('the fake chain is not that long');
      // Parents stand before their children, in blocks and in the mempool.
      const later = [...mempool];
      mempool.clear();
      for (const txid of block.txids) inBlock.delete(txid);
      for (const txid of [...block.txids, ...later]) mempool.add(txid);
    },
    evict,
    setRelayFee(satPerKvb) {
      relaySatPerKvb = satPerKvb;
    },
  };
}
