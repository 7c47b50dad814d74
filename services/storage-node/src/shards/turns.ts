/** Who may work: so many transfers at once, and one at a time under each shard's name. */
import { fail } from '@holdfast/protocol';

export interface Turns {
  readonly takenCount: number;
  /**
   * Resolves never: either there is a turn for that party now, or `node.busy` is thrown. Returns how to give it back
   * (once). One party gets three quarters of the turns at most: whoever has slow lines, or means harm, leaves the others
   * some.
   */
  take(party: string): () => void;
}

export function createTurns(limit: number): Turns {
  const partyLimit = Math.ceil(0.75 * limit);
  const byParty = new Map<string, number>();
  let takenCount = 0;
  return {
    get takenCount() {
      return takenCount;
    },
    take(party) {
      const held = byParty.get(party) ?? 0;
      if (takenCount >= limit) throw fail('node.busy', { limit });
      if (held >= partyLimit) throw fail('node.busy', { limit: partyLimit });
      takenCount += 1;
      byParty.set(party, held + 1);
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        takenCount -= 1;
        const left = byParty.get(party)! - 1;
        if (left > 0) byParty.set(party, left);
        else byParty.delete(party);
      };
    },
  };
}

export interface Claims {
  /** Runs `work` when nobody else works under that name. */
  hold<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createClaims(): Claims {
  const last = new Map<string, Promise<unknown>>();
  return {
    async hold(key, work) {
      const before = last.get(key) ?? Promise.resolve();
      const mine = before.then(work);
      const quiet = mine.catch(() => undefined);
      last.set(key, quiet);
      try {
        return await mine;
      } finally {
        if (last.get(key) === quiet) last.delete(key);
      }
    },
  };
}
