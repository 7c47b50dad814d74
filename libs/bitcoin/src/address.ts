/** Addresses of every standard kind: read with care, because what is sent to a wrong one is lost. */
import { fail, type Network } from '@holdfast/protocol';
import { address as codec, payments } from 'bitcoinjs-lib';
import { curve } from './curve.ts';
import { bitcoinNetwork } from './networks.ts';
import { dustSats, type OutputType, outputTypeOf, requireOutputType, scriptBytes, scriptHex } from './scripts.ts';

export interface BitcoinAddress {
  /** As it is shown: bech32 in lower case. */
  readonly address: string;
  readonly network: Network;
  readonly type: OutputType;
  /** The output's script in hex. */
  readonly script: string;
  /** The least that nodes relay to it. */
  readonly dustSats: bigint;
}

/** What begins an address, and the networks that it may be for. */
const SEGWIT_PREFIXES: Record<string, readonly Network[]> = {
  bc: ['mainnet'],
  tb: ['testnet', 'signet'],
  bcrt: ['regtest'],
};
const BASE58_VERSIONS: Record<number, { type: 'p2pkh' | 'p2sh'; networks: readonly Network[] }> = {
  0x00: { type: 'p2pkh', networks: ['mainnet'] },
  0x05: { type: 'p2sh', networks: ['mainnet'] },
  0x6f: { type: 'p2pkh', networks: ['testnet', 'signet', 'regtest'] },
  0xc4: { type: 'p2sh', networks: ['testnet', 'signet', 'regtest'] },
};
/** BIP-173 allows no longer ones. */
const LONGEST = 90;
const NEWEST_WITNESS_VERSION = 16;

/**
 * Checks an address to its last character: checksum, network, kind. Nothing of what was entered is repeated in errors,
 * since it may have been a key.
 * @throws HoldfastError `address.malformed`; `address.wrong-network`, which says the network that it is for;
 * `address.unsupported` for witness versions whose rules do not exist yet
 */
export function parseAddress(text: string, network: Network): BitcoinAddress {
  const entered = text.trim();
  if (entered.length === 0) throw malformed('it is empty.');
  if (/^bitcoin:/i.test(entered)) throw malformed('it is a payment link; take what stands between “bitcoin:” and “?”.');
  if (entered.length > LONGEST) throw malformed('it is too long.');
  const read = /^[a-z]{2,}1/i.test(entered) && !isBase58(entered) ? readSegwit(entered) : readBase58(entered);
  if (!read.networks.includes(network)) {
    throw fail('address.wrong-network', { found: read.networks.join(' or '), expected: network });
  }
  const { type, script } = read;
  return { address: read.address, network, type, script, dustSats: dustSats(script) };
}

interface ReadAddress {
  readonly address: string;
  readonly networks: readonly Network[];
  readonly type: OutputType;
  /** Hex. */
  readonly script: string;
}

function readBase58(entered: string): ReadAddress {
  const { version, hash } = decode(() => codec.fromBase58Check(entered));
  const known = BASE58_VERSIONS[version];
  if (known === undefined) throw malformed('it is another kind of key or code, or an address of another coin.');
  const { output } = known.type === 'p2pkh' ? payments.p2pkh({ hash }) : payments.p2sh({ hash });
  return { address: entered, networks: known.networks, type: known.type, script: scriptHex(output as Uint8Array) };
}

function readSegwit(entered: string): ReadAddress {
  const { version, prefix, data } = decode(() => codec.fromBech32(entered));
  const networks = SEGWIT_PREFIXES[prefix];
  if (networks === undefined) throw malformed('it is an address of another coin.');
  const script = scriptHex(witnessScript(version, data));
  return { address: entered.toLowerCase(), networks, type: requireOutputType(script), script };
}

function witnessScript(version: number, program: Uint8Array): Uint8Array {
  if (version > NEWEST_WITNESS_VERSION) throw malformed(`witness version ${version} does not exist.`);
  if (program.length < 2 || program.length > 40) throw malformed(`it holds ${program.length} bytes.`);
  if (version === 0) {
    if (program.length !== 20 && program.length !== 32) throw malformed(`it holds ${program.length} bytes.`);
    return new Uint8Array([0, program.length, ...program]);
  }
  if (version === 1 && program.length === 32) {
    if (!curve.isXOnlyPoint(program))
      throw malformed('it holds no point of the curve, and nobody could ever spend from it.');
    return new Uint8Array([0x51, program.length, ...program]);
  }
  throw fail('address.unsupported', { detail: `witness version ${version} with ${program.length} bytes` });
}

const isBase58 = (text: string): boolean => {
  try {
    codec.fromBase58Check(text);
    return true;
  } catch {
    return false;
  }
};

function decode<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw malformed(whatIsWrong(String(error)));
  }
}

const whatIsWrong = (said: string): string => {
  if (said.includes('Mixed-case')) return 'capital and small letters are mixed.';
  if (said.includes('wrong encoding')) return 'its checksum is the one of another kind (bech32 for bech32m).';
  if (/checksum/i.test(said)) return 'its checksum does not match.';
  if (/too (short|long)/.test(said)) return 'its length is wrong.';
  if (/padding/.test(said)) return 'it ends in spare bits.';
  return 'it has characters that no address has, or is cut off.';
};

const malformed = (detail: string): Error => fail('address.malformed', { detail });

const PAYMENTS = {
  p2pkh: payments.p2pkh,
  p2sh: payments.p2sh,
  p2wpkh: payments.p2wpkh,
  p2wsh: payments.p2wsh,
  p2tr: payments.p2tr,
} as const satisfies Record<OutputType, unknown>;

/** Undefined: a script that has no address of a standard kind. @param script hex. */
export function addressOfScript(script: string, network: Network): string | undefined {
  const type = outputTypeOf(script);
  if (type === undefined) return undefined;
  const output = scriptBytes(script);
  // A taproot output whose key is no point of the curve burns what it gets.
  if (type === 'p2tr' && !curve.isXOnlyPoint(output.subarray(2))) return undefined;
  return PAYMENTS[type]({ output, network: bitcoinNetwork(network).params }).address;
}
