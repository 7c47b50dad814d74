/** Why each node that was not chosen was not. Pure. */
import { type Choice, type ChooseRequest, ineligibility, type RefusalReason } from './choose-nodes.ts';
import type { MarketIndex } from './market-index.ts';
import type { Offer } from './ports.ts';

export interface Refusal {
  readonly offer: Offer;
  readonly reason: RefusalReason;
  readonly sentence: string;
}

/** At most `limit` nodes: first those that could have been chosen, cheapest first; then the others, cheapest first. */
export function explainChoice(index: MarketIndex, request: ChooseRequest, choice: Choice, limit: number): Refusal[] {
  const isIneligible = ineligibility(index, request);
  const chosen = new Set(choice.chosen.map(({ nodeId }) => nodeId));
  const operators = new Set(choice.chosen.map(({ operator }) => operator));
  const subnets = new Set(request.onePerSubnet ? choice.chosen.map(({ subnet }) => subnet) : []);
  const avoided = new Set(request.avoidNodes);
  const able: Refusal[] = [];
  const unable: Refusal[] = [];
  for (let row = 0; row < index.offers.length && able.length < limit; row += 1) {
    const offer = index.offers[row]!;
    if (chosen.has(offer.nodeId)) continue;
    const barrier = isIneligible(row);
    if (barrier !== undefined && unable.length >= limit) continue;
    const reason = barrier ?? passedOver(offer, { avoided, operators, subnets });
    const list = barrier === undefined ? able : unable;
    list.push({ offer, reason, sentence: SENTENCES[reason](offer, request) });
  }
  return [...able, ...unable].slice(0, limit);
}

function passedOver(
  offer: Offer,
  taken: { avoided: ReadonlySet<string>; operators: ReadonlySet<string>; subnets: ReadonlySet<string> },
): RefusalReason {
  if (taken.avoided.has(offer.nodeId)) return 'asked-to-avoid';
  if (taken.operators.has(offer.operator)) return 'same-operator';
  if (taken.subnets.has(offer.subnet)) return 'same-subnet';
  return 'dearer';
}

const SENTENCES: Readonly<Record<RefusalReason, (offer: Offer, request: ChooseRequest) => string>> = {
  state: ({ state }) => (state === 'unreached' ? 'It has not been reached yet.' : `It is ${state}.`),
  offline: () => 'It has not been heard of lately.',
  'price-cap': ({ priceSatPerTbMonth }, { maxPriceSatPerTbMonth = 0n }) =>
    `It asks ${priceSatPerTbMonth} sat per TB and month, more than the highest price of ${maxPriceSatPerTbMonth}.`,
  region: ({ region }) => `It is in ${region}, which is none of the regions asked for.`,
  'operator-avoided': ({ operator }) => `Its operator ${operator} is to be avoided.`,
  'no-space': (_, { bytesPerNode }) => `It has less than the ${bytesPerNode} bytes left that are needed.`,
  'asked-to-avoid': () => 'It failed just now, and others will do.',
  'same-operator': ({ operator }) =>
    `A better node of its operator ${operator} was chosen, and one operator gets one shard of a pack.`,
  'same-subnet': ({ subnet }) =>
    `A better node of its network ${subnet} was chosen, and one network gets one shard of a pack.`,
  dearer: ({ priceSatPerTbMonth }) =>
    `It asks ${priceSatPerTbMonth} sat per TB and month; enough nodes are cheaper, the expected cost of replacing each included.`,
};
