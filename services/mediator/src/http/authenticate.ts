/** Who asks: a session's holder by its bearer token, a node by its TLS certificate. */
import type { TLSSocket } from 'node:tls';
import { certificateFingerprint, type Clock, parseIdentityUri, peerIdentity } from '@holdfast/platform';
import { fail, type Role } from '@holdfast/protocol';
import type { FastifyRequest } from 'fastify';
import type { Accounts, Session } from '../accounts/index.ts';
import type { NodeStore } from '../nodes/index.ts';

const sessionOf = new WeakMap<FastifyRequest, Session>();
const nodeOf = new WeakMap<FastifyRequest, string>();
/** A connection's certificate is read once. */
const shownBy = new WeakMap<TLSSocket, { nodeId: string; fingerprint: string } | null>();

export interface AuthenticateOptions {
  readonly accounts: Accounts;
  readonly nodes: NodeStore;
  /** Certificates live by the machine's clock. */
  readonly certificateClock: Clock;
}

/** For the security schemes of the contract. */
export function createAuthentication({ accounts, nodes, certificateClock }: AuthenticateOptions) {
  return {
    session: async (request: FastifyRequest): Promise<string> => {
      const session = await accounts.authenticate(request.headers.authorization);
      sessionOf.set(request, session);
      return session.publicKey;
    },
    nodeCertificate: async (request: FastifyRequest): Promise<string> => {
      const shown = certificateOf(request.raw.socket as TLSSocket);
      if (shown === null) throw fail('auth.certificate-required');
      const known = await nodes.findCertificate(shown.fingerprint, certificateClock.nowMs());
      if (known?.nodeId !== shown.nodeId) throw fail('auth.certificate-required');
      nodeOf.set(request, shown.nodeId);
      return shown.nodeId;
    },
  };
}

function certificateOf(socket: TLSSocket): { nodeId: string; fingerprint: string } | null {
  const known = shownBy.get(socket);
  if (known !== undefined) return known;
  const identity = parseIdentityUri(peerIdentity(socket) ?? '');
  const certificate = socket.getPeerX509Certificate();
  const shown =
    identity?.role === 'node' && certificate !== undefined
      ? { nodeId: identity.publicKeyHex, fingerprint: certificateFingerprint(certificate) }
      : null;
  shownBy.set(socket, shown);
  return shown;
}

/** The certificate that a node showed on this connection, after it was found to be in force. @throws HoldfastError `auth.certificate-required` */
export function certificateShown(request: FastifyRequest): { nodeId: string; fingerprint: string } {
  const shown = shownBy.get(request.raw.socket as TLSSocket);
  if (shown === undefined || shown === null || shown.nodeId !== callingNode(request)) {
    throw fail('auth.certificate-required');
  }
  return shown;
}

/** The signed-in party, which must have that role. @throws HoldfastError `auth.required` */
export function callerAs(request: FastifyRequest, role: Role): string {
  const session = sessionOf.get(request);
  if (session?.role !== role) throw fail('auth.required', { role });
  return session.publicKey;
}

/** The signed-in party, whatever its role. @throws HoldfastError `auth.required` */
export function viewerOf(request: FastifyRequest): Session {
  const session = sessionOf.get(request);
  if (session === undefined) throw fail('auth.required', { role: 'client' });
  return session;
}

/** The node whose certificate was shown. @throws HoldfastError `auth.certificate-required` */
export function callingNode(request: FastifyRequest): string {
  const nodeId = nodeOf.get(request);
  if (nodeId === undefined) throw fail('auth.certificate-required');
  return nodeId;
}
