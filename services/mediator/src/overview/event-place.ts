/** The place of a reader in the stream of events, as text that it can come back with. Pure. */
import { fail } from '@holdfast/protocol';
import type { EventPlace } from './ports.ts';

export const formatPlace = ({ madeIn, eventNo }: EventPlace): string => `${madeIn}-${eventNo}`;

/** @throws HoldfastError `input.invalid` */
export function parsePlace(text: string): EventPlace {
  const match = /^(\d{1,19})-(\d{1,18})$/.exec(text);
  if (match === null) throw fail('input.invalid', { detail: 'after is no place in the events.' });
  return { madeIn: BigInt(match[1]!), eventNo: BigInt(match[2]!) };
}
