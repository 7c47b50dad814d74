/** What booking and settling need of a store. Every method that changes something is one transaction. */
import type { Msat } from '@holdfast/protocol';
import type { AccountKind, TransferKind } from './accounts.ts';

export interface Credit {
  readonly clientId: string;
  readonly amountMsat: Msat;
  /** The same reference is booked once. */
  readonly reference: string;
  /** Who credits it, and why: for the statement. */
  readonly note: string;
}

export interface ClientBalance {
  readonly availableMsat: Msat;
  /** For agreements. */
  readonly heldMsat: Msat;
  /** For open uploads. */
  readonly reservedMsat: Msat;
}

export interface NodeBalance {
  readonly earnedMsat: Msat;
  readonly withheldMsat: Msat;
}

/** The mediator's whole ledger: `difference` is zero, or something is badly wrong. */
export interface Position {
  readonly available: Msat;
  readonly held: Msat;
  readonly earned: Msat;
  readonly withheld: Msat;
  readonly commission: Msat;
  readonly repairReserve: Msat;
  readonly payoutsInFlight: Msat;
  readonly withdrawalsInFlight: Msat;
  /** The mediator's own, put into its wallets to pay with. */
  readonly float: Msat;
  readonly deposits: Msat;
  readonly adminCredits: Msat;
  /** What the operator put into the wallets, less what was taken out again. */
  readonly capital: Msat;
  readonly badDebt: Msat;
  readonly payoutsPaid: Msat;
  readonly withdrawalsPaid: Msat;
  readonly networkFees: Msat;
  readonly difference: Msat;
}

/** One movement on one account. */
export interface StatementLine {
  readonly transferNo: bigint;
  readonly madeAtMs: number;
  readonly kind: TransferKind;
  readonly account: AccountKind;
  readonly accountNo: number;
  readonly amountMsat: Msat;
  readonly period?: number;
  readonly note?: string;
}

export interface Fault {
  readonly rule: string;
  readonly subject: string;
  readonly detail: string;
}

export interface LedgerStore {
  /** False when that reference was booked before; nothing changes then. */
  credit(credit: Credit, nowMs: number): Promise<boolean>;
  clientBalance(clientId: string): Promise<ClientBalance>;
  nodeBalance(nodeId: string): Promise<NodeBalance>;
  /** Movements of a client's available money, newest first; before the transfer named `before`. */
  clientStatement(clientId: string, page: { before?: bigint; limit: number }): Promise<StatementLine[]>;
  /** Movements of a node's earned and withheld money, newest first. */
  nodeStatement(nodeId: string, page: { before?: bigint; limit: number }): Promise<StatementLine[]>;
  /** All movements of what is held for an agreement, its accruals among them, newest first. */
  agreementStatement(agreementId: string, page: { before?: bigint; limit: number }): Promise<StatementLine[]>;
  /** Every leg of a transfer; none for one that does not exist. */
  legs(transferNo: bigint, limit: number): Promise<StatementLine[]>;
  position(): Promise<Position>;
  /** Checks everything from the entries up; empty when all is well. Reads the whole ledger. */
  findFaults(): Promise<Fault[]>;
}

export const VERDICTS = ['passed', 'failed', 'missed', 'void'] as const;
/** `void`: the mediator could not ask; nobody is at fault and nobody is paid. */
export type Verdict = (typeof VERDICTS)[number];

export interface Settlement {
  readonly nodeNo: number;
  readonly period: number;
  readonly verdict: Verdict;
  /** Absent where nothing was due. */
  readonly transferNo?: bigint;
  readonly agreementCount: number;
  readonly dueMsat: Msat;
  readonly commissionMsat: Msat;
  readonly earnedMsat: Msat;
  readonly withheldMsat: Msat;
  readonly settledAtMs: number;
  /** False when the period had been settled before: this is what stands, whatever the verdict asked for now. */
  readonly isNew: boolean;
}

export interface SettlementStore {
  /** @throws HoldfastError `node.unknown` */
  settle(nodeId: string, period: number, verdict: Verdict, nowMs: number): Promise<Settlement>;
  /** Newest first. */
  list(nodeId: string, page: { beforePeriod?: number; limit: number }): Promise<Settlement[]>;
  /** Releases what was kept back long enough ago, of every node. Resolves to how much. */
  releaseWithheld(nowMs: number): Promise<Msat>;
  /** Takes what repairing the node's shards cost from what is kept back, as far as that goes. Once per reference. */
  chargeRepair(nodeId: string, charge: { amountMsat: Msat; reference: string }, nowMs: number): Promise<Msat>;
}
