/** JSON-RPC to the node: who we are, time limits, size limits, and which failures leave open what the node did. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText } from '@holdfast/platform';
import { fail, type HoldfastError } from '@holdfast/protocol';
import { Agent } from 'undici';
import { parseExactly } from './amounts.ts';

export interface RpcOptions {
  /** `http://user:password@host:port/`, or without user and password beside a cookie file. */
  readonly url: string;
  readonly cookieFile?: string;
  /** For an ordinary call. Default 30 s. */
  readonly timeoutMs?: number;
  /** The most that one answer may hold. Default 256 MiB: the whole history of a busy wallet. */
  readonly maxAnswerBytes?: number;
}

export interface CallOptions {
  readonly wallet?: string;
  readonly timeoutMs?: number;
  /** It changes something: it is sent once. */
  readonly isWrite?: boolean;
}

export interface Rpc {
  /** @throws RpcError when the node answers that it cannot; HoldfastError `rail.away` when it does not answer */
  call<T>(method: string, params?: readonly unknown[], options?: CallOptions): Promise<T>;
  /** Each result, or the error in its place. */
  batch<T>(calls: readonly BatchCall[], options?: CallOptions): Promise<(T | RpcError)[]>;
  close(): Promise<void>;
}

export interface BatchCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** The node understood and said no. */
export class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'RpcError';
    this.code = code;
  }
}

/** Numbers from Bitcoin Core's rpc/protocol.h. */
export const RPC = {
  invalidAddressOrKey: -5,
  invalidParameter: -8,
  walletNotFound: -18,
  verifyError: -25,
  verifyRejected: -26,
  alreadyInChain: -27,
  inWarmup: -28,
  walletAlreadyLoaded: -35,
  walletAlreadyExists: -36,
  deserialization: -22,
  walletError: -4,
  methodNotFound: -32_601,
} as const;

const TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const BATCH_SIZE = 200;
const CONNECTIONS = 4;
/** The node closes a connection that was idle for 30 s. */
const KEEP_ALIVE_MS = 10_000;
const RETRY_AFTER_MS = [50, 500];

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown } | null;
}

export function createRpc(options: RpcOptions): Rpc {
  const url = new URL(options.url);
  const inUrl = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const maxAnswerBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;

  /** The node writes a new cookie at each start, so it is read anew each time. */
  const credentials = async (): Promise<string> => {
    if (options.cookieFile === undefined) return inUrl;
    return readFile(options.cookieFile, 'utf8').then(
      (text) => text.trim(),
      (error: unknown) => {
        throw away(`its cookie cannot be read: ${errorText(error)}`, error);
      },
    );
  };

  const post = async (body: string, { wallet, timeoutMs = options.timeoutMs ?? TIMEOUT_MS }: CallOptions) => {
    const authorization = `Basic ${Buffer.from(await credentials()).toString('base64')}`;
    const base = url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`;
    const answer = await agent.request({
      origin: url.origin,
      path: wallet === undefined ? base : `${base}wallet/${encodeURIComponent(wallet)}`,
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > maxAnswerBytes) throw away(`its answer is larger than ${maxAnswerBytes} bytes`);
      pieces.push(piece);
    }
    return { status: answer.statusCode, text: Buffer.concat(pieces).toString('utf8') };
  };

  const exchange = async (body: string, call: CallOptions): Promise<unknown> => {
    const { status, text } = await post(body, call);
    if (status === 401) throw away('it does not accept our user name and password, or the cookie');
    if (status === 403) throw away('it does not let this machine, or this user, call it (rpcallowip, rpcwhitelist)');
    try {
      return parseExactly(text);
    } catch (error) {
      throw away(`it answered with HTTP status ${status}: ${text.slice(0, 100)}`, error);
    }
  };

  const send = async (body: string, call: CallOptions): Promise<unknown> => {
    for (let tries = 0; ; tries++) {
      try {
        return await exchange(body, call);
      } catch (error) {
        const waitMs = RETRY_AFTER_MS[tries];
        const isLate = (error as Partial<Error>).name === 'TimeoutError';
        if (call.isWrite === true || waitMs === undefined || isLate) {
          throw isAway(error) ? error : away(isLate ? 'no answer in time' : reasonOf(error), error);
        }
        await sleep(waitMs);
      }
    }
  };

  return {
    async call<T>(method: string, params: readonly unknown[] = [], call: CallOptions = {}): Promise<T> {
      const result = resultOf((await send(JSON.stringify({ id: 0, method, params }), call)) as Answer);
      if (result instanceof RpcError) throw result;
      return result as T;
    },
    async batch<T>(calls: readonly BatchCall[], options: CallOptions = {}): Promise<(T | RpcError)[]> {
      const results: (T | RpcError)[] = [];
      for (let start = 0; start < calls.length; start += BATCH_SIZE) {
        const part = calls.slice(start, start + BATCH_SIZE);
        const answers = await send(JSON.stringify(part.map((call, id) => ({ id, ...call }))), options);
        const byId = new Map(Array.isArray(answers) ? (answers as Answer[]).map((answer) => [answer.id, answer]) : []);
        // While it starts, it answers a whole batch with one error.
        results.push(...part.map((_, id) => resultOf(byId.get(id) ?? (answers as Answer)) as T | RpcError));
      }
      return results;
    },
    close: () => agent.destroy(),
  };
}

function resultOf(answer: Answer | null): unknown {
  if (answer?.error == null) {
    if (answer === null || answer.result === undefined) throw away('its answer is not one of a Bitcoin node');
    return answer.result;
  }
  const code = Number(answer.error.code);
  const message = String(answer.error.message).slice(0, 300);
  if (code === RPC.inWarmup) throw away(`it is still starting: ${message}`);
  return new RpcError(code, message);
}

const away = (detail: string, cause?: unknown): HoldfastError => fail('rail.away', { detail }, cause);
const isAway = (error: unknown): boolean => (error as Partial<HoldfastError>).code === 'rail.away';

/** Undici tells some failures of a connection only in the cause. */
const reasonOf = (error: unknown): string =>
  errorText(error) || errorText((error as { readonly cause?: unknown }).cause) || 'the connection failed';
