/** What is left of each grant's bytes, over all requests at once. */
import { fail } from '@holdfast/protocol';

export interface QuotaHold {
  /** Gives back what was not used (default: all of it). Further calls do nothing. */
  release(bytes?: number): void;
}

export interface Quotas {
  /**
   * Takes `bytes` of the `quotaBytes` that stand under `name` (an upload, a grant) until `expiresAtMs`.
   * @throws HoldfastError `grant.quota-exceeded`
   */
  take(name: string, bytes: number, quotaBytes: number, expiresAtMs: number): QuotaHold;
  /** Adds what was used before this process began. */
  note(name: string, bytes: number, expiresAtMs: number): void;
  isNoted(name: string): boolean;
  forget(name: string): void;
}

/** Names are looked through for expired ones each time that so many were added. */
const SWEEP_EVERY = 1024;

export function createQuotas(nowMs: () => number): Quotas {
  const used = new Map<string, { bytes: number; expiresAtMs: number }>();
  let added = 0;
  const entryOf = (name: string, expiresAtMs: number): { bytes: number; expiresAtMs: number } => {
    const known = used.get(name);
    if (known !== undefined) {
      known.expiresAtMs = Math.max(known.expiresAtMs, expiresAtMs);
      return known;
    }
    added += 1;
    if (added % SWEEP_EVERY === 0) {
      for (const [other, { expiresAtMs: ended }] of used) if (ended < nowMs()) used.delete(other);
    }
    const entry = { bytes: 0, expiresAtMs };
    used.set(name, entry);
    return entry;
  };
  return {
    take(name, bytes, quotaBytes, expiresAtMs) {
      const entry = entryOf(name, expiresAtMs);
      if (entry.bytes + bytes > quotaBytes) throw fail('grant.quota-exceeded', { quotaBytes });
      entry.bytes += bytes;
      let open = true;
      return {
        release(unused = bytes) {
          if (open) entry.bytes -= unused;
          open = false;
        },
      };
    },
    note(name, bytes, expiresAtMs) {
      entryOf(name, expiresAtMs).bytes += bytes;
    },
    isNoted: (name) => used.has(name),
    forget: (name) => void used.delete(name),
  };
}
