/**
 * Checks what a request shows: a grant of the mediator for this node, and a request signed by the grant's holder. Nothing
 * is read, reserved or allocated for a request before it passed.
 */
import {
  fail,
  grant,
  type GrantVerb,
  messageHash,
  type MessageType,
  openMessage,
  type PackId,
  REQUEST_WINDOW_MS,
  signedRequest,
  type SigningContext,
  ZERO_32,
} from '@holdfast/protocol';

type BodyOf<T> = T extends MessageType<infer Body> ? Body : never;
export type Grant = BodyOf<typeof grant>;

/** One request as it came in. */
export interface ShownRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly path: string;
  readonly grantToken: string | undefined;
  readonly requestToken: string | undefined;
  /** 0 without a body. */
  readonly contentLength: number;
  /**
   * What the signed request must say of the content: `known` where it is known beforehand, `later` where the body has
   * to be read for it (see `Access.contentRoot`).
   */
  readonly content: { readonly known: string } | 'later';
}

export interface Access {
  readonly grant: Grant;
  readonly grantHash: string;
  /** What the holder signed as the hash of the content. */
  readonly contentRoot: string;
}

export interface AccessCheckOptions {
  readonly nodeId: string;
  readonly signing: SigningContext;
  readonly nowMs: () => number;
}

/** @throws HoldfastError `grant.*`, `message.*`, `request.mismatch` */
export type AccessCheck = (shown: ShownRequest) => Access;

const VERBS: Readonly<Record<string, readonly GrantVerb[]>> = {
  PUT: ['put'],
  POST: ['put'],
  GET: ['get'],
  // Who may send a shard may as well ask whether it arrived.
  HEAD: ['get', 'put'],
  DELETE: ['delete'],
};
/** A client shows the same grant thousands of times. */
const REMEMBERED_GRANTS = 512;

interface OpenedGrant {
  readonly body: Grant;
  readonly hash: string;
}

export function createAccessCheck(options: AccessCheckOptions): AccessCheck {
  const { nodeId, signing } = options;
  const opened = new Map<string, OpenedGrant>();

  const open = (token: string): OpenedGrant => {
    const known = opened.get(token);
    if (known !== undefined) return known;
    const fresh = { body: openMessage(grant, signing, token), hash: messageHash(token) };
    if (opened.size >= REMEMBERED_GRANTS) opened.delete(opened.keys().next().value!);
    opened.set(token, fresh);
    return fresh;
  };

  return (shown) => {
    if (shown.grantToken === undefined) throw fail('grant.missing');
    const { body, hash } = open(shown.grantToken);
    const nowMs = options.nowMs();
    checkGrant(body, shown.method, nodeId, nowMs);
    if (shown.requestToken === undefined) throw fail('grant.wrong-holder');
    const request = openMessage(signedRequest, signing, shown.requestToken);
    if (request.holder !== body.holder) throw fail('grant.wrong-holder');
    const expected = {
      nodeId,
      grantHash: hash,
      method: shown.method,
      path: shown.path,
      contentLength: shown.contentLength,
      contentRoot: shown.content === 'later' ? request.contentRoot : shown.content.known,
    };
    for (const [field, value] of Object.entries(expected)) {
      if (request[field as keyof typeof expected] !== value) throw fail('request.mismatch', { field });
    }
    const skewMs = Math.abs(nowMs - request.signedAtMs);
    if (skewMs > REQUEST_WINDOW_MS) throw fail('message.clock-skew', { skewSeconds: Math.round(skewMs / 1000) });
    return { grant: body, grantHash: hash, contentRoot: request.contentRoot };
  };
}

function checkGrant(body: Grant, method: string, nodeId: string, nowMs: number): void {
  if (body.nodeId !== nodeId) throw fail('grant.wrong-node');
  if (body.expiresAtMs <= nowMs) throw fail('grant.expired', { expiredAt: new Date(body.expiresAtMs).toISOString() });
  const skewMs = body.issuedAtMs - nowMs;
  if (skewMs > REQUEST_WINDOW_MS) throw fail('message.clock-skew', { skewSeconds: Math.round(skewMs / 1000) });
  const verbs = VERBS[method] ?? [];
  if (!verbs.includes(body.verb)) throw fail('grant.wrong-verb', { allowed: body.verb, wanted: verbs[0] ?? method });
}

/** @throws HoldfastError `grant.out-of-scope` unless the grant covers that pack of its client. */
export function checkScope(body: Grant, packId: PackId): void {
  // A delete always names its packs.
  if (body.packIds.length === 0 && body.verb !== 'delete') return;
  if (!body.packIds.includes(packId)) throw fail('grant.out-of-scope');
}

export const NO_CONTENT = { known: ZERO_32 } as const;
