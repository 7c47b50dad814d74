/** A request to a storage node: signed for each address anew, and whatever goes wrong as an error of the catalogue. */
import { createHash } from 'node:crypto';
import {
  createSigningKey,
  errorFromProblem,
  fail,
  HoldfastError,
  shortId,
  signRequest,
  type SigningContext,
  type SigningKey,
  ZERO_32,
} from '@holdfast/protocol';
import type { NodeTarget } from '../ports.ts';

export interface SigningOptions {
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly nowMs: () => number;
}

export interface NodeRequest {
  readonly method: 'PUT' | 'GET' | 'HEAD' | 'DELETE' | 'POST';
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
  /** Default: SHA-256 of the body, zeros without one. */
  readonly contentRoot?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Tries the node's addresses in order until one can be connected to; signs for each attempt anew. */
export async function tryAddresses<T>(
  options: SigningOptions,
  target: NodeTarget,
  request: NodeRequest,
  attempt: (address: string, headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  const { body } = request;
  const key = keyFor(target, options.signingKey);
  let failure: HoldfastError = fail('remote.unreachable', {
    who: who(target),
    address: 'no address',
    detail: 'the mediator knows no address of it',
  });
  for (const address of target.addresses) {
    const proofs = signRequest(options.signing, key, {
      nodeId: target.nodeId,
      grant: target.grant,
      method: request.method,
      path: request.path,
      contentLength: body?.length ?? 0,
      contentRoot: request.contentRoot ?? (body === undefined ? ZERO_32 : sha256(body)),
      nowMs: options.nowMs(),
    });
    try {
      return await attempt(address, { ...request.headers, ...proofs });
    } catch (error) {
      if (request.signal?.aborted) throw error;
      failure = asNodeError(target, address, error);
      if (failure.code !== 'remote.unreachable' && failure.code !== 'tls.wrong-peer') throw failure;
    }
  }
  throw failure;
}

/** A few keys read many packs, and making one costs more than ten signatures. */
const knownReadKeys = new Map<string, SigningKey>();
const KNOWN_READ_KEYS = 256;

/** The key of the grant's holder. */
function keyFor({ readSeed }: NodeTarget, own: SigningKey): SigningKey {
  if (readSeed === undefined) return own;
  const name = Buffer.from(readSeed).toString('latin1');
  let key = knownReadKeys.get(name);
  if (key === undefined) {
    key = createSigningKey(readSeed);
    if (knownReadKeys.size >= KNOWN_READ_KEYS) knownReadKeys.delete(knownReadKeys.keys().next().value!);
    knownReadKeys.set(name, key);
  }
  return key;
}

const sha256 = (body: Uint8Array): string => createHash('sha256').update(body).digest('hex');
const who = (target: Pick<NodeTarget, 'nodeId'>): string => `Node ${shortId(target.nodeId)}`;

export const unexpected = (target: Pick<NodeTarget, 'nodeId'>, detail: string): HoldfastError =>
  fail('remote.unexpected', { from: who(target), detail });

/** Whatever went wrong on the way to a node. Errors of other threads and libraries are known by their codes. */
function asNodeError(target: NodeTarget, address: string, error: unknown): HoldfastError {
  let last: { code?: unknown; message?: unknown } = {};
  for (let cause: unknown = error; typeof cause === 'object' && cause !== null; cause = (cause as Error).cause) {
    if (cause instanceof HoldfastError) return cause;
    last = cause;
    if (last.code === 'tls.wrong-peer') return fail('tls.wrong-peer', { address, expected: who(target) }, error);
  }
  const { code, message } = last;
  const detail = typeof code === 'string' ? code : typeof message === 'string' ? message : 'no answer';
  return fail('remote.unreachable', { who: who(target), address, detail }, error);
}

/** What an answer with an error status says. */
export function problemOf(target: NodeTarget, statusCode: number, bytes: Uint8Array): HoldfastError {
  try {
    return errorFromProblem(JSON.parse(Buffer.from(bytes).toString('utf8')), who(target));
  } catch {
    return unexpected(target, `HTTP status ${statusCode}`);
  }
}
