/** Reads text messages of the link. Whatever arrives, a decoder returns a whole message or throws `link.malformed`. */
import { fail } from '../errors.ts';
import { MAX_SHARDS } from '../limits.ts';
import { agreement, amendment } from '../messages/contracts.ts';
import { challenge, verdict } from '../messages/challenges.ts';
import {
  amountText,
  asObject,
  hexOf,
  listUpTo,
  malformedAt,
  objectOf,
  oneOf,
  pairOf,
  type Read,
  shortTexts,
  textUpTo,
  tokenUpTo,
  wholeNumber,
} from './fields.ts';
import {
  MAX_LINK_ORDERS,
  MAX_MESSAGE_SHARDS,
  MAX_ORDER_SHARDS,
  MAX_TEXT_FROM_NODE_BYTES,
  MAX_TEXT_TO_NODE_BYTES,
  MAX_TO_SIGN,
  MAX_UNCOMMITTED,
} from './limits.ts';
import type { FromNode, LinkOrder, ToNode } from './messages.ts';

const figures = { usedBytes: wholeNumber(), freeBytes: wholeNumber(), carriedOutOrder: wholeNumber() };

const FROM_NODE = {
  hello: objectOf({ type: oneOf('hello'), protocol: wholeNumber(), version: textUpTo(64), ...figures }),
  heartbeat: objectOf({ type: oneOf('heartbeat'), beat: wholeNumber(), ...figures }),
  'carried-out': objectOf({
    type: oneOf('carried-out'),
    order: wholeNumber(),
    uncommitted: listUpTo(
      MAX_UNCOMMITTED,
      objectOf({ uploadId: hexOf(16), sizeBytes: wholeNumber(), lainMs: wholeNumber() }),
    ),
  }),
  'loss-report': objectOf({ type: oneOf('loss-report'), token: tokenUpTo(MAX_TEXT_FROM_NODE_BYTES) }),
  signed: objectOf({
    type: oneOf('signed'),
    what: oneOf('agreement', 'amendment'),
    token: tokenUpTo(Math.max(agreement.maxTokenLength, amendment.maxTokenLength)),
  }),
} satisfies { readonly [Type in FromNode['type']]: Read<FromNode & { type: Type }> };

const shardOrder = objectOf({
  order: wholeNumber(),
  kind: oneOf('committed', 'delete'),
  clientId: hexOf(32),
  shards: listUpTo(MAX_ORDER_SHARDS, pairOf(hexOf(32), wholeNumber(MAX_SHARDS - 1))),
});
const uploadOrder = objectOf({ order: wholeNumber(), kind: oneOf('discard-upload'), uploadId: hexOf(16) });

const linkOrder: Read<LinkOrder> = (value, place) =>
  asObject(value, place)['kind'] === 'discard-upload' ? uploadOrder(value, place) : shardOrder(value, place);

/** However many orders they stand in. */
const orderList: Read<LinkOrder[]> = (value, place) => {
  const orders = listUpTo(MAX_LINK_ORDERS, linkOrder)(value, place);
  const shardCount = orders.reduce((sum, order) => sum + ('shards' in order ? order.shards.length : 0), 0);
  if (shardCount > MAX_MESSAGE_SHARDS) throw malformedAt(place, `a list of at most ${MAX_MESSAGE_SHARDS} shards`);
  return orders;
};

const agreementToSign = objectOf({
  agreementId: hexOf(16),
  clientId: hexOf(32),
  vaultId: hexOf(16),
  mandateHash: hexOf(32),
  priceSatPerTbMonth: amountText,
  commissionPpm: wholeNumber(1_000_000),
  periodMs: wholeNumber(),
  startsAtMs: wholeNumber(),
  endsAtMs: wholeNumber(),
});
const amendmentToSign = objectOf({
  agreementId: hexOf(16),
  clientId: hexOf(32),
  effectiveAtMs: wholeNumber(),
  storedBytes: wholeNumber(),
});
const complaint = { code: textUpTo(64), params: shortTexts };

const TO_NODE = {
  welcome: objectOf({
    type: oneOf('welcome'),
    timeMs: wholeNumber(),
    heartbeatMs: wholeNumber(),
    periodMs: wholeNumber(),
  }),
  orders: objectOf({ type: oneOf('orders'), beat: wholeNumber(), orders: orderList }),
  challenge: objectOf({ type: oneOf('challenge'), token: tokenUpTo(challenge.maxTokenLength) }),
  accepted: objectOf({ type: oneOf('accepted'), challengeId: hexOf(16), proofHash: hexOf(32) }),
  verdict: objectOf({ type: oneOf('verdict'), token: tokenUpTo(verdict.maxTokenLength) }),
  sign: objectOf({
    type: oneOf('sign'),
    agreements: listUpTo(MAX_TO_SIGN, agreementToSign),
    amendments: listUpTo(MAX_TO_SIGN, amendmentToSign),
  }),
  noted: objectOf({ type: oneOf('noted'), of: textUpTo(64) }),
  refused: objectOf({ type: oneOf('refused'), of: textUpTo(64), ...complaint }),
  bye: objectOf({ type: oneOf('bye'), ...complaint }),
} satisfies { readonly [Type in ToNode['type']]: Read<ToNode & { type: Type }> };

/** What a node says to the mediator. @throws HoldfastError `link.malformed`, `input.too-large` */
export const decodeFromNode = (text: string): FromNode => decode<FromNode>(text, FROM_NODE, MAX_TEXT_FROM_NODE_BYTES);

/** What the mediator says to a node. @throws HoldfastError `link.malformed`, `input.too-large` */
export const decodeToNode = (text: string): ToNode => decode<ToNode>(text, TO_NODE, MAX_TEXT_TO_NODE_BYTES);

function decode<Message>(text: string, readers: Readonly<Record<string, Read<Message>>>, maxBytes: number): Message {
  // Of no use to count UTF-8: every text of ours is ASCII, and a longer one is refused below.
  if (text.length > maxBytes) throw fail('input.too-large', { what: 'message', limit: `${maxBytes} bytes` });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformedAt('The message', 'JSON');
  }
  const { type } = asObject(value, 'The message');
  const read = typeof type === 'string' && Object.hasOwn(readers, type) ? readers[type] : undefined;
  if (read === undefined) throw malformedAt('Its type', `one of ${Object.keys(readers).join(', ')}`);
  return read(value, String(type));
}
