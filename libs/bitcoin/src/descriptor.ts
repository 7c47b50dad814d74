/** Checksums of output descriptors, as BIP-380 defines them. */
import { fail } from '@holdfast/protocol';

/** Every character that a descriptor may have; its place counts. */
const INPUT_CHARACTERS =
  '0123456789()[],\'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#"\\ ';
const CHECKSUM_CHARACTERS = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const CHECKSUM_LENGTH = 8;
const GENERATOR = [0xf5dee51989n, 0xa9fdca3312n, 0x1bab10e32dn, 0x3706b1677an, 0x644d626ffdn];

const step = (checksum: bigint, value: number): bigint => {
  const top = checksum >> 35n;
  let next = ((checksum & 0x7ffffffffn) << 5n) ^ BigInt(value);
  GENERATOR.forEach((word, bit) => {
    if (((top >> BigInt(bit)) & 1n) === 1n) next ^= word;
  });
  return next;
};

/**
 * 8 characters.
 * @param descriptor without its checksum
 * @throws HoldfastError `wallet-key.malformed` for a character that no descriptor has
 */
export function descriptorChecksum(descriptor: string): string {
  let checksum = 1n;
  let groups: number[] = [];
  for (const character of descriptor) {
    const place = INPUT_CHARACTERS.indexOf(character);
    if (place < 0) throw fail('wallet-key.malformed', { detail: 'a descriptor with a character that none has' });
    checksum = step(checksum, place & 31);
    groups.push(place >> 5);
    if (groups.length === 3) {
      checksum = step(
        checksum,
        groups.reduce((sum, group) => sum * 3 + group, 0),
      );
      groups = [];
    }
  }
  if (groups.length > 0)
    checksum = step(
      checksum,
      groups.reduce((sum, group) => sum * 3 + group, 0),
    );
  for (let index = 0; index < CHECKSUM_LENGTH; index++) checksum = step(checksum, 0);
  checksum ^= 1n;
  return Array.from({ length: CHECKSUM_LENGTH }, (_, index) => {
    const place = Number((checksum >> BigInt(5 * (CHECKSUM_LENGTH - 1 - index))) & 31n);
    return CHECKSUM_CHARACTERS.charAt(place);
  }).join('');
}

/** `descriptor#checksum`. @throws HoldfastError `wallet-key.malformed` */
export const withChecksum = (descriptor: string): string => `${descriptor}#${descriptorChecksum(descriptor)}`;

/**
 * The descriptor without its checksum, which must match where there is one.
 * @throws HoldfastError `wallet-key.malformed`
 */
export function withoutChecksum(text: string): string {
  const at = text.lastIndexOf('#');
  if (at < 0) return text;
  const descriptor = text.slice(0, at);
  if (text.slice(at + 1) !== descriptorChecksum(descriptor)) {
    throw fail('wallet-key.malformed', { detail: 'the checksum of the descriptor does not match' });
  }
  return descriptor;
}
