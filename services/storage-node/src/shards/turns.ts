/** Who may work: so many transfers at once, and one at a time under each shard's name. */
import { fail } from '@holdfast/protocol';

export interface Turns {
  readonly takenCount: number;
  /** Resolves never: either there is a turn now, or `node.busy` is thrown. Returns how to give it back (once). */
  take(): () => void;
}

export function createTurns(limit: number): Turns {
  let takenCount = 0;
  return {
    get takenCount() {
      return takenCount;
    },
    take() {
      if (takenCount >= limit) throw fail('node.busy', { limit });
      takenCount += 1;
      let open = true;
      return () => {
        if (open) takenCount -= 1;
        open = false;
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
