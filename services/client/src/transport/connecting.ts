/** How nodes and the mediator are connected to, by whatever means. */

export const CONNECT_TIMEOUT_MS = 10_000;
/** Without a byte in either direction. */
export const STALL_TIMEOUT_MS = 30_000;
