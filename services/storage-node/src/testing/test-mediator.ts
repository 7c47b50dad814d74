/** A mediator for tests: CA, registrations, orders and losses in memory; signs grants. Serves itself over HTTPS on request. */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  type CertificateAuthority,
  certificateFingerprint,
  checkCsr,
  createCertificateAuthority,
  createTlsKeyPair,
  issueCertificate,
  mediatorUri,
  parseIdentityUri,
  peerIdentity,
  serverTlsOptions,
  systemClock,
} from '@holdfast/platform';
import {
  createSigningKey,
  fail,
  formatMediatorAddress,
  grant,
  HoldfastError,
  type NodeFigures,
  nodeRegistration,
  openMessage,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
  type UncommittedBytes,
} from '@holdfast/protocol';
import type { Grant } from '../grants/index.ts';
import type { Order } from '../orders/index.ts';
import { type LinkServer, serveLink } from './test-link.ts';
import type { IssuedCertificate, ReachabilityReport } from '../registration/index.ts';
import type { ShardName } from '../shards/index.ts';

type Registration = typeof nodeRegistration extends { body: { read(reader: never): infer Body } } ? Body : never;
/** An order before it has its number. */
export type NewOrder = Order extends infer O ? (O extends Order ? Omit<O, 'order'> : never) : never;

/** What a node says of itself. */
export type NodeState = NodeFigures & { readonly version: string };

