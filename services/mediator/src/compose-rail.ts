/** Opens the road to the chain, and shows how it is: in the log when the mediator starts, in the metrics at any time. */
import type { Lifecycle, Logger, Metrics } from '@holdfast/platform';
import { createBitcoinCoreRail } from './adapters/bitcoin-core/index.ts';
import type { MediatorOptions } from './options.ts';
import { type PaymentRail, type RailState, readRailState } from './rail/index.ts';

interface RailBase {
  readonly settings: Pick<MediatorOptions, 'rail' | 'bitcoin' | 'network'>;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/** The rail that the options bring along, or one over the node of the settings. Undefined: there is none. */
export function openRail({ settings, logger, lifecycle }: RailBase): PaymentRail | undefined {
  if (settings.rail !== undefined) return settings.rail;
  if (settings.bitcoin === undefined) return undefined;
  const { rpcUrl: url, ...rest } = settings.bitcoin;
  const rail = createBitcoinCoreRail({ url, ...rest, network: settings.network });
  lifecycle.onClose('Bitcoin node', () => rail.close());
  // The mediator starts and works without it; who set it up wrong should read so at once.
  void rail.state().then(
    (state) => tell(state, logger),
    (error: unknown) => logger.error({ err: error }, 'the Bitcoin node'),
  );
  return rail;
}

function tell(found: RailState, logger: Logger): void {
  if (found.state === 'ready') logger.info({ height: found.tip.height }, 'the Bitcoin node is ready');
  else if (found.state === 'syncing') {
    logger.warn({ height: found.tip.height, progress: found.progress }, 'the Bitcoin node is still catching up');
  } else {
    logger.error(
      { state: found.state, detail: found.detail },
      'the Bitcoin node cannot be used: no deposits, no payouts',
    );
  }
}

const STATES = ['ready', 'syncing', 'away', 'wrong-network'] as const satisfies readonly RailState['state'][];

/** Asks the node when somebody asks for the metrics. */
export function createRailGauges(metrics: Metrics, rail: PaymentRail | undefined): () => Promise<void> {
  if (rail === undefined) return () => Promise.resolve();
  const state = metrics.gauge('rail_state', '1 for the state that the Bitcoin node is in.', ['state']);
  const height = metrics.gauge('rail_tip_height', 'Height of the last block that the Bitcoin node has.');
  return async () => {
    const found = await readRailState(rail);
    for (const name of STATES) state.set({ state: name }, name === found.state ? 1 : 0);
    if ('tip' in found) height.set(found.tip.height);
  };
}
