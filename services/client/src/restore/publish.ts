/**
 * Makes finished temporary files durable, then gives them their names: many at a time, because one call for the whole
 * file system costs about as much as one fsync. So whatever has its name is whole, even after a power cut.
 */
import { execFile } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';

/** A group is closed at whichever comes first. */
const GROUP_FILES = 4096;
const GROUP_BYTES = 256 * 1024 * 1024;
/** Renames between two turns of the event loop. */
const TURN_FILES = 64;

export interface FinishedFile {
  readonly temporary: Buffer;
  readonly final: Buffer;
  readonly sizeBytes: number;
  /** It has its name, or it could not get it. */
  readonly onPublished: (error?: unknown) => void;
}

/** Puts everything that was written below the target on disk. */
export type SyncFileSystem = () => Promise<void>;

const run = promisify(execFile);

/**
 * `sync -f` of coreutils, which is one syncfs(2); undefined where there is none: then every file must be fsynced.
 * @param isOneFileSystem false: everything that is mounted is synced
 */
export async function findSync(target: string, isOneFileSystem: () => boolean): Promise<SyncFileSystem | undefined> {
  const sync = async (): Promise<void> => {
    await run('sync', isOneFileSystem() ? ['-f', '--', target] : []);
  };
  try {
    // Where nothing has to be written: syncing the target now would put everybody else's bytes on disk first.
    await run('sync', ['-f', '--', existsSync(NOTHING_TO_SYNC) ? NOTHING_TO_SYNC : target]);
    return sync;
  } catch {
    return undefined;
  }
}

const NOTHING_TO_SYNC = '/proc';

export class Publisher {
  readonly #sync: SyncFileSystem | undefined;
  #group: FinishedFile[] = [];
  #groupBytes = 0;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  /** @param sync undefined: files are durable already when they come */
  constructor(sync: SyncFileSystem | undefined) {
    this.#sync = sync;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#group.length;
  }

  add(file: FinishedFile): void {
    this.#group.push(file);
    this.#groupBytes += file.sizeBytes;
    if (this.#group.length >= GROUP_FILES || this.#groupBytes >= GROUP_BYTES) this.#start();
  }

  /** Publishes all that is waiting. Rejects when syncing failed: then nothing more was published. */
  async finish(): Promise<void> {
    while (this.#running !== undefined || this.#group.length > 0) {
      this.#start();
      await this.#running;
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** One last time, for the renames themselves. */
  async settle(): Promise<void> {
    await this.#sync?.();
  }

  #start(): void {
    if (this.#running !== undefined || this.#failure !== undefined || this.#group.length === 0) return;
    const group = this.#group;
    this.#group = [];
    this.#groupBytes = 0;
    this.#running = this.#publish(group)
      .catch((error: unknown) => {
        this.#failure = error instanceof Error ? error : new TypeError(String(error));
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#group.length >= GROUP_FILES || this.#groupBytes >= GROUP_BYTES) this.#start();
      });
  }

  async #publish(group: readonly FinishedFile[]): Promise<void> {
    await this.#sync?.();
    for (const [index, { temporary, final, onPublished }] of group.entries()) {
      if (index % TURN_FILES === TURN_FILES - 1) await nextTurn();
      try {
        renameSync(temporary, final);
      } catch (error) {
        onPublished(error);
        continue;
      }
      onPublished();
    }
  }
}
