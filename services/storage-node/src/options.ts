/** What a storage node is started with. */
import type { Clock, Listen, Logger, Randomness } from '@holdfast/platform';
import type { Network } from '@holdfast/protocol';

export interface StorageNodeOptions {
  /** Keys, shards and state. One process at a time. */
  readonly dataDir: string;
  /** `holdfast://host:port#fingerprint` */
  readonly mediator: string;
  readonly listen: Listen;
  /** `host:port` under which clients and the mediator reach it, best first. Default: where it listens. */
  readonly addresses?: readonly string[];
  /** The same on all nodes of one operator. */
  readonly operator: string;
  readonly region: string;
  readonly priceSatPerTbMonth: bigint;
  /** Default 0: restores are free. */
  readonly egressSatPerTb?: bigint;
  /** Bytes on this disk for shards, what belongs to them included. */
  readonly capacityBytes: number;
  readonly network: Network;
  /** Where it is paid; signed at the start when the mediator knows another one. */
  readonly payoutAddress?: string;
  /** Plain HTTP for `/healthz`, `/readyz` and `/metrics`. Absent: none. */
  readonly opsListen?: Listen;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
  readonly logger?: Logger;
  /** At most so long from one heartbeat to the next; the mediator may want them more often. */
  readonly heartbeatMs?: number;
  /** A link to the mediator without a sign of life is given up after this long; the mediator pings every 20 s. */
  readonly linkIdleMs?: number;
  /** Bytes of the disk that stay free for everything else. */
  readonly diskMarginBytes?: number;
  /** `direct`: writes and reads pass the page cache where the file system can. */
  readonly io?: 'direct' | 'buffered';
  readonly maxUploads?: number;
  readonly maxDownloads?: number;
  readonly maxConnections?: number;
  /** Requests with forged or missing rights, per minute and address. */
  readonly maxFailuresPerMinute?: number;
  /** From the end of one scrub to the beginning of the next. */
  readonly scrubEveryMs?: number;
  /** 0: no scrub but `scrubNow`. */
  readonly scrubBytesPerSecond?: number;
  /** How long transfers under way may take to end when the node stops. */
  readonly stopGraceMs?: number;
  /** CPU, memory and event loop of this process among the metrics. */
  readonly processMetrics?: boolean;
}

export const DEFAULTS = {
  heartbeatMs: 30_000,
  linkIdleMs: 75_000,
  diskMarginBytes: 512 * 1024 * 1024,
  io: 'direct',
  maxUploads: 64,
  maxDownloads: 64,
  maxConnections: 512,
  maxFailuresPerMinute: 300,
  scrubEveryMs: 86_400_000,
  scrubBytesPerSecond: 8_000_000,
  stopGraceMs: 10_000,
} as const;
