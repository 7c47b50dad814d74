/** What looking at the market as a whole, and at what happened, needs of a store. Nothing here changes anything. */
import type { Msat, Outcome } from '@holdfast/protocol';
import type { ChallengeRecord, NodeReputation, RetrievalOutcome } from '../challenges/index.ts';
import type { AccountKind, TransferKind, Verdict } from '../ledger/index.ts';
import type { NodeRecord, NodeState } from '../nodes/index.ts';

export interface StandingRecord {
  readonly node: NodeRecord;
  /** Absent before the first period that says something about the node. */
  readonly reputation?: NodeReputation;
}

export interface RetrievalCheckRecord {
  readonly checkNo: number;
  readonly checkedAtMs: number;
  readonly outcome: RetrievalOutcome;
  readonly detail: string;
  readonly packId: string;
  readonly shardIndex: number;
  readonly fromByte: number;
  readonly lengthBytes: number;
}

export interface TransferRecord {
  readonly transferNo: bigint;
  readonly kind: TransferKind;
  readonly madeAtMs: number;
  /** What it moved in all. */
  readonly amountMsat: Msat;
  readonly legCount: number;
  readonly nodeId?: string;
  readonly period?: number;
  readonly note?: string;
  readonly reference?: string;
}

/** One entry of a transfer, with whose account it is. */
export interface Leg {
  readonly account: AccountKind;
  readonly amountMsat: Msat;
  readonly clientId?: string;
  readonly nodeId?: string;
  /** Of holds. */
  readonly agreementId?: string;
  /** Of reserves. */
  readonly uploadId?: string;
}

export interface TransferLegs {
  readonly transferNo: bigint;
  readonly kind: TransferKind;
  readonly madeAtMs: number;
  readonly period?: number;
  readonly note?: string;
  readonly legs: readonly Leg[];
  /** Of all, also of those that are not shown. */
  readonly legCount: number;
}

/** From and up to but without `until`. */
export interface PeriodRange {
  readonly from: number;
  readonly until: number;
}

export interface MarketFigures {
  readonly nodesByState: Readonly<Partial<Record<NodeState, number>>>;
  readonly onlineNodes: number;
  /** Of nodes that may take data. */
  readonly capacityBytes: number;
  readonly storedBytes: number;
  readonly reservedBytes: number;
  /** In sat per TB and month, of nodes that may take data. */
  readonly prices?: { readonly lowest: bigint; readonly median: bigint; readonly highest: bigint };
  readonly regions: readonly { region: string; nodes: number; capacityBytes: number; storedBytes: number }[];
  readonly clients: number;
  readonly vaults: number;
  readonly agreements: { byState: Readonly<Record<string, number>>; storedBytes: number; heldMsat: Msat };
  readonly lastPeriod?: {
    readonly period: number;
    readonly byVerdict: Readonly<Partial<Record<Verdict, number>>>;
    readonly dueMsat: Msat;
    readonly earnedMsat: Msat;
    readonly withheldMsat: Msat;
    readonly commissionMsat: Msat;
  };
}

/** Where in the events a reader stands; see `formatPlace`. */
export interface EventPlace {
  readonly madeIn: bigint;
  readonly eventNo: bigint;
}

export interface EventRecord {
  readonly place: EventPlace;
  readonly kind: string;
  readonly happenedAtMs: number;
  readonly nodeId?: string;
  readonly clientId?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whose events or entries: all of them, a node's, or a client's. */
export type Scope = 'all' | { readonly nodeId: string } | { readonly clientId: string };

export interface OverviewStore {
  /** By node id. */
  listStandings(page: { after?: string; limit: number }): Promise<StandingRecord[]>;
  findStanding(nodeId: string): Promise<StandingRecord | undefined>;
  /** Of one period, by node id. */
  listOfPeriod(period: number, page: { after?: string; outcome?: Outcome; limit: number }): Promise<ChallengeRecord[]>;
  /** Of a node in the periods of these ranges, newest first. */
  listInRanges(
    nodeId: string,
    ranges: readonly PeriodRange[],
    page: { beforePeriod?: number; limit: number },
  ): Promise<ChallengeRecord[]>;
  /** The periods in which the node has agreements with the client. */
  agreedPeriods(clientId: string, nodeId: string): Promise<PeriodRange[]>;
  /** Newest first. */
  listChecks(nodeId: string, page: { before?: number; limit: number }): Promise<RetrievalCheckRecord[]>;
  /** What was kept back in each stretch of `periods` since `fromPeriod`, oldest first; `until`: the last period of it. */
  listWithheld(
    nodeId: string,
    stretch: { fromPeriod: number; periods: number },
  ): Promise<{ untilPeriod: number; amountMsat: Msat }[]>;
  /** Newest first. */
  listTransfers(page: { before?: bigint; kind?: TransferKind; limit: number }): Promise<TransferRecord[]>;
  /** With the entries in that scope. Undefined when there is no such transfer. */
  findTransfer(transferNo: bigint, scope: Scope, limit: number): Promise<TransferLegs | undefined>;
  market(nowMs: number, offlineAfterMs: number): Promise<MarketFigures>;
  /** Those behind `place`, up to `until` (of eventsEnd), in order. */
  eventsAfter(place: EventPlace, until: EventPlace, scope: Scope, limit: number): Promise<EventRecord[]>;
  /** The last event that everybody can see: what is behind a transaction that is still open comes later. */
  eventsEnd(): Promise<EventPlace>;
}
