/** The standard kinds of output scripts, told by their bytes. */
import { fail, fromHex, toHex } from '@holdfast/protocol';

const OUTPUT_TYPES = ['p2pkh', 'p2sh', 'p2wpkh', 'p2wsh', 'p2tr'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

const SHAPES: Record<OutputType, RegExp> = {
  p2pkh: /^76a914[0-9a-f]{40}88ac$/,
  p2sh: /^a914[0-9a-f]{40}87$/,
  p2wpkh: /^0014[0-9a-f]{40}$/,
  p2wsh: /^0020[0-9a-f]{64}$/,
  p2tr: /^5120[0-9a-f]{64}$/,
};

/**
 * The least that a node relays at its default dust rate of 3 sat/vB: three times what it costs to make the output and
 * to spend it, by the sizes that Bitcoin Core assumes.
 */
const DUST_SATS: Record<OutputType, bigint> = { p2pkh: 546n, p2sh: 540n, p2wpkh: 294n, p2wsh: 330n, p2tr: 330n };

/** Undefined: none of the standard kinds. @param script hex, lower case. */
export const outputTypeOf = (script: string): OutputType | undefined =>
  OUTPUT_TYPES.find((type) => SHAPES[type].test(script));

/** @param script hex. @throws HoldfastError `transaction.bad-plan` for a script of no standard kind */
export function requireOutputType(script: string): OutputType {
  const type = outputTypeOf(script);
  if (type === undefined) throw fail('transaction.bad-plan', { detail: 'an output script of no standard kind' });
  return type;
}

/**
 * Less is not relayed to such an output.
 * @param script hex
 * @throws HoldfastError `transaction.bad-plan` for a script of no standard kind
 */
export const dustSats = (script: string): bigint => DUST_SATS[requireOutputType(script)];

export const scriptBytes = (script: string): Uint8Array => fromHex(script);
export const scriptHex = (script: Uint8Array): string => toHex(script);
