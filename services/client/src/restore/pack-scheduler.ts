/** Turns wanted packs into jobs: asks where they are, many at a time, and keeps the workers busy. */
import { fail, HoldfastError } from '@holdfast/protocol';
import type { PackPlaces, VaultMediator } from '../ports.ts';
import { isAboutGrant } from './fetch-pack.ts';
import type { FileToWrite, JobResult, PackJob } from './job.ts';
import { encodeWrites, type WantedPack } from './pack-queue.ts';

/** Does jobs, several at a time. */
export interface JobRunner {
  /** How many jobs keep it busy. */
  readonly concurrency: number;
  /** @throws HoldfastError when the pack as a whole cannot be had */
  run(job: PackJob): Promise<JobResult>;
}

export interface PackSchedulerOptions<File> {
  readonly mediator: Pick<VaultMediator, 'locatePacks'>;
  readonly runner: JobRunner;
  /** Described when the job starts, so as late as can be. @param writes how often this job writes to it */
  readonly describe: (file: File, writes: number) => FileToWrite;
  /** All writes to the file that this pack was wanted for are done, or failed. */
  readonly onWritten: (file: File, writes: number, failure: unknown) => void;
  readonly onPackDone?: () => void;
}

/** Packs whose places are asked for at once. */
const LOCATE_AT_ONCE = 64;
/** Packs that may wait before the walk has to. */
const MAX_WAITING = 256;

interface Located<File> {
  readonly pack: WantedPack<File>;
  readonly places: PackPlaces;
}

export class PackScheduler<File> {
  readonly #options: PackSchedulerOptions<File>;
  readonly #waiting: WantedPack<File>[] = [];
  readonly #located: Located<File>[] = [];
  #locating = false;
  #running = 0;
  #nextJobId = 0;
  #failure: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: PackSchedulerOptions<File>) {
    this.#options = options;
  }

  submit(packs: readonly WantedPack<File>[]): void {
    this.#waiting.push(...packs);
    this.#pump();
  }

  /** Waits until there is room for more. Rejects when the restore cannot go on. */
  async room(): Promise<void> {
    await this.#until(() => this.#waiting.length < MAX_WAITING);
  }

  /** Waits until all is done. Rejects when the restore cannot go on. */
  async finish(): Promise<void> {
    await this.#until(() => this.#waiting.length + this.#located.length + this.#running === 0 && !this.#locating);
  }

  async #until(isReached: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (isReached()) return;
      await this.#changed.promise;
    }
  }

  #pump(): void {
    if (this.#failure === undefined) {
      while (this.#running < this.#options.runner.concurrency && this.#located.length > 0) {
        void this.#runPack(this.#located.shift()!);
      }
      const isLow = this.#located.length < this.#options.runner.concurrency;
      if (isLow && !this.#locating && this.#waiting.length > 0) void this.#locateNext();
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #locateNext(): Promise<void> {
    this.#locating = true;
    const packs = this.#waiting.splice(0, LOCATE_AT_ONCE);
    try {
      const found = await this.#options.mediator.locatePacks(packs.map(({ packId }) => packId));
      const byId = new Map(found.map((places) => [places.packId, places]));
      for (const pack of packs) {
        const places = byId.get(pack.packId);
        if (places !== undefined && isWhole(places)) this.#located.push({ pack, places });
        else this.#failPack(pack, fail('pack.unknown', { packId: pack.packId }));
      }
    } catch (error) {
      this.#failure ??= asError(error);
    }
    this.#locating = false;
    this.#pump();
  }

  async #runPack({ pack, places }: Located<File>): Promise<void> {
    this.#running += 1;
    const { describe, onWritten, onPackDone } = this.#options;
    const files = pack.files.map((file, index) => describe(file, pack.writes[index]!));
    try {
      const { failures } = await this.#runWithGrants({
        jobId: (this.#nextJobId += 1),
        places,
        grantsAreFresh: false,
        table: pack.table.bytes,
        writes: encodeWrites(pack.chunks),
        files,
      });
      const failed = new Map(failures.map(({ file, error }) => [file, error]));
      for (const [index, file] of pack.files.entries()) onWritten(file, pack.writes[index]!, failed.get(index));
    } catch (error) {
      if (isFatal(error)) this.#failure ??= asError(error);
      else this.#failPack(pack, error);
    }
    this.#running -= 1;
    onPackDone?.();
    this.#pump();
  }

  /** A grant that has expired is renewed once. */
  async #runWithGrants(job: PackJob): Promise<JobResult> {
    const { runner, mediator } = this.#options;
    try {
      return await runner.run(job);
    } catch (error) {
      if (!isAboutGrant(error)) throw error;
      const [places] = await mediator.locatePacks([job.places.packId]);
      return runner.run({ ...job, places: places ?? job.places, grantsAreFresh: true });
    }
  }

  #failPack(pack: WantedPack<File>, error: unknown): void {
    for (const [index, file] of pack.files.entries()) this.#options.onWritten(file, pack.writes[index]!, error);
  }
}

/** The mediator's word is checked before it is relied on: counts that fit, a length that fits the format. */
const isWhole = ({ dataShards, parityShards, shards, shardLengthBytes }: PackPlaces): boolean =>
  dataShards >= 1 && shards.length === dataShards + parityShards && shardLengthBytes % 65_536 === 0;

/** What concerns one pack; anything else ends the restore. */
const PACK_ERRORS: ReadonlySet<string> = new Set([
  'codec.too-few-shards',
  'codec.damaged',
  'codec.unsupported-version',
  'pack.unknown',
]);
const isFatal = (error: unknown): boolean => !(error instanceof HoldfastError && PACK_ERRORS.has(error.code));

const asError = (error: unknown): Error => (error instanceof Error ? error : new TypeError(String(error)));
