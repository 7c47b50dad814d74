/** What a mediator is started with. */
import type { Clock, EmbeddedPostgresOptions, Listen, Logger, Randomness } from '@holdfast/platform';
import type { RateLimits } from '@holdfast/http-api/server';
import type { Network } from '@holdfast/protocol';
import type { ChallengeRules } from './challenges/index.ts';
import type { DepositRules } from './deposits/index.ts';
import type { EventStreamSettings } from './http/event-stream.ts';
import type { LinkSettings } from './link/index.ts';
import type { MoneyRules } from './ledger/index.ts';
import type { SubnetRule } from './nodes/index.ts';
import type { PayoutRules } from './payouts/index.ts';
import type { PaymentRail } from './rail/index.ts';

export interface MediatorOptions {
  /** Keys, and the embedded database where there is no `databaseUrl`. Made when missing. */
  readonly dataDir: string;
  /** Absent: embedded Postgres in `dataDir`. */
  readonly databaseUrl?: string;
  /** Of the embedded Postgres; `test` gives up fsync. */
  readonly databaseDurability?: 'full' | 'test';
  /** Where the embedded database goes when its user cannot get to `dataDir`; see `EmbeddedPostgresOptions`. */
  readonly unreachableData?: NonNullable<EmbeddedPostgresOptions['unreachableData']>;
  readonly listen: Listen;
  /** `host:port` in the address that clients and nodes are given. Default: where it listens. */
  readonly publicAddress?: string;
  /** Plain HTTP for health, readiness and metrics. Absent: none. */
  readonly opsListen?: Listen;
  readonly network: Network;
  readonly subnetRule: SubnetRule;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
  readonly logger?: Logger;
  /** Public keys that may sign in as admin, 64 hex digits each. */
  readonly adminKeys?: readonly string[];
  readonly sessionTtlMs?: number;
  /** Grants of an upload expire after this long. */
  readonly uploadTtlMs?: number;
  /** After its grants expired an upload still takes commits for this long. */
  readonly commitGraceMs?: number;
  /** After its grants expired, what was never committed is deleted after this long. */
  readonly uncommittedGraceMs?: number;
  readonly getGrantTtlMs?: number;
  /** A node not heard of for this long counts as offline. */
  readonly offlineAfterMs?: number;
  /** Open uploads of one vault; the oldest is ended when there would be more. */
  readonly maxOpenUploads?: number;
  readonly housekeepingMs?: number;
  readonly rateLimits?: RateLimits;
  /** Length of a period; a ledger keeps the one that it was begun with. */
  readonly periodMs?: number;
  /** Credited to each client at its first sign-in, on regtest only. */
  readonly welcomeSats?: number;
  /** Terms, shares and graces that differ from the published ones. */
  readonly money?: Partial<Omit<MoneyRules, 'periodMs'>>;
  /** Deadlines, counts and patience of challenges that differ from the published ones. */
  readonly challenges?: Partial<Omit<ChallengeRules, 'periodMs'>>;
  /**
   * `queue` (default): this process does its share of what happens by the clock; `workers`: other processes do it all;
   * `off`: it happens only when `runJobs` is called.
   */
  readonly scheduling?: 'queue' | 'workers' | 'off';
  /** The Bitcoin node. Absent: no money comes or goes over the chain. */
  readonly bitcoin?: BitcoinSettings;
  /** Another road to the chain than a Bitcoin node: wins over `bitcoin`. */
  readonly rail?: PaymentRail;
  /** Limits, approvals and delays of payouts, and who signs them. */
  readonly payouts?: PayoutSettings;
  /** Absent: no deposits are taken. */
  readonly deposits?: DepositSettings;
  /** `redis://…` of the queue. Absent: the queue lies in the database. */
  readonly redisUrl?: string;
  /** Patience and limits of the streams of events. */
  readonly eventStream?: Partial<EventStreamSettings>;
  /** Patience and limits of the nodes' links. */
  readonly link?: Partial<LinkSettings>;
  /** CPU, memory and event loop of the process among the metrics. Default true; false for many services in one process. */
  readonly processMetrics?: boolean;
}

export interface BitcoinSettings {
  /** `http://user:password@host:port`, or without user and password beside a cookie file. */
  readonly rpcUrl: string;
  readonly cookieFile?: string;
  /** Where the node has no estimate of fees. */
  readonly fallbackSatPerKvb: bigint;
}

/** Who holds the keys of the hot wallet. */
export type HotWalletSettings =
  | { readonly seedFile: string }
  | {
      /** Signs a PSBT from its standard input. */
      readonly signerCommand: string;
      /** Default: a minute. */
      readonly signerTimeoutMs?: number;
      /** The wallet's public descriptors, with their checksums. */
      readonly descriptors: readonly string[];
    };

export interface PayoutSettings {
  /** Absent: nothing is paid over the chain. */
  readonly hotWallet?: HotWalletSettings;
  readonly rules?: Partial<PayoutRules>;
}

export interface DepositSettings {
  /** Extended public key of an account (BIP-84): xpub or zpub, on test networks tpub or vpub. */
  readonly key: string;
  readonly rules?: Partial<DepositRules>;
  /** No address below this index is given to anybody. */
  readonly firstIndex?: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

export const DEFAULTS = {
  sessionTtlMs: HOUR_MS,
  uploadTtlMs: 6 * HOUR_MS,
  commitGraceMs: 15 * MINUTE_MS,
  uncommittedGraceMs: 24 * HOUR_MS,
  getGrantTtlMs: 6 * HOUR_MS,
  /** Three heartbeats of 30 s, and some slack. */
  offlineAfterMs: 100_000,
  maxOpenUploads: 8,
  housekeepingMs: MINUTE_MS,
  periodMs: HOUR_MS,
  rateLimits: { openPerMinute: 1_200, addressPerMinute: 60_000, partyPerMinute: 12_000 },
} as const;
