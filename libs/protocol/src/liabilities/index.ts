/** What a mediator owes, as a published Merkle-sum tree, and the proofs that it contains a party's own amount. */
export * from './examine-liability.ts';
export * from './sum-tree.ts';
export * from './verify-liability.ts';
