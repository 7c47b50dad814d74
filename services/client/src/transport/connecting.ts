/** How nodes and the mediator are connected to, by whatever means. */

/** All of TLS 1.3, the quickest first: shards are sealed and masked already. */
export const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
export const CONNECT_TIMEOUT_MS = 10_000;
/** Without a byte in either direction. */
export const STALL_TIMEOUT_MS = 30_000;
