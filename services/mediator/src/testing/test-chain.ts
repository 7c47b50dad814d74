/** For tests: a chain that a test drives, with the rail over it. The fake and the real regtest node are driven alike. */
import type { Outpoint, PaymentRail, Tip } from '../rail/index.ts';

export interface Payee {
  readonly address: string;
  readonly sats: bigint;
}

export interface TestChain {
  /** As the mediator has it. All trouble below happens between this rail and the chain. */
  readonly rail: PaymentRail;
  /** Another process's: knows nothing but what the node itself keeps. */
  otherRail(): PaymentRail;
  tip(): Promise<Tip>;
  /** Mines what is in the mempool. */
  mine(blocks?: number): Promise<Tip>;
  /** One block with exactly these transactions, whatever the mempool thinks of them: for foreign spends of our money. */
  mineOnly(transactions: readonly string[]): Promise<Tip>;
  /** A fresh address of somebody else. */
  outsideAddress(): Promise<string>;
  /** Somebody pays: one transaction in the mempool, replaceable. Outpoints in the order of the payees. */
  pay(address: string, sats: bigint): Promise<Outpoint>;
  payMany(payees: readonly Payee[]): Promise<Outpoint[]>;
  /** Whoever made that unconfirmed payment takes it back with a higher fee. Resolves to the id of what replaced it. */
  takeBack(txid: string): Promise<string>;
  /** Somebody else gives the node a transaction. Rejects with the node's reason. */
  submit(transactionHex: string): Promise<void>;
  /** Of a transaction that the chain or the mempool has. */
  transactionHex(txid: string): Promise<string>;
  /** Takes the last blocks off; their transactions are in the mempool again. */
  disconnect(blocks: number): Promise<void>;
  /** Other blocks take the place of the last ones, one more than there were; payments in `without` are taken back meanwhile. */
  reorganise(blocks: number, options?: { readonly without?: readonly string[] }): Promise<void>;

  /** Nobody answers. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** The next broadcast arrives, its answer does not. */
  loseNextAnswer(): void;
  /** Answers, but has not seen the newest blocks; until the next block comes. */
  fallBehind(): Promise<void>;
  /** The node is killed without a goodbye and started again; it may have forgotten its mempool, its peers have the blocks. */
  crash(): Promise<void>;
  close(): Promise<void>;
}
