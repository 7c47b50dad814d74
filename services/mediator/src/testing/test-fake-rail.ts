/** For tests: a rail over a chain in memory, as watchful and as forgetful as the port allows. */
import { fail, fromHex, toHex } from '@holdfast/protocol';
import * as ecc from '@bitcoinerlab/secp256k1';
import { BIP32Factory } from 'bip32';
import { address as addresses, initEccLib, networks, payments, Transaction } from 'bitcoinjs-lib';
import type { Outpoint, PaymentRail, RailState, UnspentOutput, WalletName } from '../rail/index.ts';
import type { Payee, TestChain } from './test-chain.ts';
import { createFakeBlocks, type FakeChain, type FakeTransaction, outpointKey } from './test-fake-chain.ts';

initEccLib(ecc);
const bip32 = BIP32Factory(ecc);
const NETWORK = networks.regtest;

export interface FakeRailChain extends TestChain {
  /** Blocks and mempool, to look into. */
  readonly blocks: FakeChain;
  /** Out of the mempool, without anything in its place. */
  evict(txid: string): void;
  setFeeRate(satPerKvb: bigint, source?: 'node' | 'fallback'): void;
  setNetwork(state: 'right' | 'wrong'): void;
}

interface Wallet {
  /** By their scripts. */
  readonly scripts: Map<string, Derived>;
  readonly known: Set<string>;
}

type Trouble = 'none' | 'away' | 'syncing' | 'wrong-network';

