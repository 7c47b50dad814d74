/** PSBTs (BIP-174, BIP-371): reading them, and writing into them which keys they need. */
import { concatBytes, fail, fromHex } from '@holdfast/protocol';
import { Psbt, type Transaction } from 'bitcoinjs-lib';
import { scriptHex } from './scripts.ts';
import { placeOfPath, type Place, type WalletAddress } from './wallet-keys.ts';

/** @throws HoldfastError `transaction.malformed` */
export function readPsbt(text: string): Psbt {
  try {
    return Psbt.fromBase64(text.trim());
  } catch (error) {
    throw fail('transaction.malformed', { detail: `no PSBT (${String(error).slice(0, 120)})` });
  }
}

/** The magic bytes, then the one entry that a PSBT must have: key 00 and the unsigned transaction. */
const PSBT_HEAD = [0x70, 0x73, 0x62, 0x74, 0xff, 0x01, 0x00];

/** A PSBT that says nothing but the transaction: at once, where adding a thousand outputs one by one takes over a second. */
export function psbtOf(transaction: Transaction): Psbt {
  const bytes = transaction.toBuffer();
  const size = new Uint8Array(5);
  size[0] = 0xfe;
  new DataView(size.buffer).setUint32(1, bytes.length, true);
  const emptyMaps = new Uint8Array(1 + transaction.ins.length + transaction.outs.length);
  return Psbt.fromBuffer(concatBytes(Uint8Array.from(PSBT_HEAD), size, bytes, emptyMaps));
}

/** The scripts in hex of what is spent. @throws HoldfastError `transaction.malformed` when the PSBT does not say it */
export function spentScripts(psbt: Psbt): string[] {
  return psbt.data.inputs.map(({ witnessUtxo }, index) => {
    if (witnessUtxo === undefined)
      throw fail('transaction.malformed', { detail: `what input ${index} spends is not told` });
    return scriptHex(witnessUtxo.script);
  });
}

type Origin = Pick<WalletAddress, 'kind' | 'path' | 'publicKey'>;

/** What a signer needs to find the key of an input or to recognise its change. */
function originFields(fingerprint: string, { kind, path, publicKey }: Origin) {
  const origin = { masterFingerprint: fromHex(fingerprint), path: path.replaceAll('h', "'") };
  if (kind === 'p2wpkh') return { bip32Derivation: [{ ...origin, pubkey: publicKey }] };
  const internalKey = publicKey.subarray(1);
  return { tapBip32Derivation: [{ ...origin, pubkey: internalKey, leafHashes: [] }], tapInternalKey: internalKey };
}

export function describeInput(psbt: Psbt, index: number, fingerprint: string, origin: Origin): void {
  const input = psbt.data.inputs[index];
  if (input?.bip32Derivation ?? input?.tapBip32Derivation) return;
  psbt.updateInput(index, originFields(fingerprint, origin));
}

export function describeOutput(psbt: Psbt, index: number, fingerprint: string, origin: Origin): void {
  const output = psbt.data.outputs[index];
  if (output?.bip32Derivation ?? output?.tapBip32Derivation) return;
  psbt.updateOutput(index, originFields(fingerprint, origin));
}

/** Where an input's key is, by what the PSBT says of it: a hint, to be checked against the input's script. */
export function toldPlace(psbt: Psbt, index: number): Place | undefined {
  const { bip32Derivation, tapBip32Derivation } = psbt.data.inputs[index] ?? {};
  const [origin, ...others] = bip32Derivation ?? tapBip32Derivation ?? [];
  return origin === undefined || others.length > 0 ? undefined : placeOfPath(origin.path);
}
