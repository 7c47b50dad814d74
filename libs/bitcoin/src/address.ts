/** Addresses of every standard kind, and what cannot be sent to them because it would be dust. */
import { fail, type Network } from '@holdfast/protocol';

export type OutputType = 'p2pkh' | 'p2sh' | 'p2wpkh' | 'p2wsh' | 'p2tr';

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

/** @throws HoldfastError `address.malformed`, `address.wrong-network`, `address.unsupported` */
export function parseAddress(_text: string, _network: Network): BitcoinAddress {
  throw fail('address.malformed', { detail: 'not read yet' });
}

/** Undefined: a script that has no address of a standard kind. @param script hex. */
export function addressOfScript(_script: string, _network: Network): string | undefined {
  throw fail('address.malformed', { detail: 'not read yet' });
}

/** Undefined: none of the standard kinds. @param script hex. */
export function outputTypeOf(_script: string): OutputType | undefined {
  throw fail('address.malformed', { detail: 'not read yet' });
}

/** The least that nodes relay to such an output, at their default rate. @param script hex. */
export function dustSats(_script: string): bigint {
  throw fail('address.malformed', { detail: 'not read yet' });
}
