/** Compares the ledger with the chain, to the satoshi. */
export { type Audit, type AuditOptions, type AuditOutcome, createAudit } from './audit.ts';
export type { Evidence, Fate, Judgement, JudgeRules } from './judge-books.ts';
export * from './ports.ts';
export { reconcile, type ReconcileOptions, type Unreconciled } from './reconcile.ts';
export type { Resolution } from './resolve-difference.ts';
