/** Deposits as the rest of the mediator knows them. */
import type { Clock, Logger } from '@holdfast/platform';
import type { DepositRules } from './decide-step.ts';
import { giveAddress } from './give-address.ts';
import type { DepositsOptions, DepositStore, GivenAddress } from './ports.ts';
import { createDepositWatch, type DepositsReport } from './watch-deposits.ts';

export interface Deposits {
  readonly rules: DepositRules;
  /** @throws HoldfastError `deposit.too-many-addresses` */
  giveAddress(clientId: string, want: { readonly isNew: boolean }): Promise<GivenAddress>;
  /** One look at the chain; it happens by the clock. */
  watch(): Promise<DepositsReport>;
}

/** What the API shows of deposits. */
export interface DepositHandling {
  readonly depositRows: Pick<DepositStore, 'list' | 'owedMsat'>;
  /** Absent: this mediator takes none. */
  readonly deposits?: Deposits;
}

export interface CreateDepositsOptions extends DepositsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** An address was given that is not watched yet: look at the chain soon. */
  readonly wake: () => void;
}

export function createDeposits(options: CreateDepositsOptions): Deposits {
  const watch = createDepositWatch(options);
  return {
    rules: options.rules,
    watch,
    async giveAddress(clientId, want) {
      const given = await giveAddress(options, clientId, want);
      if (!given.isWatched) options.wake();
      return given;
    },
  };
}
