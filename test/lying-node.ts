/** A storage node that lies: a server with the node's own key, certificate, address and data, and answers of its own. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { serverTlsOptions } from '@holdfast/platform';
import type { Network } from './network.ts';
import { type ShardOnDisk, shardsOnDisk } from './node-disks.ts';

/** What the client asked for, and what an honest node would answer. */
export interface ShardRequest {
  readonly shard: ShardOnDisk;
  /** All shards of this node. */
  readonly all: readonly ShardOnDisk[];
  /** Of the range that was asked for. */
  readonly honest: Buffer;
  readonly start: number;
  /** Answers with these bytes as if they were the right ones: status, length and range fit them. */
  send(bytes: Buffer): void;
  readonly response: ServerResponse;
}

export type Lie = (request: ShardRequest) => void;

export interface LyingNode {
  /** Shards asked for so far. */
  readonly requests: number;
  stop(): Promise<void>;
}

/** Stops node `index` and answers in its place; `stop` ends that, and does not start the node again. */
export async function startLyingNode(network: Network, index: number, lie: Lie): Promise<LyingNode> {
  const { address, dataDir } = network.nodes[index]!;
  await network.stopNode(index);
  const server = new LyingServer(dataDir, network.mediator.caPem, lie);
  const [host, port] = address.split(':');
  await server.listen(host!, Number(port));
  return server;
}

/** The bytes of a shard as they lie on the disk. */
export const readShard = ({ path, lengthBytes }: ShardOnDisk): Buffer => readFileSync(path).subarray(0, lengthBytes);

class LyingServer implements LyingNode {
  requests = 0;
  readonly #dataDir: string;
  readonly #lie: Lie;
  readonly #server: Server;

  constructor(dataDir: string, caPem: string, lie: Lie) {
    this.#dataDir = dataDir;
    this.#lie = lie;
    const read = (name: string): string => readFileSync(join(dataDir, name), 'utf8');
    this.#server = createServer(
      serverTlsOptions({ certPem: read('tls.pem'), keyPem: read('tls.key'), caPem, requestClientCert: 'no' }),
      (request, response) => this.#answer(request, response),
    );
  }

  async listen(host: string, port: number): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const name = /^\/v1\/shards\/([0-9a-f]{64})\/(\d+)$/.exec(request.url ?? '');
    const { shards: all } = shardsOnDisk(this.#dataDir);
    const shard = all.find(({ packId, shardIndex }) => packId === name?.[1] && shardIndex === Number(name[2]));
    if (request.method !== 'GET' || shard === undefined) {
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end('{"code":"shard.unknown"}');
      return;
    }
    this.requests += 1;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    const end = range === null ? shard.lengthBytes : Number(range[2]) + 1;
    const send = (bytes: Buffer): void => {
      const contentRange = `bytes ${start}-${end - 1}/${shard.lengthBytes}`;
      response.writeHead(range === null ? 200 : 206, {
        'content-type': 'application/octet-stream',
        'content-length': bytes.length,
        ...(range === null ? {} : { 'content-range': contentRange }),
      });
      response.end(bytes);
    };
    this.#lie({ shard, all, honest: readShard(shard).subarray(start, end), start, send, response });
  }
}
