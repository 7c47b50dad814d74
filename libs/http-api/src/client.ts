/** Typed clients over undici: the types come from openapi/, the errors from the catalogue. */
import { errorFromProblem, fail, HoldfastError } from '@holdfast/protocol';
import createClient, { type Client } from 'openapi-fetch';
import { type Dispatcher, fetch as undiciFetch } from 'undici';
import type { paths as MediatorPaths } from './mediator.gen.ts';
import type { paths as StorageNodePaths } from './storage-node.gen.ts';

export interface ApiOptions {
  /** `https://host:port` */
  readonly baseUrl: string;
  /** An undici Agent or Pool that pins the CA and checks the peer's URI name. */
  readonly dispatcher: Dispatcher;
  /** The session to send as a bearer token; read again for every request. */
  readonly session?: () => string | undefined;
  /** A request without an answer is given up after this long. Default 30,000. */
  readonly timeoutMs?: number;
}

export type MediatorApi = Client<MediatorPaths>;
export type StorageNodeApi = Client<StorageNodePaths>;

export const createMediatorApi = (options: ApiOptions): MediatorApi =>
  createApi<MediatorPaths>(options, 'The mediator');
export const createStorageNodeApi = (options: ApiOptions): StorageNodeApi =>
  createApi<StorageNodePaths>(options, 'The storage node');

function createApi<Paths extends {}>(options: ApiOptions, who: string): Client<Paths> {
  const client = createClient<Paths>({
    baseUrl: options.baseUrl,
    fetch: async (request: Request) => {
      const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
      try {
        const response = await undiciFetch(request.url, {
          method: request.method,
          headers: [...request.headers],
          ...(body === undefined ? {} : { body }),
          dispatcher: options.dispatcher,
          signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
          redirect: 'error',
        });
        return response;
      } catch (error) {
        throw unreachable(who, options.baseUrl, error);
      }
    },
  });
  client.use({
    onRequest({ request }) {
      const session = options.session?.();
      if (session !== undefined) request.headers.set('authorization', `Bearer ${session}`);
      return request;
    },
  });
  return client;
}

/** Turns what `fetch` or undici threw into the catalogue's error; errors of the catalogue pass through. */
export function unreachable(who: string, address: string, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const cause = (error as { cause?: unknown }).cause ?? error;
  if (cause instanceof HoldfastError) return cause;
  const detail = (cause as { code?: string }).code ?? (cause as Error).message ?? 'no answer';
  return fail('remote.unreachable', { who, address, detail }, error);
}

/**
 * The data of an answer, or the error that the other side sent.
 * @throws HoldfastError whatever the problem+json names; `remote.unexpected` for anything else
 */
export async function unwrap<Data>(
  answer: Promise<{ data?: Data; error?: unknown; response: Response }>,
  from = 'The mediator',
): Promise<Data> {
  const { data, error, response } = await answer;
  if (response.ok) return data as Data;
  throw errorFromProblem(error ?? { detail: `HTTP status ${response.status}` }, from);
}
