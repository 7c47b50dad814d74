/** The headers that prove a request to a storage node. One way for all: a node must not know by them who reads. */
import { toHex } from './bytes.ts';
import { HEADERS, ZERO_32 } from './ids.ts';
import { messageHash, signMessage, type SigningContext } from './message.ts';
import { signedRequest } from './messages/identities.ts';
import type { SigningKey } from './signing.ts';

export interface RequestToSign {
  readonly nodeId: string;
  /** Token of a grant whose holder is the key's. */
  readonly grant: string;
  readonly method: 'PUT' | 'GET' | 'HEAD' | 'DELETE' | 'POST';
  readonly path: string;
  /** Default 0. */
  readonly contentLength?: number;
  /** 64 hex digits. Default: zeros, for no body. */
  readonly contentRoot?: string;
  readonly nowMs: number;
}

export function signRequest(context: SigningContext, key: SigningKey, request: RequestToSign): Record<string, string> {
  const { nodeId, grant, method, path, contentLength = 0, contentRoot = ZERO_32, nowMs: signedAtMs } = request;
  const holder = toHex(key.publicKey);
  const grantHash = messageHash(grant);
  const body = { holder, nodeId, grantHash, method, path, contentLength, contentRoot, signedAtMs };
  return { [HEADERS.grant]: grant, [HEADERS.request]: signMessage(signedRequest, context, body, key) };
}
