/** The public half of the hot wallet: its addresses and descriptors, and which key an output belongs to. */
import { fail, type Network } from '@holdfast/protocol';
import { withChecksum, withoutChecksum } from './descriptor.ts';
import { readExtendedKey } from './extended-key.ts';
import { bitcoinNetwork } from './networks.ts';
import { describeInput, describeOutput, readPsbt, spentScripts } from './psbt.ts';
import { scriptHex } from './scripts.ts';
import {
  type Account,
  type Branch,
  BRANCHES,
  PURPOSES,
  type WalletAddress,
  type WalletKind,
  WalletKeys,
} from './wallet-keys.ts';

export interface PublicWallet {
  readonly network: Network;
  /** Of the master key, 8 hex digits. */
  readonly fingerprint: string;
  /** Receive and change of each account (BIP-84, BIP-86), with origin and checksum: `wpkh([f1…/84h/0h/0h]xpub…/0/*)#…`. */
  readonly publicDescriptors: readonly string[];
  /** @throws HoldfastError `wallet-key.unsupported` when the wallet has no account of this kind */
  addressAt(kind: WalletKind, branch: Branch, index: number): WalletAddress;
  /**
   * Undefined: not the wallet's, as far as addresses 0 to `lastIndex` go. Searches from the newest on, 2 to 5 ms of
   * processor time per index the first time; every address is remembered.
   * @param script hex
   */
  ownerOf(script: string, lastIndex: number): WalletAddress | undefined;
  /**
   * Writes into a PSBT which keys its inputs and its change belong to, for signers that ask for it.
   * @throws HoldfastError `transaction.malformed`
   */
  describe(psbt: string, lastIndex: number): string;
}

export function publicWalletOf(network: Network, fingerprint: string, accounts: readonly Account[]): PublicWallet {
  const keys = new WalletKeys(network, accounts);
  return {
    network,
    fingerprint,
    publicDescriptors: accounts.flatMap((account) => descriptorsOf(fingerprint, account)),
    addressAt: (kind, branch, index) => keys.addressAt(kind, branch, index),
    ownerOf: (script, lastIndex) => keys.ownerOf(script, lastIndex),
    describe: (text, lastIndex) => {
      const psbt = readPsbt(text);
      for (const [index, script] of spentScripts(psbt).entries()) {
        const owner = keys.ownerOf(script, lastIndex);
        if (owner !== undefined) describeInput(psbt, index, fingerprint, owner);
      }
      // Payees are not searched for: change is the last output.
      const last = psbt.txOutputs.length - 1;
      const change = psbt.txOutputs[last];
      const owner = change && keys.ownerOf(scriptHex(change.script), lastIndex);
      if (owner !== undefined) describeOutput(psbt, last, fingerprint, owner);
      return psbt.toBase64();
    },
  };
}

function descriptorsOf(fingerprint: string, { kind, path, key }: Account): string[] {
  const wrap = kind === 'p2wpkh' ? 'wpkh' : 'tr';
  return Object.values(BRANCHES).map((branch) =>
    withChecksum(`${wrap}([${fingerprint}/${path}]${key.toBase58()}/${branch}/*)`),
  );
}

const DESCRIPTOR =
  /^(wpkh|tr)\(\[([0-9a-fA-F]{8})\/(\d+)['h]\/(\d+)['h]\/(\d+)['h]\]([A-Za-z0-9]+)\/(0|1|<0;1>)\/\*\)$/;

/**
 * From the descriptors of a BIP-84 account, a BIP-86 account, or both, as signers export them: receive and change, or
 * both in one (`<0;1>`), with or without checksums.
 * @throws HoldfastError `wallet-key.malformed`, `wallet-key.private`, `wallet-key.wrong-network`, `wallet-key.unsupported`
 */
export function openPublicWallet(descriptors: readonly string[], network: Network): PublicWallet {
  const accounts = new Map<WalletKind, Account>();
  const fingerprints = new Set<string>();
  for (const text of descriptors) {
    const { account, fingerprint } = readDescriptor(text, network);
    const other = accounts.get(account.kind);
    if (other !== undefined && (other.path !== account.path || other.key.toBase58() !== account.key.toBase58())) {
      throw fail('wallet-key.unsupported', { detail: `two different ${account.kind} accounts` });
    }
    accounts.set(account.kind, account);
    fingerprints.add(fingerprint);
  }
  const [fingerprint, ...others] = fingerprints;
  if (fingerprint === undefined) throw fail('wallet-key.malformed', { detail: 'there is no descriptor' });
  if (others.length > 0) throw fail('wallet-key.unsupported', { detail: 'descriptors of different seeds' });
  return publicWalletOf(network, fingerprint, [...accounts.values()]);
}

function readDescriptor(text: string, network: Network): { account: Account; fingerprint: string } {
  const entered = text.trim();
  if (/[xyztuv]prv/i.test(entered)) throw fail('wallet-key.private');
  const match = DESCRIPTOR.exec(withoutChecksum(entered));
  if (match === null) {
    const detail = 'a descriptor is wpkh([fingerprint/84h/0h/0h]xpub/0/*) or tr([fingerprint/86h/0h/0h]xpub/0/*)';
    throw fail('wallet-key.malformed', { detail });
  }
  const [, wrap, fingerprint = '', purpose, coin, account, keyText = ''] = match;
  const kind = wrap === 'tr' ? 'p2tr' : 'p2wpkh';
  if (Number(purpose) !== PURPOSES[kind]) {
    throw fail('wallet-key.unsupported', { detail: `${wrap} descriptors stand below ${PURPOSES[kind]}h` });
  }
  if (Number(coin) !== bitcoinNetwork(network).coinType) {
    throw fail('wallet-key.wrong-network', { found: coin === '0' ? 'mainnet' : 'a test network', expected: network });
  }
  const { key } = readExtendedKey(keyText, network);
  if (key.depth !== 3) throw fail('wallet-key.unsupported', { detail: 'the key of a descriptor is not an account’s' });
  const path = `${purpose}h/${coin}h/${account}h`;
  return { account: { kind, path, key }, fingerprint: fingerprint.toLowerCase() };
}
