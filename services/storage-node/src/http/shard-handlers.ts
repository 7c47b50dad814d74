/** PUT, GET, HEAD and DELETE of shards. */
import type { OutgoingHttpHeaders } from 'node:http';
import type { Handlers } from '@holdfast/http-api/server';
import type { StorageNodeOperations } from '@holdfast/http-api';
import type { Clock, Logger } from '@holdfast/platform';
import {
  HEADERS,
  type HoldfastError,
  receipt,
  type SigningContext,
  type SigningKey,
  signMessage,
} from '@holdfast/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Access, checkScope } from '../grants/index.ts';
import type { ShardName, ShardStore } from '../shards/index.ts';
import { type TransferLimits, writePiece } from './transfer.ts';

export interface ShardHandlerOptions {
  readonly store: ShardStore;
  readonly nodeId: string;
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @throws HoldfastError when the request was not let in */
  readonly accessOf: (request: FastifyRequest) => Access;
  readonly limits: TransferLimits;
  readonly onBytes: (direction: 'in' | 'out', bytes: number) => void;
}

type ShardHandlers = Pick<Handlers<StorageNodeOperations>, 'putShard' | 'getShard' | 'headShard' | 'deleteShard'>;

interface ShardPlace {
  readonly packId: string;
  readonly shardIndex: number;
}

export function createShardHandlers(options: ShardHandlerOptions): ShardHandlers {
  const { store } = options;
  const allowed = (
    request: FastifyRequest,
    { packId, shardIndex }: ShardPlace,
  ): { access: Access; name: ShardName } => {
    const access = options.accessOf(request);
    checkScope(access.grant, packId);
    return { access, name: { clientId: access.grant.clientId, packId, shardIndex } };
  };

  return {
    async putShard({ params, request }) {
      const { access, name } = allowed(request, params);
      const lengthBytes = Number(request.raw.headers['content-length']);
      const { uploadId, quotaBytes, expiresAtMs } = access.grant;
      const stored = await store.put({
        name,
        uploadId,
        lengthBytes,
        root: access.contentRoot,
        quotaBytes,
        expiresAtMs,
        body: request.raw,
      });
      options.onBytes('in', lengthBytes);
      const { root, receivedAtMs } = stored;
      const body = { nodeId: options.nodeId, ...name, uploadId, lengthBytes, root, receivedAtMs };
      return { receipt: signMessage(receipt, options.signing, body, options.signingKey) };
    },

    async getShard({ params, request, reply }) {
      const { access, name } = allowed(request, params);
      await sendShard(options, { access, name, range: request.raw.headers.range, reply });
      return undefined as never;
    },

    async headShard({ params, request, reply }) {
      const { name } = allowed(request, params);
      const { lengthBytes, root } = await store.describe(name);
      reply.header('content-length', lengthBytes).header(HEADERS.root, root).header('accept-ranges', 'bytes');
      reply.type('application/octet-stream');
    },

    async deleteShard({ params, request }) {
      const { name } = allowed(request, params);
      await store.delete([name]);
    },
  };
}

interface SendShard {
  readonly access: Access;
  readonly name: ShardName;
  readonly range: string | undefined;
  readonly reply: FastifyReply;
}

async function sendShard(options: ShardHandlerOptions, { access, name, range, reply }: SendShard): Promise<void> {
  const { grant, grantHash } = access;
  const { quotaBytes, expiresAtMs } = grant;
  const reading = await options.store.read({ name, range, grantHash, quotaBytes, expiresAtMs });
  const { pieces, lengthBytes } = reading;
  const { start, end } = reading.range;
  options.limits.limit(reply.raw, end - start);
  try {
    // The first read comes before the first header: a damaged shard is then still answered as one.
    let next = await pieces.next();
    reply.hijack();
    const response = reply.raw;
    response.writeHead(range === undefined ? 200 : 206, {
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      'content-type': 'application/octet-stream',
      'content-length': end - start,
      'accept-ranges': 'bytes',
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${lengthBytes}` }),
    });
    try {
      while (!next.done && (await writePiece(response, next.value))) {
        options.onBytes('out', next.value.length);
        next = await pieces.next();
      }
      if (next.done) response.end();
    } catch (error) {
      options.logger.warn({ err: error, code: (error as HoldfastError).code }, 'a download was broken off');
      response.destroy();
    }
  } finally {
    options.limits.callOff(reply.raw);
    await pieces.return();
  }
}
