/** What deposits need of a store and of a key. Amounts on the chain are satoshi, in the ledger millisatoshi. */
import type { Outpoint, PaymentRail, SeenOutput, Tip } from '../rail/index.ts';
import type { DepositRules, DepositState, Observation, Step } from './decide-step.ts';

/** What addresses are made from; it cannot spend. */
export interface DepositAddresses {
  /** Ranged, with its checksum. */
  readonly descriptor: string;
  addressAt(index: number): { readonly address: string };
}

/** An extended public key that addresses were given from. */
export interface DepositKeyRecord {
  readonly keyNo: number;
  readonly descriptor: string;
  readonly nextIndex: number;
  /** −1: nothing of it is watched yet. */
  readonly watchedTo: number;
  readonly madeAtMs: number;
  /** When the oldest address beyond `watchedTo` was given. */
  readonly unwatchedSinceMs?: number;
}

export interface DepositRecord extends Outpoint {
  readonly depositNo: number;
  readonly address: string;
  /** Absent: nobody was given the address. */
  readonly clientId?: string;
  readonly sats: bigint;
  readonly state: DepositState;
  readonly confirmations: number;
  readonly requiredConfirmations: number;
  readonly seenAtMs: number;
  readonly creditedAtMs?: number;
}

export interface WatchPosition {
  readonly cursor?: string;
  /** The tip at which all was last looked at. */
  readonly tipHash?: string;
  /** Of the highest tip ever seen. */
  readonly bestHeight: number;
}

export interface GivenAddress {
  readonly address: string;
  readonly index: number;
  readonly isWatched: boolean;
}

/** Every method that changes something is one transaction. */
export interface DepositStore {
  /** Runs the work unless it runs elsewhere just now; undefined then. */
  alone<T>(work: () => Promise<T>): Promise<T | undefined>;
  /** Makes the key the one in use; no index below `firstIndex` is given from it. */
  useKey(descriptor: string, firstIndex: number, nowMs: number): Promise<DepositKeyRecord>;
  listKeys(): Promise<DepositKeyRecord[]>;
  noteWatched(keyNo: number, watchedTo: number): Promise<void>;
  /** Nobody is given an index below this one any more. */
  skipIndexes(keyNo: number, nextIndex: number): Promise<void>;
  /**
   * The client's newest address that nothing came to, or (`isNew`, or there is none) the next one.
   * @throws HoldfastError `deposit.too-many-addresses`, `deposit.too-many-clients`
   */
  giveAddress(
    clientId: string,
    key: DepositAddresses & { readonly keyNo: number },
    want: { readonly isNew: boolean; readonly maxUnused: number; readonly maxAnHour: number },
    nowMs: number,
  ): Promise<GivenAddress>;
  position(): Promise<WatchPosition>;
  /** Keeps those that are new, as seen. Resolves to the new ones at addresses that nobody was given. */
  noteSeen(outputs: readonly SeenOutput[], rules: DepositRules, nowMs: number): Promise<DepositRecord[]>;
  /** Everything that may still change, or (not `all`) that is unconfirmed; and what is at these outpoints. */
  listInMotion(
    want: { readonly all: boolean; readonly at: readonly Outpoint[] },
    nowMs: number,
  ): Promise<DepositRecord[]>;
  /** Takes the step that the observation calls for, with all bookings. */
  step(depositNo: number, observed: Observation, rules: DepositRules, nowMs: number): Promise<Step>;
  /** All that the node showed up to this tip is done. */
  noteDone(cursor: string, tip: Tip): Promise<void>;
  /** Takes what clients owe from what has become available to them. Resolves to the sum, in msat. */
  collectDebts(nowMs: number): Promise<bigint>;
  /** Newest first. Without a client: everybody’s, also those without an owner. */
  list(page: { clientId?: string; before?: number; limit: number }): Promise<DepositRecord[]>;
  owedMsat(clientId: string): Promise<bigint>;
}

export interface DepositsOptions {
  readonly store: DepositStore;
  readonly rail: PaymentRail;
  readonly key: DepositAddresses;
  readonly rules: DepositRules;
  /** Below this index no address is given: for a database that was restored from an older copy. */
  readonly firstIndex?: number;
  /** So many new addresses are given to all clients together within an hour. Default 2,000. */
  readonly maxAnHour?: number;
}
