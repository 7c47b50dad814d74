/** The four networks, and what addresses and extended keys begin with on each. */
import type { Network } from '@holdfast/protocol';
import { networks, type Network as Params } from 'bitcoinjs-lib';

export interface BitcoinNetwork {
  readonly name: Network;
  /** Version bytes and prefixes, as bitcoinjs-lib takes them. */
  readonly params: Params;
  /** What tells coins apart in a derivation path (BIP-44): 0 on mainnet, 1 elsewhere. */
  readonly coinType: 0 | 1;
}

/** Signet shares every prefix with testnet: no address or key tells which of the two it is for. */
const NETWORKS: Record<Network, BitcoinNetwork> = {
  mainnet: { name: 'mainnet', params: networks.bitcoin, coinType: 0 },
  testnet: { name: 'testnet', params: networks.testnet, coinType: 1 },
  signet: { name: 'signet', params: networks.testnet, coinType: 1 },
  regtest: { name: 'regtest', params: networks.regtest, coinType: 1 },
};

export const bitcoinNetwork = (name: Network): BitcoinNetwork => NETWORKS[name];
