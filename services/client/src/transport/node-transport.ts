/** Signed requests to storage nodes over HTTPS. */
import { fail, HEADERS, openMessage, receipt, shardPath, shortId, toHex } from '@holdfast/protocol';
import type { Dispatcher } from 'undici';
import type { NodeTarget, NodeTransport, ShardName } from '../ports.ts';
import type { NodeDispatchers } from './dispatchers.ts';
import { type NodeRequest, problemOf, type SigningOptions, tryAddresses, unexpected } from './signed-request.ts';

export interface NodeTransportOptions extends SigningOptions {
  readonly dispatchers: NodeDispatchers;
}

/** Written to the socket at a time, so that TLS never buffers a whole shard. */
const SLICE_BYTES = 256 * 1024;
/** Anything but a shard that a node answers is shorter. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createNodeTransport(options: NodeTransportOptions): NodeTransport {
  const { signing } = options;
  const clientId = toHex(options.signingKey.publicKey);
  const send = (target: NodeTarget, request: NodeRequest): Promise<Dispatcher.ResponseData> =>
    sendSigned(options, target, request);
  const json = async (target: NodeTarget, request: NodeRequest): Promise<unknown> => {
    const answer = await send(target, request);
    const bytes = await readAnswer(target, answer);
    return bytes.length === 0 ? undefined : (JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown);
  };
  const vaultPath = (vaultId: string, what: string): string => `/v1/vaults/${vaultId}/${what}`;

  return {
    async putShard(target, shard, signal) {
      const answer = await json(target, {
        method: 'PUT',
        path: shardPath(shard.packId, shard.shardIndex),
        headers: { 'content-type': 'application/octet-stream', [HEADERS.root]: shard.root },
        body: shard.body,
        contentRoot: shard.root,
        signal,
      });
      const token = stringField(target, answer, 'receipt');
      const body = openMessage(receipt, signing, token);
      const expected = { nodeId: target.nodeId, clientId, uploadId: shard.uploadId, ...nameOf(shard) };
      const right =
        Object.entries(expected).every(([name, value]) => body[name as keyof typeof body] === value) &&
        body.lengthBytes === shard.body.length &&
        body.root === shard.root;
      if (!right) throw fail('receipt.wrong-shard', { nodeId: shortId(target.nodeId) });
      return token;
    },

    async getShard(target, shard, lengthBytes, { range, into, signal } = {}) {
      const wanted = range ?? { offset: 0, lengthBytes };
      const headers =
        range === undefined ? {} : { range: `bytes=${range.offset}-${range.offset + range.lengthBytes - 1}` };
      const path = shardPath(shard.packId, shard.shardIndex);
      const place = into ?? new Uint8Array(wanted.lengthBytes);
      const request: NodeRequest = { method: 'GET', path, headers, signal };
      const answer = await send(target, request);
      checkRange(
        target,
        answer,
        range === undefined ? undefined : `${headers.range?.replace('=', ' ')}/${lengthBytes}`,
      );
      await readInto(target, answer, place);
      return place;
    },

    async headShard(target, shard, signal) {
      const answer = await send(target, { method: 'HEAD', path: shardPath(shard.packId, shard.shardIndex), signal });
      await answer.body.dump();
      const root = header(answer, HEADERS.root);
      const lengthBytes = Number(header(answer, 'content-length'));
      if (root === undefined || !Number.isSafeInteger(lengthBytes)) throw unexpected(target, 'no root and length');
      return { root, lengthBytes };
    },

    async putHeadCopy(target, vaultId, head, signal) {
      await json(target, { method: 'PUT', path: vaultPath(vaultId, 'head'), ...jsonBody({ head }), signal });
    },
    async getHeadCopy(target, vaultId, signal) {
      return stringField(
        target,
        await json(target, { method: 'GET', path: vaultPath(vaultId, 'head'), signal }),
        'head',
      );
    },
    async addShardMaps(target, vaultId, commits, signal) {
      await json(target, { method: 'POST', path: vaultPath(vaultId, 'shard-maps'), ...jsonBody({ commits }), signal });
    },
    async listShardMaps(target, vaultId, after, signal) {
      const query = after === undefined ? '' : `?after=${after}`;
      const answer = await json(target, { method: 'GET', path: `${vaultPath(vaultId, 'shard-maps')}${query}`, signal });
      const { commits } = (answer ?? {}) as { commits?: unknown };
      if (!Array.isArray(commits) || !commits.every((commit) => typeof commit === 'string')) {
        throw unexpected(target, 'no list of shard maps');
      }
      return commits;
    },
    close: () => options.dispatchers.close(),
  };
}

const nameOf = ({ packId, shardIndex }: ShardName): ShardName => ({ packId, shardIndex });

const jsonBody = (value: unknown): { body: Uint8Array; headers: Record<string, string> } => ({
  body: Buffer.from(JSON.stringify(value)),
  headers: { 'content-type': 'application/json' },
});

/** Sends the request with undici, and gives back a good answer. */
function sendSigned(
  options: NodeTransportOptions,
  target: NodeTarget,
  request: NodeRequest,
): Promise<Dispatcher.ResponseData> {
  const { body } = request;
  return tryAddresses(options, target, request, async (address, headers) => {
    const answer = await options.dispatchers.get(target.nodeId).request({
      origin: `https://${address}`,
      path: request.path,
      method: request.method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(body.length) }) },
      ...(body === undefined ? {} : { body: slicesOf(body) as unknown as Buffer }),
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    });
    if (answer.statusCode < 300) return answer;
    throw problemOf(target, answer.statusCode, await readAnswer(target, answer));
  });
}

/** Pieces of a body: undici waits for the socket to drain between them. */
async function* slicesOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += SLICE_BYTES) yield body.subarray(at, at + SLICE_BYTES);
}

async function readAnswer(target: NodeTarget, answer: Dispatcher.ResponseData): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer.body as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_ANSWER_BYTES) throw unexpected(target, `an answer of more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

async function readInto(target: NodeTarget, answer: Dispatcher.ResponseData, place: Uint8Array): Promise<void> {
  let length = 0;
  for await (const piece of answer.body as AsyncIterable<Buffer>) {
    if (length + piece.length > place.length) throw unexpected(target, `more than the ${place.length} bytes asked for`);
    place.set(piece, length);
    length += piece.length;
  }
  if (length !== place.length) throw unexpected(target, `${length} of the ${place.length} bytes asked for`);
}

/** A ranged request must be answered by exactly that range of a shard of exactly that length. */
function checkRange(target: NodeTarget, answer: Dispatcher.ResponseData, expected: string | undefined): void {
  const got = header(answer, 'content-range');
  const right = expected === undefined ? answer.statusCode === 200 : answer.statusCode === 206 && got === expected;
  if (right) return;
  answer.body.destroy();
  throw unexpected(target, `the range ${got ?? 'of the whole shard'} instead of ${expected ?? 'the whole shard'}`);
}

function header(answer: Dispatcher.ResponseData, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function stringField(target: NodeTarget, answer: unknown, name: string): string {
  const value = (answer as Record<string, unknown> | undefined)?.[name];
  if (typeof value !== 'string') throw unexpected(target, `no ${name}`);
  return value;
}
