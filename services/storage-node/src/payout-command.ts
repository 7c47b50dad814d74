/** `holdfast-node payout-address`: beside a node that runs or not, with its settings and its key. */
import { createSilentLogger, PlatformError, systemClock, systemRandomness } from '@holdfast/platform';
import { mediatorBaseUrl, parseMediatorAddress } from '@holdfast/protocol';
import type { StorageNodeOptions } from './options.ts';
import { keepPayoutAddress, type PayoutAddresses } from './payout-address.ts';
import { openIdentity, openPinnedCa } from './registration/index.ts';

export const PAYOUT_ADDRESS_HELP = `holdfast-node payout-address [ADDRESS]

Shows where this node is paid, or signs another address: one of the mediator's Bitcoin network. The first one counts at
once; a change takes effect only after a delay, so that a stolen key does not take the money with it. Until then the
address in force can be given again, which ends the change. HOLDFAST_NODE_PAYOUT_ADDRESS does the same at each start.
`;

/** @throws PlatformError `config.invalid`, HoldfastError */
export async function requestPayoutAddress(
  options: StorageNodeOptions,
  args: readonly string[],
): Promise<PayoutAddresses> {
  const [given, ...more] = args;
  if (more.length > 0 || given?.startsWith('-') === true) {
    throw new PlatformError(
      'config.invalid',
      `"${more[0] ?? given}" is not understood.`,
      'holdfast-node payout-address --help shows how it is called.',
    );
  }
  const { dataDir, network } = options;
  const address = parseMediatorAddress(options.mediator);
  const pinned = await openPinnedCa({
    dataDir,
    address,
    clock: systemClock,
    logger: createSilentLogger(),
    signal: new AbortController().signal,
  });
  const identity = await openIdentity(dataDir, systemRandomness);
  const signing = { network, mediatorId: pinned.mediatorId };
  const session = { baseUrl: mediatorBaseUrl(address), ...pinned, identity, signing, nowMs: () => systemClock.nowMs() };
  return keepPayoutAddress(session, given);
}

export function formatPayoutAddresses({ addresses }: PayoutAddresses, nowMs: number): string {
  if (addresses.length === 0) return 'This node has no payout address yet: holdfast-node payout-address ADDRESS\n';
  return addresses
    .map(({ address, effectiveAtMs }) =>
      effectiveAtMs <= nowMs
        ? `${address}  in force\n`
        : `${address}  from ${new Date(effectiveAtMs).toISOString()} on\n`,
    )
    .join('');
}