/** @param nowMs the time of blocks; without it each is ten minutes after the one before */
export function createFakeRail(nowMs?: () => number): FakeRailChain {
  const wallets = new Map<WalletName, Wallet>();
  const removals = new Map<string, number>();
  let removalCount = 0;
  let trouble: Trouble = 'none';
  let isNextAnswerLost = false;
  let outsiders = 0;
  let fee: { satPerKvb: bigint; source: 'node' | 'fallback' } = { satPerKvb: 2_000n, source: 'fallback' };

  const touches = (wallet: Wallet, transaction: FakeTransaction): boolean =>
    transaction.outputs.some(({ script }) => wallet.scripts.has(script)) ||
    transaction.inputs.some((key) => wallet.scripts.has(blocks.output(key)?.script ?? ''));
  const meet = (wallet: Wallet, transaction: FakeTransaction): void => {
    if (touches(wallet, transaction)) wallet.known.add(transaction.txid);
  };
  const blocks = createFakeBlocks(nowMs, {
    entered: (transaction) => {
      for (const wallet of wallets.values()) meet(wallet, transaction);
    },
    left: (txid) => {
      removalCount += 1;
      removals.set(txid, removalCount);
    },
  });

  const guard = (): void => {
    if (trouble === 'away') throw fail('rail.away', { detail: 'connection refused' });
    if (trouble === 'syncing') throw fail('rail.syncing', { detail: '50 % of the blocks' });
    if (trouble === 'wrong-network') throw fail('rail.wrong-network', { found: 'mainnet', expected: 'regtest' });
  };
  const walletOf = (name: WalletName): Wallet => {
    const wallet = wallets.get(name);
    if (wallet === undefined) throw fail('rail.not-watched', { wallet: name });
    return wallet;
  };
  const outputsOf = (wallet: Wallet): UnspentOutput[] =>
    [...wallet.known].flatMap((txid) => {
      const place = blocks.where(txid);
      if (place === undefined) return [];
      const at = place === 'mempool' ? {} : { blockHash: place.hash };
      return blocks.transaction(txid)!.outputs.flatMap(({ script, sats }, vout) => {
        const derived = wallet.scripts.get(script);
        if (derived === undefined) return [];
        return [{ txid, vout, sats, ...derived, confirmations: blocks.confirmations(txid)!, ...at }];
      });
    });
  const stateOf = (txid: string): { confirmations: number; blockHash?: string } | undefined => {
    const place = blocks.where(txid);
    if (place === undefined) return undefined;
    return { confirmations: blocks.confirmations(txid)!, ...(place !== 'mempool' && { blockHash: place.hash }) };
  };
  const ourScript = (script: string | undefined): boolean =>
    script !== undefined && [...wallets.values()].some(({ scripts }) => scripts.has(script));

  const rail: PaymentRail = {
    async state(): Promise<RailState> {
      const tip = blocks.tip();
      if (trouble === 'none') return { state: 'ready', tip };
      if (trouble === 'syncing') return { state: 'syncing', tip, progress: 0.5 };
      return { state: trouble, detail: trouble === 'away' ? 'connection refused' : 'the node is on mainnet' };
    },
    async watch(name, { descriptors, lastIndex, sinceMs }) {
      guard();
      const wallet = wallets.get(name) ?? { scripts: new Map<string, Derived>(), known: new Set<string>() };
      wallets.set(name, wallet);
      for (const descriptor of descriptors) {
        for (let index = 0; index <= lastIndex; index++) {
          const derived = deriveAt(descriptor, index);
          wallet.scripts.set(derived.script, derived);
        }
      }
      for (const txid of blocks.mempool) meet(wallet, blocks.transaction(txid)!);
      if (sinceMs === undefined) return;
      const old = blocks.blocks.filter(({ timeMs }) => timeMs >= sinceMs).flatMap(({ txids }) => txids);
      for (const txid of old) meet(wallet, blocks.transaction(txid)!);
    },
    async sightings(name, cursor) {
      guard();
      const wallet = walletOf(name);
      const [hash = '', told = '0'] = cursor?.split('.') ?? [];
      // The cursor's own block once more: the port promises no more than that nothing is left out.
      const after = cursor === undefined ? -1 : blocks.forkHeight(hash) - 1;
      const isNew = (txid: string): boolean => {
        const place = blocks.where(txid);
        return place === 'mempool' || (place !== undefined && place.height > after);
      };
      const gone = [...wallet.known].filter(
        (txid) => blocks.where(txid) === undefined && removals.get(txid)! > Number(told),
      );
      return {
        seen: outputsOf(wallet)
          .filter(({ txid }) => isNew(txid))
          .map(({ script: _script, origin: _origin, ...output }) => output),
        gone: gone.flatMap((txid) =>
          blocks
            .transaction(txid)!
            .outputs.flatMap(({ script }, vout) => (wallet.scripts.has(script) ? [{ txid, vout }] : [])),
        ),
        cursor: `${blocks.tip().hash}.${removalCount}`,
      };
    },
    async unspent(name) {
      guard();
      return outputsOf(walletOf(name)).filter((output) => blocks.spender(outpointKey(output)) === undefined);
    },
    async transaction(txid) {
      guard();
      return [...wallets.values()].some(({ known }) => known.has(txid)) ? stateOf(txid) : undefined;
    },
    async spender(outpoint) {
      guard();
      const key = outpointKey(outpoint);
      const txid = ourScript(blocks.output(key)?.script) ? blocks.spender(key) : undefined;
      return txid === undefined ? undefined : { txid, ...stateOf(txid)! };
    },
    async rival(txid) {
      guard();
      const isKnown = (id: string): boolean => [...wallets.values()].some(({ known }) => known.has(id));
      const line = isKnown(txid) ? [txid] : [];
      for (const member of line) {
        if ((blocks.confirmations(member) ?? 0) > 0) continue;
        for (const key of blocks.transaction(member)!.inputs) {
          const spender = blocks.spender(key);
          const confirmations = spender === undefined ? 0 : blocks.confirmations(spender)!;
          if (confirmations > 0) return { txid: spender!, ...stateOf(spender!)! };
          if (isKnown(key.slice(0, 64))) line.push(key.slice(0, 64));
        }
      }
      return undefined;
    },
    async transactionHex(txid) {
      guard();
      const isKnown = [...wallets.values()].some(({ known }) => known.has(txid));
      return isKnown && blocks.where(txid) !== undefined ? blocks.transaction(txid)!.hex : undefined;
    },
    async broadcast(hex) {
      guard();
      const reason = blocks.accept(hex);
      if (isNextAnswerLost) {
        isNextAnswerLost = false;
        throw fail('rail.away', { detail: 'the answer was lost' });
      }
      if (reason !== undefined) throw fail('rail.rejected', { reason });
    },
    async feeRate() {
      guard();
      return fee;
    },
    async audit(descriptors) {
      guard();
      const scripts = new Set(
        descriptors.flatMap(({ descriptor, lastIndex }) =>
          Array.from({ length: lastIndex + 1 }, (_, index) => deriveAt(descriptor, index).script),
        ),
      );
      const isSpent = (key: string): boolean => (blocks.confirmations(blocks.spender(key) ?? '') ?? 0) > 0;
      const outputs = blocks.blocks
        .flatMap(({ txids }) => txids)
        .flatMap((txid) =>
          blocks
            .transaction(txid)!
            .outputs.map(({ script, sats }, vout) => ({ txid, vout, sats, script }))
            .filter((output) => scripts.has(output.script) && !isSpent(outpointKey(output))),
        )
        .map(({ txid, vout, sats }) => ({ txid, vout, sats }));
      return { sats: outputs.reduce((sum, { sats }) => sum + sats, 0n), outputs, tip: blocks.tip() };
    },
  };

  const outsideAddress = async (): Promise<string> => {
    outsiders += 1;
    const hash = new Uint8Array(20);
    new DataView(hash.buffer).setUint32(0, outsiders);
    return payments.p2wpkh({ hash, network: NETWORK }).address!;
  };
  const submit = async (hex: string): Promise<void> => {
    const reason = blocks.accept(hex);
    if (reason !== undefined) throw new Error(reason);
  };
  const payMany = async (payees: readonly Payee[]): Promise<Outpoint[]> => {
    const feeSats = 1_000n + 100n * BigInt(payees.length);
    const source = blocks.conjure(payees.reduce((sum, { sats }) => sum + sats, feeSats));
    const hex = unsigned([source], payees);
    await submit(hex);
    const txid = Transaction.fromHex(hex).getId();
    return payees.map((_, vout) => ({ txid, vout }));
  };
  const takeBack = async (txid: string): Promise<string> => {
    const { inputs, outputs } = blocks.transaction(txid)!;
    const inputSats = inputs.reduce((sum, key) => sum + blocks.output(key)!.sats, 0n);
    const oldFee = inputSats - outputs.reduce((sum, { sats }) => sum + sats, 0n);
    const sources = inputs.map((key) => ({ txid: key.slice(0, 64), vout: Number(key.slice(65)) }));
    const hex = unsigned(sources, [{ address: await outsideAddress(), sats: inputSats - oldFee * 4n }]);
    await submit(hex);
    return Transaction.fromHex(hex).getId();
  };
  const mine = async (count = 1) => {
    for (let i = 0; i < count; i++) blocks.mine();
    if (trouble === 'syncing') trouble = 'none';
    return blocks.tip();
  };
  const disconnect = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) blocks.disconnect();
  };

  return {
    rail,
    otherRail: () => rail,
    blocks,
    tip: async () => blocks.tip(),
    mine,
    async mineOnly(hexes) {
      blocks.mineOnly(hexes);
      return blocks.tip();
    },
    outsideAddress,
    pay: async (address, sats) => (await payMany([{ address, sats }]))[0]!,
    payMany,
    takeBack,
    submit,
    transactionHex: async (txid) => blocks.transaction(txid)!.hex,
    disconnect,
    async reorganise(count, { without = [] } = {}) {
      await disconnect(count);
      for (const txid of without) await takeBack(txid);
      await mine(count + 1);
    },
    async goAway() {
      trouble = 'away';
    },
    async comeBack() {
      trouble = 'none';
    },
    loseNextAnswer() {
      isNextAnswerLost = true;
    },
    async fallBehind() {
      trouble = 'syncing';
    },
    async crash() {
      for (const txid of blocks.mempool) blocks.evict(txid);
    },
    async close() {
      // nothing is open
    },
    evict: (txid) => blocks.evict(txid),
    setFeeRate(satPerKvb, source = 'node') {
      fee = { satPerKvb, source };
    },
    setNetwork(state) {
      trouble = state === 'wrong' ? 'wrong-network' : 'none';
    },
  };
}

