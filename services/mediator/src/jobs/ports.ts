/** What housekeeping needs of a store. */
export interface Counts {
  readonly nodesByState: Readonly<Record<string, number>>;
  readonly reservedBytes: number;
  readonly waitingOrders: number;
  readonly vaults: number;
  readonly packs: number;
  readonly storedBytes: number;
  /** Reconciliations that found a difference which no admin has resolved. */
  readonly openDifferences: number;
  /** When ledger and chain were last found to agree; 0: never. */
  readonly balancedAtMs: number;
}

export interface Housekeeping {
  /** Resolves to the number of orders removed. */
  forgetCarriedOutOrders(): Promise<number>;
  /** Forgets nodes that nobody gets through to, that never had an order and were last heard of before then. Resolves to their number. */
  forgetUnusedNodes(lastSeenBeforeMs: number): Promise<number>;
  count(): Promise<Counts>;
}

export interface MoneyEvent {
  readonly kind: 'escrow.low' | 'agreement.unfunded' | 'agreement.given-up';
  readonly clientId: string;
  readonly nodeId?: string;
  /** Told once. */
  readonly onceKey?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Tells those whom it concerns. */
export interface EventLog {
  tell(events: readonly MoneyEvent[], nowMs: number): Promise<void>;
}
