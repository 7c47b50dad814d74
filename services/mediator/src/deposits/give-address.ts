/** A client's address to pay to: its own, the same one until something came to it. */
import type { Clock } from '@holdfast/platform';
import type { DepositsOptions, GivenAddress } from './ports.ts';

/** So many addresses of a client may wait for money at once: software that restores a wallet looks no further ahead. */
const MAX_UNUSED = 20;
/**
 * A Bitcoin node watches no more than a million addresses of a key, and whoever makes clients for nothing could ask for
 * all of them. At this pace that takes three weeks, in which somebody sees it.
 */
const MAX_AN_HOUR = 2_000;

/** @throws HoldfastError `deposit.too-many-addresses`, `deposit.too-many-clients` */
export async function giveAddress(
  {
    store,
    key,
    firstIndex = 0,
    maxAnHour = MAX_AN_HOUR,
    clock,
  }: Pick<DepositsOptions, 'store' | 'key' | 'firstIndex' | 'maxAnHour'> & { clock: Clock },
  clientId: string,
  { isNew = false }: { isNew?: boolean } = {},
): Promise<GivenAddress> {
  const { keyNo } = await store.useKey(key.descriptor, firstIndex, clock.nowMs());
  const given = { keyNo, descriptor: key.descriptor, addressAt: (index: number) => key.addressAt(index) };
  return store.giveAddress(clientId, given, { isNew, maxUnused: MAX_UNUSED, maxAnHour }, clock.nowMs());
}