/** Pays the rest to the miners. */
function unsigned(sources: readonly Outpoint[], payees: readonly Payee[]): string {
  const transaction = new Transaction();
  transaction.version = 2;
  for (const { txid, vout } of sources) transaction.addInput(fromHex(txid).reverse(), vout, 0xfffffffd);
  for (const { address, sats } of payees) transaction.addOutput(addresses.toOutputScript(address, NETWORK), sats);
  return transaction.toHex();
}

interface Derived {
  readonly script: string;
  readonly address: string;
  readonly origin?: string;
}

type DeriveAt = (index: number) => Derived;

/** Deriving costs milliseconds, and watching asks for the same addresses again and again. */
const branches = new Map<string, DeriveAt>();

function deriveAt(descriptor: string, index: number): Derived {
  let branch = branches.get(descriptor);
  if (branch === undefined) branches.set(descriptor, (branch = openBranch(descriptor)));
  return branch(index);
}

/** `wpkh` and `tr` over an extended public key and a range, as our wallets have them. */
function openBranch(descriptor: string): DeriveAt {
  const match = /^(wpkh|tr)\((?:\[([^\]]*)\])?(\w+)((?:\/\d+)*)\/\*\)#\w{8}$/.exec(descriptor);
  if (match === null) throw new Error(`the fake rail does not read the descriptor ${descriptor}`);
  const [, kind, origin, key, path] = match as unknown as [string, string, string | undefined, string, string];
  let node = bip32.fromBase58(key, NETWORK);
  for (const step of path.split('/').slice(1)) node = node.derive(Number(step));
  const derive: DeriveAt = (index) => {
    const { publicKey } = node.derive(index);
    const { output, address } =
      kind === 'wpkh'
        ? payments.p2wpkh({ pubkey: publicKey, network: NETWORK })
        : payments.p2tr({ internalPubkey: publicKey.slice(1), network: NETWORK });
    const from = origin === undefined ? {} : { origin: `${origin}${path}/${index}` };
    return { script: toHex(output!), address: address!, ...from };
  };
  const derived: Derived[] = [];
  return (index) => (derived[index] ??= derive(index));
}
