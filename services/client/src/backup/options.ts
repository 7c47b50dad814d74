/** What the caller of a backup may choose. */
import type { PipelineOptions } from '../pipeline/index.ts';
import type { BackupEvent, BackupProgress } from './report.ts';

export interface BackupOptions {
  /** Worker threads at most. */
  readonly workers: number;
  /** A few times a second. */
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly onEvent?: (event: BackupEvent) => void;
  /** Stops within a second or so; what is complete is committed. */
  readonly signal?: AbortSignal;
  /** For tests: with so many index packs they are merged. Default 48. */
  readonly mostIndexPacks?: number;
  /** For tests and measurements. */
  readonly pipeline?: Partial<
    Pick<
      PipelineOptions,
      'compressionLevel' | 'connectionsPerNode' | 'stallTimeoutMs' | 'retryDelaysMs' | 'patientRetryDelaysMs'
    >
  >;
}
