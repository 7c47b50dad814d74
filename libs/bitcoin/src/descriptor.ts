/** Checksums of output descriptors (BIP-380). */

/** 8 characters. @throws HoldfastError `wallet-key.malformed` */
export function descriptorChecksum(_descriptor: string): string {
  return '';
}

/** `descriptor#checksum`. */
export const withChecksum = (descriptor: string): string => `${descriptor}#${descriptorChecksum(descriptor)}`;