export interface FakeMediator {
  readonly authority: CertificateAuthority;
  readonly signing: SigningContext;
  readonly mediatorId: string;
  readonly key: SigningKey;
  readonly registrations: Registration[];
  readonly heartbeats: NodeState[];
  readonly losses: ShardName[];
  /** What nodes said lay there of discarded uploads. */
  readonly uncommitted: UncommittedBytes[];
  readonly reachabilityCalls: () => number;
  /** What calls of the node answer with instead, while set. */
  failure: HoldfastError | undefined;
  /** Reports of losses, and of what uploads left, fail while set. */
  failLosses: boolean;
  /** Orders are answered newest first, while set. */
  answerBackwards: boolean;
  reachable: boolean;
  /** While it listens. */
  link: LinkServer | undefined;
  /** Validity of the certificates issued. Default 90 days. */
  certificateMs: number;
  addOrder(order: NewOrder): number;
  grant(fields: Partial<Grant> & Pick<Grant, 'verb' | 'clientId' | 'nodeId'>): string;
  // the node's side, as if over the wire
  register(request: { registration: string; csrPem: string }): Promise<IssuedCertificate>;
  heartbeat(nodeId: string, state: NodeState): Promise<readonly Order[]>;
  reportLosses(nodeId: string, shards: readonly ShardName[]): Promise<void>;
  noteUncommitted(nodeId: string, uncommitted: readonly UncommittedBytes[]): Promise<void>;
  checkReachability(nodeId: string): Promise<ReachabilityReport>;
  /** Forgets every node, as a restored database might. */
  forgetNodes(): void;
  /** Serves over HTTPS; the result is its `holdfast://` address. */
  listen(port?: number): Promise<string>;
  /** Ends serving; its memory stays. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

export async function createFakeMediator(
  nowMs: () => number = () => systemClock.nowMs(),
  seed: Uint8Array = new Uint8Array(32).fill(42),
): Promise<FakeMediator> {
  const key = createSigningKey(seed);
  const mediatorId = toHex(key.publicKey);
  const signing: SigningContext = { network: 'regtest', mediatorId };
  const authority = await createCertificateAuthority({
    name: 'test',
    mediatorPublicKeyHex: mediatorId,
    nowMs: nowMs(),
  });
  const known = new Set<string>();
  const orders: Order[] = [];
  let reachabilityCalls = 0;
  let server: Server | undefined;

  const issue = (subjectUri: string, publicKeyPem: string, forMs: number): Promise<string> =>
    issueCertificate(authority, {
      subjectUri,
      publicKeyPem,
      notBeforeMs: nowMs() - 60_000,
      notAfterMs: nowMs() + forMs,
    });
  const checkKnown = (nodeId: string): void => {
    if (mediator.failure !== undefined) throw mediator.failure;
    if (!known.has(nodeId)) throw fail('node.unknown', { nodeId });
  };

  const mediator: FakeMediator = {
    authority,
    signing,
    mediatorId,
    key,
    registrations: [],
    heartbeats: [],
    losses: [],
    uncommitted: [],
    reachabilityCalls: () => reachabilityCalls,
    failure: undefined,
    failLosses: false,
    answerBackwards: false,
    reachable: true,
    link: undefined,
    certificateMs: 90 * DAY_MS,
    addOrder(order) {
      orders.push({ ...order, order: orders.length + 1 });
      return orders.length;
    },
    grant: (fields) =>
      signMessage(
        grant,
        signing,
        {
          holder: fields.clientId,
          uploadId: '0'.repeat(32),
          packIds: [],
          quotaBytes: 1 << 30,
          issuedAtMs: nowMs(),
          expiresAtMs: nowMs() + 3_600_000,
          ...fields,
        },
        key,
      ),
    async register({ registration, csrPem }) {
      if (mediator.failure !== undefined) throw mediator.failure;
      const body = openMessage(nodeRegistration, signing, registration);
      const { uri, publicKeyPem } = await checkCsr(csrPem);
      const der = Buffer.from(csrPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
      if (createHash('sha256').update(der).digest('hex') !== body.csrHash) {
        throw fail('node.bad-registration', { detail: 'the request is another.' });
      }
      if (parseIdentityUri(uri)?.publicKeyHex !== body.nodeId) {
        throw fail('node.bad-registration', { detail: 'it is for somebody else.' });
      }
      known.add(body.nodeId);
      mediator.registrations.push(body);
      return { certificatePem: await issue(uri, publicKeyPem, mediator.certificateMs), caPem: authority.certPem };
    },
    async heartbeat(nodeId, state) {
      checkKnown(nodeId);
      mediator.heartbeats.push(state);
      const next = orders.filter(({ order }) => order > state.carriedOutOrder).slice(0, 1000);
      return mediator.answerBackwards ? next.toReversed() : next;
    },
    async reportLosses(nodeId, shards) {
      checkKnown(nodeId);
      if (mediator.failLosses) throw fail('database.unavailable');
      mediator.losses.push(...shards);
    },
    async noteUncommitted(nodeId, uncommitted) {
      checkKnown(nodeId);
      if (mediator.failLosses) throw fail('database.unavailable');
      mediator.uncommitted.push(...uncommitted);
    },
    async checkReachability(nodeId) {
      checkKnown(nodeId);
      reachabilityCalls += 1;
      return { reachable: mediator.reachable, addresses: [{ address: 'somewhere', reachable: mediator.reachable }] };
    },
    forgetNodes: () => known.clear(),
    async listen(port = 0) {
      const tlsKey = await createTlsKeyPair();
      const certPem = await issue(mediatorUri(mediatorId), tlsKey.publicKeyPem, DAY_MS);
      server = createServer({
        ...serverTlsOptions({
          certPem,
          keyPem: tlsKey.privateKeyPem,
          caPem: authority.certPem,
          requestClientCert: 'optional',
        }),
      });
      mediator.link = serveLink(server, mediator);
      server.on('request', (request, response) => {
        void answer(mediator, request).then(
          ({ status, body }) => response.writeHead(status, { 'content-type': typeOf(status) }).end(body),
          (error: unknown) => response.destroy(error as Error),
        );
      });
      await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
      const address = server.address() as AddressInfo;
      const caFingerprint = certificateFingerprint(authority.certPem);
      return formatMediatorAddress({ host: '127.0.0.1', port: address.port, caFingerprint });
    },
    async close() {
      const closing = server;
      server = undefined;
      mediator.link?.close();
      closing?.closeAllConnections();
      await new Promise<void>((resolve) => (closing === undefined ? resolve() : closing.close(() => resolve())));
    },
  };
  return mediator;
}

const typeOf = (status: number): string => (status < 400 ? 'application/json' : 'application/problem+json');

async function answer(
  mediator: FakeMediator,
  request: { method?: string | undefined; url?: string | undefined; socket: unknown } & AsyncIterable<Buffer>,
): Promise<{ status: number; body: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const json = (text === '' ? {} : JSON.parse(text)) as Record<string, never>;
  try {
    const uri = peerIdentity(request.socket as TLSSocket);
    const identity = uri === null ? undefined : parseIdentityUri(uri);
    if (request.url === '/v1/nodes') {
      return { status: 201, body: JSON.stringify({ ...(await mediator.register(json as never)), expiresAtMs: 0 }) };
    }
    if (identity?.role !== 'node') throw fail('auth.certificate-required');
    const nodeId = identity.publicKeyHex;
    if (request.url === '/v1/node/reachability') {
      return { status: 200, body: JSON.stringify(await mediator.checkReachability(nodeId)) };
    }
    throw fail('input.unknown-route', { method: request.method ?? '', path: request.url ?? '' });
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { status: error.httpStatus, body: JSON.stringify(error.toProblem()) };
  }
}
