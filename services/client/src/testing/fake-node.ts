/** A storage node for the client's tests: real HTTPS, grants and receipts; shards in memory, and faults on demand. */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { shardTree } from '@holdfast/codec';
import { type CertificateAuthority, createTlsKeyPair, issueCertificate, serverTlsOptions } from '@holdfast/platform';
import {
  createSigningKey,
  fail,
  grant,
  HEADERS,
  HoldfastError,
  messageHash,
  nodeUri,
  openMessage,
  packCommit,
  receipt,
  signedRequest,
  type SigningContext,
  signMessage,
  toHex,
} from '@holdfast/protocol';

export interface FakeNodeOptions {
  readonly authority: CertificateAuthority;
  readonly signing: SigningContext;
  /** 32 bytes. */
  readonly seed: Uint8Array;
  readonly nowMs: () => number;
  readonly host?: string;
  /** Takes shards without hashing or keeping them: for measuring the client alone. */
  readonly isSink?: boolean;
}

/** Throw a HoldfastError to answer with it; return bytes to serve those instead; `hang` never answers. */
export type Fault = (request: { method: string; path: string }, shard?: Uint8Array) => void | Uint8Array | 'hang';

interface StoredShard {
  readonly bytes: Uint8Array;
  readonly root: string;
}

export class FakeNode {
  readonly nodeId: string;
  readonly shards = new Map<string, StoredShard>();
  readonly maps = new Set<string>();
  head: string | undefined;
  /** Bytes of shards that came in, also of those that came again. */
  receivedBytes = 0;
  putCount = 0;
  fault: Fault | undefined;
  readonly #options: FakeNodeOptions;
  readonly #key;
  #server: Server | undefined;
  #port = 0;

