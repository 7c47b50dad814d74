/** A client's address to pay to: its own, the same one until something came to it. */
import type { Clock } from '@holdfast/platform';
import type { DepositsOptions, GivenAddress } from './ports.ts';

/** So many addresses of a client may wait for money at once: software that restores a wallet looks no further ahead. */
const MAX_UNUSED = 20;

/** @throws HoldfastError `deposit.too-many-addresses` */
export async function giveAddress(
  { store, key, firstIndex = 0, clock }: Pick<DepositsOptions, 'store' | 'key' | 'firstIndex'> & { clock: Clock },
  clientId: string,
  { isNew = false }: { isNew?: boolean } = {},
): Promise<GivenAddress> {
  const { keyNo } = await store.useKey(key.descriptor, firstIndex, clock.nowMs());
  const given = { keyNo, descriptor: key.descriptor, addressAt: (index: number) => key.addressAt(index) };
  return store.giveAddress(clientId, given, { isNew, maxUnused: MAX_UNUSED }, clock.nowMs());
}
