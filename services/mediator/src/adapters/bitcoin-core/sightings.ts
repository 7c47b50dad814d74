/**
 * What came to a wallet and what went again, from `listsinceblock`. That list alone is not enough: it leaves out payments
 * that lost against another transaction, and it shows as unconfirmed what no mempool has any more.
 */
import type { Outpoint, SeenOutput, Sightings, Tip, TransactionState, WalletName } from '../../rail/index.ts';
import { satsOf } from './amounts.ts';
import type { NodeState } from './node-state.ts';
import { RPC, RpcError } from './rpc.ts';
import type { Transactions } from './transactions.ts';
import type { Wallets } from './wallets.ts';

interface Entry {
  readonly txid: string;
  readonly vout: number;
  readonly address?: string;
  readonly category: string;
  readonly amount: unknown;
  readonly confirmations: number;
  readonly blockhash?: string;
}

interface Listed {
  readonly transactions: readonly Entry[];
  readonly removed?: readonly Entry[];
  readonly lastblock: string;
}

interface Cursor {
  /** As the chain stood: a node that knows nothing of it has forgotten blocks, and what they held is not gone. */
  readonly tip: Tip;
  readonly block: string;
  /** What was told of as seen and may still go without being listed: asked for by name the next time. */
  readonly young: readonly Outpoint[];
}

/** So many blocks are told of again each time. What is in older ones is listed as removed if it ever goes. */
const TOLD_AGAIN = 6;
const RECEIVED = new Set(['receive', 'generate', 'immature']);

export interface SightingsParts {
  readonly wallets: Wallets;
  readonly transactions: Transactions;
  readonly node: NodeState;
}

export async function listSightings(
  name: WalletName,
  cursorText: string | undefined,
  tip: Tip,
  { wallets, transactions, node }: SightingsParts,
): Promise<Sightings> {
  const cursor = readCursor(cursorText);
  if (cursor !== undefined) await node.requireCaughtUp(tip, cursor.tip);
  const listed = await listSince(name, cursor?.block, wallets);
  const received = new Map<string, Entry>();
  for (const entry of [...(listed.removed ?? []), ...listed.transactions]) {
    if (RECEIVED.has(entry.category) || entry.category === 'orphan') received.set(keyOf(entry), entry);
  }
  const listedAsMined = new Set(listed.transactions.filter(isMined).map(({ txid }) => txid));
  const young = (cursor?.young ?? []).filter((outpoint) => !received.has(keyOf(outpoint)));
  const unclear = [...received.values(), ...young].filter(({ txid }) => !listedAsMined.has(txid));
  const states = await transactions.statesOf(name, [...new Set(unclear.map(({ txid }) => txid))]);

  const seen: SeenOutput[] = [];
  const gone: Outpoint[] = [];
  for (const entry of received.values()) {
    const state = isMined(entry) && listedAsMined.has(entry.txid) ? minedState(entry) : states.get(entry.txid);
    if (state === undefined) gone.push({ txid: entry.txid, vout: entry.vout });
    else if (entry.address !== undefined) seen.push(seenOutput(entry, entry.address, state));
  }
  // A young one that is in chain or mempool all the same is in blocks before the cursor's: nothing new.
  gone.push(...young.filter(({ txid }) => !listedAsMined.has(txid) && states.get(txid) === undefined));
  const mayGo = seen.filter(({ confirmations }) => confirmations < TOLD_AGAIN);
  return { seen, gone, cursor: writeCursor(tip, listed.lastblock, mayGo) };
}

const keyOf = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;
const isMined = ({ confirmations, blockhash }: Entry): boolean => confirmations > 0 && blockhash !== undefined;

const minedState = ({ confirmations, blockhash }: Entry): TransactionState => ({
  confirmations,
  ...(blockhash !== undefined && { blockHash: blockhash }),
});

const seenOutput = ({ txid, vout, amount }: Entry, address: string, state: TransactionState): SeenOutput => ({
  txid,
  vout,
  address,
  sats: satsOf(amount),
  ...state,
});

async function listSince(name: WalletName, block: string | undefined, wallets: Wallets): Promise<Listed> {
  // Watch-only included, removed included, change included: payments to ourselves count too.
  const rest = [TOLD_AGAIN, true, true, true];
  try {
    return await wallets.call<Listed>(name, 'listsinceblock', [block ?? '', ...rest]);
  } catch (error) {
    // Another node, or one that was restored, never had that block: everything is told of again.
    const isUnknown = error instanceof RpcError && error.code === RPC.invalidAddressOrKey;
    if (!isUnknown || block === undefined) throw error;
    return wallets.call<Listed>(name, 'listsinceblock', ['', ...rest]);
  }
}

function writeCursor({ height, hash }: Tip, block: string, young: readonly Outpoint[]): string {
  return [`${height}:${hash}`, block, ...young.map(keyOf)].join(' ');
}

/** One that is not ours is no cursor at all: better too much than too little. */
function readCursor(text: string | undefined): Cursor | undefined {
  const match = /^(\d{1,9}):([0-9a-f]{64}) ([0-9a-f]{64})((?: [0-9a-f]{64}:\d+)*)$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, height, hash, block, rest] = match as unknown as [string, string, string, string, string];
  const keys = rest.split(' ').filter((key) => key !== '');
  const young = keys.map((key) => ({ txid: key.slice(0, 64), vout: Number(key.slice(65)) }));
  return { tip: { height: Number(height), hash }, block, young };
}