  constructor(options: FakeNodeOptions) {
    this.#options = options;
    this.#key = createSigningKey(options.seed);
    this.nodeId = toHex(this.#key.publicKey);
  }

  get address(): string {
    return `${this.#options.host ?? '127.0.0.1'}:${this.#port}`;
  }

  async start(): Promise<void> {
    const { authority, host = '127.0.0.1' } = this.#options;
    const keys = await createTlsKeyPair();
    const certPem = await issueCertificate(authority, {
      subjectUri: nodeUri(this.nodeId),
      publicKeyPem: keys.publicKeyPem,
      notBeforeMs: this.#options.nowMs() - 3_600_000,
      notAfterMs: this.#options.nowMs() + 86_400_000,
    });
    const identity = {
      certPem,
      keyPem: keys.privateKeyPem,
      caPem: authority.certPem,
      requestClientCert: 'no',
    } as const;
    this.#server = createServer(serverTlsOptions(identity), (request, response) => void this.#serve(request, response));
    // As real nodes: longer than clients keep connections.
    this.#server.keepAliveTimeout = 72_000;
    await new Promise<void>((resolve) => this.#server!.listen(this.#port, host, resolve));
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** Refuses connections until `start`; the port and the shards stay. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /** Keeps what it has now. The function that it returns puts that back, ends the fault, and starts the node if it was stopped. */
  remember(): () => Promise<void> {
    const [shards, maps, head] = [[...this.shards], [...this.maps], this.head];
    return async () => {
      this.shards.clear();
      for (const [name, shard] of shards) this.shards.set(name, shard);
      this.maps.clear();
      for (const map of maps) this.maps.add(map);
      this.head = head;
      this.fault = undefined;
      if (this.#server !== undefined) return;
      // Somebody else may have its port by now.
      this.#port = 0;
      await this.start();
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#answer(request);
      if (answer === 'hang') return;
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch (error) {
      const known = error instanceof HoldfastError ? error : fail('internal.unexpected', { incident: String(error) });
      request.resume();
      const problem = Buffer.from(JSON.stringify(known.toProblem()));
      const headers = { 'content-type': 'application/problem+json', 'content-length': String(problem.length) };
      response.writeHead(known.httpStatus, headers).end(problem);
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer | 'hang'> {
    const path = request.url!;
    const method = request.method!;
    const allowed = this.#check(request);
    const shard = /^\/v1\/shards\/([0-9a-f]{64})\/(\d+)$/.exec(path);
    const name = shard === null ? '' : `${shard[1]}/${shard[2]}`;
    const faulty = this.fault?.({ method, path }, this.shards.get(name)?.bytes);
    if (faulty === 'hang') return 'hang';
    if (shard !== null && method === 'PUT') return this.#put(request, shard[1]!, Number(shard[2]), allowed);
    if (shard !== null) {
      const stored = this.shards.get(name);
      if (stored === undefined) throw fail('shard.unknown');
      return get(request, method, faulty instanceof Uint8Array ? faulty : stored.bytes, stored.root);
    }
    if (path.includes('/shard-maps') && method === 'GET') return json({ commits: this.#listMaps(path) });
    const body = JSON.parse((await readBody(request)).toString('utf8') || '{}') as {
      head?: string;
      commits?: string[];
    };
    if (path.endsWith('/head') && method === 'PUT') this.head = body.head;
    else if (path.endsWith('/head')) return json({ head: this.head });
    else for (const commit of body.commits ?? []) this.maps.add(commit);
    return { status: 204, headers: {}, body: undefined };
  }

  #listMaps(path: string): string[] {
    const after = /after=([0-9a-f]{64})/.exec(path)?.[1] ?? '';
    const byId = new Map(
      [...this.maps].map((map) => [openMessage(packCommit, this.#options.signing, map).packId, map]),
    );
    return [...byId]
      .filter(([packId]) => packId > after)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, map]) => map)
      .slice(0, 1000);
  }

  #check(request: IncomingMessage): { clientId: string; uploadId: string } {
    const { signing, nowMs } = this.#options;
    const token = request.headers[HEADERS.grant] as string;
    const allowed = openMessage(grant, signing, token);
    const signed = openMessage(signedRequest, signing, request.headers[HEADERS.request] as string);
    if (allowed.nodeId !== this.nodeId || signed.nodeId !== this.nodeId) throw fail('grant.wrong-node');
    if (signed.grantHash !== messageHash(token)) throw fail('request.mismatch', { field: 'grantHash' });
    if (signed.path !== request.url || signed.method !== request.method) {
      throw fail('request.mismatch', { field: 'path' });
    }
    if (Number(request.headers['content-length'] ?? 0) !== signed.contentLength) {
      throw fail('request.mismatch', { field: 'contentLength' });
    }
    if (allowed.expiresAtMs <= nowMs()) throw fail('grant.expired', { expiredAt: String(allowed.expiresAtMs) });
    return allowed;
  }

  async #put(
    request: IncomingMessage,
    packId: string,
    shardIndex: number,
    { clientId, uploadId }: { clientId: string; uploadId: string },
  ): Promise<Answer> {
    const said = request.headers[HEADERS.root] as string;
    const lengthBytes = Number(request.headers['content-length']);
    if (this.#options.isSink) {
      for await (const piece of request as AsyncIterable<Buffer>) this.receivedBytes += piece.length;
    } else {
      const bytes = await readBody(request);
      this.receivedBytes += bytes.length;
      const root = toHex(shardTree(bytes).root);
      if (root !== said) throw fail('shard.root-mismatch');
      this.shards.set(`${packId}/${shardIndex}`, { bytes, root });
    }
    this.putCount += 1;
    const { nodeId } = this;
    const receivedAtMs = this.#options.nowMs();
    const body = { nodeId, clientId, uploadId, packId, shardIndex, lengthBytes, root: said, receivedAtMs };
    return json({ receipt: signMessage(receipt, this.#options.signing, body, this.#key) }, 201);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array | string | undefined;
}

const json = (value: unknown, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

function get(request: IncomingMessage, method: string, bytes: Uint8Array, root: string): Answer {
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (range === null) {
    const headers = { [HEADERS.root]: root, 'content-length': String(bytes.length) };
    return { status: 200, headers, body: method === 'HEAD' ? undefined : bytes };
  }
  const part = bytes.subarray(Number(range[1]), Number(range[2]) + 1);
  const headers = {
    'content-range': `bytes ${range[1]}-${range[2]}/${bytes.length}`,
    'content-length': String(part.length),
  };
  return { status: 206, headers, body: part };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}
