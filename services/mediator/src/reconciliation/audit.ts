/**
 * The nightly audit: ledger against chain, and what is owed to everybody, published. Whatever of the two is missing for
 * today is made up for; on demand both are made anew. Without a rail only the second.
 */
import { type Clock, type Logger } from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import {
  type Assets,
  type LiabilityStore,
  publishLiabilities,
  type PublishedRoot,
  type PublishOptions,
} from '../liabilities/index.ts';
import type { Reconciliation, ReconciliationStore } from './ports.ts';
import { lookNow, reconcile, type ReconcileOptions, type Unreconciled } from './reconcile.ts';
import { resolveDifference, type Resolution } from './resolve-difference.ts';

export interface AuditOptions {
  readonly publish: PublishOptions;
  readonly reconciliations: ReconciliationStore;
  /** Absent: this mediator has no rail. */
  readonly reconcile?: ReconcileOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface AuditOutcome {
  readonly reconciliation?: Reconciliation;
  /** Why there is none. */
  readonly unreconciled?: Unreconciled | 'no-rail';
  readonly published: PublishedRoot;
}

export interface Audit {
  readonly liabilities: Pick<LiabilityStore, 'newest' | 'find' | 'proof'>;
  readonly reconciliations: Pick<ReconciliationStore, 'find' | 'list'>;
  /** Both, now. */
  run(): Promise<AuditOutcome>;
  /** What is missing for today. */
  runDue(): Promise<void>;
  /** @throws HoldfastError see resolveDifference */
  resolve(number: number, resolution: Resolution): Promise<Reconciliation>;
}

const DAY_MS = 86_400_000;
/** So long everybody can still prove its own leaf of an older root. */
const KEPT_TREES_MS = 35 * DAY_MS;

export function createAudit(options: AuditOptions): Audit {
  const { publish, reconciliations, clock, logger } = options;
  const { store: liabilities } = publish;
  const isToday = (timeMs: number | undefined): boolean =>
    timeMs !== undefined && Math.floor(timeMs / DAY_MS) === Math.floor(clock.nowMs() / DAY_MS);

  const compare = async (): Promise<Reconciliation | Unreconciled | 'no-rail'> => {
    if (options.reconcile === undefined) return 'no-rail';
    try {
      return await reconcile(options.reconcile);
    } catch (error) {
      if (!(error instanceof HoldfastError && error.code.startsWith('rail.'))) throw error;
      logger.warn(
        { code: error.code, detail: error.message },
        'the chain went away while ledger and chain were compared',
      );
      return 'rail-not-ready';
    }
  };
  const publishWith = (compared: Awaited<ReturnType<typeof compare>> | undefined): Promise<PublishedRoot> =>
    publishLiabilities(publish, typeof compared === 'object' ? assetsOf(compared) : undefined);

  return {
    liabilities,
    reconciliations,
    async run() {
      const compared = await compare();
      const published = await publishWith(compared);
      return typeof compared === 'object'
        ? { reconciliation: compared, published }
        : { unreconciled: compared, published };
    },
    async runDue() {
      const isCompared = isToday((await reconciliations.newest())?.checkedAtMs);
      const compared = isCompared ? undefined : await compare();
      if (isToday((await liabilities.newest())?.madeAtMs)) return;
      const { sequence, totalMsat, leafCount } = await publishWith(compared);
      const forgotten = await liabilities.forgetTrees(clock.nowMs() - KEPT_TREES_MS);
      logger.info({ sequence, totalMsat: String(totalMsat), leafCount, forgotten }, 'liabilities are published');
    },
    resolve: (number, resolution) =>
      resolveDifference(
        {
          store: reconciliations,
          look: async () => (options.reconcile === undefined ? [] : lookNow(options.reconcile)),
          nowMs: () => clock.nowMs(),
        },
        number,
        resolution,
      ),
  };
}

const assetsOf = ({ chainSats, tip }: Reconciliation): Assets => ({ sats: chainSats, tip });
