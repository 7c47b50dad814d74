/** What mandates and agreements need of a store. Every method that changes something is one transaction. */
import type { Msat } from '@holdfast/protocol';
import type { VaultName } from '../custody/index.ts';
import type { AgreementState } from './state.ts';

export interface MandateRecord extends VaultName {
  readonly sequence: number;
  /** messageHash of the token. */
  readonly mandateHash: string;
  readonly token: string;
  readonly maxPriceSatPerTbMonth: bigint;
  /** Empty: any. */
  readonly regions: readonly string[];
  readonly avoidOperators: readonly string[];
  readonly monthlyLimitMsat: bigint;
  readonly expiresAtMs: number;
}

export interface MandateStore {
  /** The newest. */
  find(name: VaultName): Promise<MandateRecord | undefined>;
  /** Keeps it when its sequence is higher than that of all before, or it is the newest itself. Resolves to the newest sequence then. */
  put(mandate: MandateRecord, nowMs: number): Promise<number>;
}

/** Who ended an agreement; `term`: it ran out. */
export type EndedBy = 'term' | 'client' | 'node' | 'mediator';

export interface AgreementRecord extends VaultName {
  readonly agreementId: string;
  readonly nodeId: string;
  readonly mandateHash: string;
  readonly priceSatPerTbMonth: bigint;
  readonly commissionPpm: number;
  readonly startPeriod: number;
  /** The first period that it does not cover any more. */
  readonly endPeriod: number;
  readonly state: AgreementState;
  readonly endedBy?: EndedBy;
  /** From the next period on. */
  readonly storedBytes: number;
  /** What is held for the periods to come. */
  readonly heldMsat: Msat;
  readonly isSigned: boolean;
}

/** So many bytes that a node has still to sign for. */
export interface UnsignedSpan {
  readonly agreementId: string;
  readonly fromPeriod: number;
  readonly storedBytes: number;
}

/** Whose data nobody pays for any more: so many bytes of the vault at that node are to be given up. */
export interface GivenUp extends VaultName {
  readonly agreementId: string;
  readonly nodeId: string;
  readonly storedBytes: number;
}

export interface RenewalReport {
  readonly renewed: number;
  /** Newly in grace. */
  readonly unfunded: readonly (VaultName & { agreementId: string; reason: RenewalRefusal })[];
}
export type RenewalRefusal = 'money' | 'mandate' | 'terms' | 'price' | 'limit' | 'node';

/** How long a client's money lasts. */
export interface ClientRunway {
  readonly clientId: string;
  /** Days until something would be given up; absent while all renewals of the next year are covered. */
  readonly daysLeft?: number;
  /** 14, 7 or 1: the narrowest warning that applies. */
  readonly warningDays?: number;
  /** What is missing for the next year. */
  readonly missingMsat: Msat;
  /** Names this warning: who keeps events by it tells each only once. */
  readonly warningKey?: string;
}

/** What comes of an early end. All of it is as of now: the next period may begin meanwhile. */
export interface Ending {
  /** The first period in which nothing is due. */
  readonly fromPeriod: number;
  /** That nobody pays for then. */
  readonly storedBytes: number;
  /** Of what is held; goes back to the client. */
  readonly releasedMsat: Msat;
}

export interface AgreementStore {
  find(agreementId: string): Promise<AgreementRecord | undefined>;
  /** Newest first; after the agreement named `after`. */
  listOfClient(clientId: string, page: { after?: string; limit: number }): Promise<AgreementRecord[]>;
  listOfNode(nodeId: string, page: { after?: string; limit: number }): Promise<AgreementRecord[]>;
  /** What the node has not signed yet, oldest first. */
  listUnsigned(nodeId: string, limit: number): Promise<{ agreements: AgreementRecord[]; amendments: UnsignedSpan[] }>;
  sign(agreementId: string, token: string): Promise<void>;
  /** False when the bytes from that period on are others by now. */
  signSpan(span: UnsignedSpan, token: string): Promise<boolean>;
  /** What `terminate` would do now. @throws HoldfastError `agreement.unknown`, `agreement.ended` */
  foretellEnd(agreementId: string, nowMs: number): Promise<Ending>;
  /** Ends it, and what renewed it, from the next period on; what is held for later goes back. */
  terminate(agreementId: string, by: Exclude<EndedBy, 'term'>, token: string | undefined, nowMs: number): Promise<void>;
  /** Renews what ends within the grace, as far as mandates and money go; in order: oldest vaults first, cheapest nodes first. */
  renewDue(nowMs: number): Promise<RenewalReport>;
  runway(clientId: string, nowMs: number): Promise<ClientRunway>;
  /** Clients to be warned, in order of their ids; after the client named `after`. */
  listLowRunways(nowMs: number, page: { after?: string; limit: number }): Promise<ClientRunway[]>;
  /** Closes agreements whose term is over. Resolves to those that nothing follows. */
  endTerms(nowMs: number): Promise<GivenUp[]>;
}
