/** One regular file on its way from the snapshot to its name on this disk. */
import type { Attributes, FileToWrite } from './job.ts';
import type { DirectoryNode } from './directories.ts';
import { latin1 } from './path-pattern.ts';

export class RestoredFile {
  readonly directory: DirectoryNode;
  readonly temporary: Buffer;
  readonly final: Buffer;
  readonly sizeBytes: number;
  readonly sparse: boolean;
  readonly attributes: Attributes;
  /** More names of the same file, to be linked once it has its own. */
  readonly links: { readonly directory: DirectoryNode; readonly final: Buffer; readonly temporary: Buffer }[] = [];
  /** Writes wanted so far, and those that are not done. */
  wantedWrites = 0;
  pendingWrites = 0;
  /** The walk knows all of its chunks. */
  isPlanned = false;
  isCreated = false;
  /** One job writes and finishes it. */
  isInOneJob = false;
  /** Its bytes and attributes are in the temporary file. */
  isFinished = false;
  isPublished = false;
  failure: unknown;

  constructor(fields: Pick<RestoredFile, 'directory' | 'temporary' | 'final' | 'sizeBytes' | 'sparse' | 'attributes'>) {
    this.directory = fields.directory;
    this.temporary = fields.temporary;
    this.final = fields.final;
    this.sizeBytes = fields.sizeBytes;
    this.sparse = fields.sparse;
    this.attributes = fields.attributes;
  }

  /** For a job that writes to it `writes` times. */
  describe(writes: number): FileToWrite {
    this.isCreated = true;
    this.isInOneJob = this.isPlanned && writes === this.wantedWrites;
    return {
      path: latin1(this.temporary),
      sizeBytes: this.sizeBytes,
      sparse: this.sparse,
      whole: this.isInOneJob,
      writes,
      attributes: this.attributes,
    };
  }
}
