/** Bounds of the link between a node and the mediator, that both sides keep. */

/** Rises when a message changes; a mediator that speaks another one says so at the first word. */
export const LINK_PROTOCOL = 1;
/** Path of the WebSocket on the mediator's HTTPS server. */
export const LINK_PATH = '/v1/node/link';
/** Bytes of one text message from a node. */
export const MAX_TEXT_FROM_NODE_BYTES = 65_536;
/** Bytes of one text message to a node: a challenge or a verdict is a token of up to 512 KiB. */
export const MAX_TEXT_TO_NODE_BYTES = 1_048_576;
/** Orders in one message. */
export const MAX_LINK_ORDERS = 1000;
/** Shards in one order. */
export const MAX_ORDER_SHARDS = 10_000;
/** Shards in all orders of one message: what fits into it, as long as one order alone does. */
export const MAX_MESSAGE_SHARDS = 10_000;
/** Discarded uploads in one `carried-out`. */
export const MAX_UNCOMMITTED = 250;
/** Agreements, and changes of agreements, in one request to sign. */
export const MAX_TO_SIGN = 100;
/** Shards in a loss report that still fits into one text message from a node. */
export const MAX_LINK_LOSSES = 500;
