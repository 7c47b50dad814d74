/**
 * Numbers for files with several names: the same for all names of one inode, and the same in every backup of this
 * machine, because unchanged entries are taken over from the backup before.
 */
import { createHash } from 'node:crypto';
import type { FileStat } from './file-stat.ts';

/** Where device numbers get a small number of their own that stays. */
export interface DeviceNumbers {
  /** From 1. */
  numberOf(dev: bigint): number;
}

const INODE_BITS = 40n;
/** Devices that get exact numbers: 2^40 inodes each. */
const MOST_DEVICES = 4095;
const HASHED = 2 ** 52;

export class HardLinks {
  readonly #devices: DeviceNumbers;

  constructor(devices: DeviceNumbers) {
    this.#devices = devices;
  }

  /** 1 … 2^53 − 1. Exact for inode numbers below 2^40; others are hashed to 52 bits. */
  groupOf({ dev, ino }: Pick<FileStat, 'dev' | 'ino'>): number {
    const device = this.#devices.numberOf(dev);
    if (ino < 1n << INODE_BITS && device <= MOST_DEVICES) return Number((BigInt(device) << INODE_BITS) | ino);
    const digest = createHash('sha256').update(`${dev} ${ino}`).digest();
    return HASHED + Number(digest.readBigUInt64BE(0) & BigInt(HASHED - 1));
  }
}

const FACT = 'device-numbers';

/** Kept in the catalog. */
export function catalogDeviceNumbers(catalog: {
  getFact(name: string): string | undefined;
  setFact(name: string, value: string): void;
}): DeviceNumbers {
  const known = (catalog.getFact(FACT) ?? '').split(' ').filter((dev) => dev !== '');
  return {
    numberOf(dev) {
      const place = known.indexOf(String(dev));
      if (place !== -1) return place + 1;
      known.push(String(dev));
      catalog.setFact(FACT, known.join(' '));
      return known.length;
    },
  };
}
