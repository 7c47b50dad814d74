/** A client for tests: signs requests under grants and sends them to one node, honest unless told otherwise. */
import { createHash } from 'node:crypto';
import { shardTree } from '@holdfast/codec';
import { nodeUri, pinnedConnectOptions, systemClock } from '@holdfast/platform';
import {
  createSigningKey,
  HEADERS,
  messageHash,
  shardPath,
  signedRequest,
  type SigningContext,
  signMessage,
  toHex,
  ZERO_32,
} from '@holdfast/protocol';
import { Agent } from 'undici';

type Method = 'PUT' | 'GET' | 'HEAD' | 'DELETE' | 'POST';

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
  /** Of a JSON answer. */
  readonly json: Record<string, unknown>;
}

export interface SendOptions {
  readonly body?: Uint8Array;
  readonly contentRoot?: string;
  readonly headers?: Record<string, string>;
  /** Fields of the signed request that shall not be as they should. */
  readonly forged?: Record<string, unknown>;
  /** Signs instead of the client's key. */
  readonly seed?: Uint8Array;
  readonly signedAtMs?: number;
  readonly signal?: AbortSignal;
}

export interface NodeClient {
  readonly clientId: string;
  send(method: Method, path: string, grant: string, options?: SendOptions): Promise<Answer>;
  /** Sends exactly these headers. */
  sendBare(method: Method, path: string, headers: Record<string, string>, body?: Uint8Array): Promise<Answer>;
  putShard(
    grant: string,
    packId: string,
    shardIndex: number,
    bytes: Uint8Array,
    options?: SendOptions,
  ): Promise<Answer>;
  putJson(method: 'PUT' | 'POST', path: string, grant: string, body: unknown): Promise<Answer>;
  /** The headers that `send` would show. */
  headers(method: Method, path: string, grant: string, options?: SendOptions): Record<string, string>;
  close(): Promise<void>;
}

export interface NodeClientOptions {
  readonly baseUrl: string;
  readonly nodeId: string;
  readonly caPem: string;
  readonly signing: SigningContext;
  /** Default: one client, always the same. */
  readonly seed?: Uint8Array;
  readonly nowMs?: () => number;
}

export const clientSeed = (name: string): Uint8Array =>
  new Uint8Array(createHash('sha256').update(`client ${name}`).digest());
const clientIdOf = (seed: Uint8Array): string => toHex(createSigningKey(seed).publicKey);

export function createNodeClient(options: NodeClientOptions): NodeClient {
  const seed = options.seed ?? clientSeed('one');
  const clientId = clientIdOf(seed);
  const nowMs = options.nowMs ?? (() => systemClock.nowMs());
  const agent = new Agent({
    connections: 16,
    connect: pinnedConnectOptions({ caPem: options.caPem, expectUri: nodeUri(options.nodeId) }),
  });

  const headers: NodeClient['headers'] = (method, path, grant, send = {}) => {
    const key = createSigningKey(send.seed ?? seed);
    const contentRoot =
      send.contentRoot ?? (send.body === undefined ? ZERO_32 : createHash('sha256').update(send.body).digest('hex'));
    const body = {
      holder: toHex(key.publicKey),
      nodeId: options.nodeId,
      grantHash: messageHash(grant),
      method,
      path,
      contentLength: send.body?.length ?? 0,
      contentRoot,
      signedAtMs: send.signedAtMs ?? nowMs(),
      ...send.forged,
    };
    return {
      [HEADERS.grant]: grant,
      [HEADERS.request]: signMessage(signedRequest, options.signing, body as never, key),
      ...send.headers,
    };
  };

  const request = async (
    method: Method,
    path: string,
    sent: Record<string, string>,
    { body, signal }: Pick<SendOptions, 'body' | 'signal'>,
  ): Promise<Answer> => {
    const answer = await agent.request({
      origin: options.baseUrl,
      path,
      method,
      headers: sent,
      ...(body !== undefined && { body }),
      ...(signal !== undefined && { signal }),
    });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const isJson = /json/.test(String(answer.headers['content-type']));
    const json = (isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : {}) as Record<string, unknown>;
    return { status: answer.statusCode, headers: answer.headers, bytes, json };
  };
  const send: NodeClient['send'] = (method, path, grant, more = {}) =>
    request(method, path, headers(method, path, grant, more), more);

  return {
    clientId,
    headers,
    send,
    sendBare: (method, path, sent, body) => request(method, path, sent, body === undefined ? {} : { body }),
    putShard(grant, packId, shardIndex, bytes, more = {}) {
      const root = more.contentRoot ?? toHex(shardTree(bytes).root);
      return send('PUT', shardPath(packId, shardIndex), grant, {
        ...more,
        body: bytes,
        contentRoot: root,
        headers: { 'content-type': 'application/octet-stream', [HEADERS.root]: root, ...more.headers },
      });
    },
    putJson(method, path, grant, body) {
      const bytes = Buffer.from(JSON.stringify(body));
      return send(method, path, grant, { body: bytes, headers: { 'content-type': 'application/json' } });
    },
    close: () => agent.destroy(),
  };
}
