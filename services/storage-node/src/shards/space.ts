/** How much may be stored: what is stored and what is on its way never exceed the capacity, nor the disk. */
import { fail } from '@holdfast/protocol';

export interface SpaceFigures {
  /** Bytes of shard files, quarantined ones included. */
  readonly usedBytes: number;
  /** Bytes that transfers under way have set aside. */
  readonly reservedBytes: number;
  /** What can be promised now: the rest of the capacity or of the disk, whichever is less. */
  readonly freeBytes: number;
}

export interface Reservation {
  /** The bytes are stored now. */
  keep(): void;
  /** They are not. Further calls do nothing. */
  release(): void;
}

export interface Space {
  /** @throws HoldfastError `node.full` */
  reserve(bytes: number): Promise<Reservation>;
  add(bytes: number): void;
  remove(bytes: number): void;
  figures(): Promise<SpaceFigures>;
}

export interface SpaceOptions {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  /** Bytes of the disk that stay free for everything else. */
  readonly marginBytes: number;
  /** Bytes that the file system would still give. */
  readonly readDiskFree: () => Promise<number>;
  readonly nowMs: () => number;
}

/** An answer of the disk is good for this long; what was reserved since is taken off. */
const DISK_ANSWER_MS = 1000;

export function createSpace(options: SpaceOptions): Space {
  let usedBytes = options.usedBytes;
  let reservedBytes = 0;
  let disk: { freeBytes: number; atMs: number } | undefined;
  /** Reserved or stored since the disk answered: it may not know of them yet. */
  let sinceAnswerBytes = 0;

  const diskFree = async (): Promise<number> => {
    const nowMs = options.nowMs();
    if (disk === undefined || nowMs - disk.atMs >= DISK_ANSWER_MS || nowMs < disk.atMs) {
      const freeBytes = await options.readDiskFree();
      disk = { freeBytes, atMs: nowMs };
      sinceAnswerBytes = reservedBytes;
    }
    return disk.freeBytes - sinceAnswerBytes - options.marginBytes;
  };
  const freeNow = (diskBytes: number): number =>
    Math.max(0, Math.min(options.capacityBytes - usedBytes - reservedBytes, diskBytes));

  return {
    async reserve(bytes) {
      await diskFree();
      // No await between looking and taking: parallel uploads must not take the same bytes.
      const free = freeNow(disk!.freeBytes - sinceAnswerBytes - options.marginBytes);
      if (bytes > free) throw fail('node.full', { freeBytes: free, neededBytes: bytes });
      reservedBytes += bytes;
      sinceAnswerBytes += bytes;
      let open = true;
      const close = (): boolean => {
        const wasOpen = open;
        open = false;
        if (wasOpen) reservedBytes -= bytes;
        return wasOpen;
      };
      return {
        keep() {
          if (close()) usedBytes += bytes;
        },
        release() {
          if (close()) sinceAnswerBytes = Math.max(0, sinceAnswerBytes - bytes);
        },
      };
    },
    add(bytes) {
      usedBytes += bytes;
    },
    remove(bytes) {
      usedBytes -= bytes;
    },
    async figures() {
      const diskBytes = await diskFree();
      return { usedBytes, reservedBytes, freeBytes: freeNow(diskBytes) };
    },
  };
}
