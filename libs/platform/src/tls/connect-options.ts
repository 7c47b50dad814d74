/** TLS options for both ends: TLS 1.3 only, one CA, and the peer's URI instead of its host name. */
import { createHash } from 'node:crypto';
import type { ConnectionOptions, PeerCertificate, TlsOptions } from 'node:tls';
import { PlatformError } from '../errors.ts';
import { certificateUri } from './identity.ts';

export interface PinnedConnection {
  readonly caPem: string;
  /** Who must be there: `nodeUri(…)` or `mediatorUri(…)`. */
  readonly expectUri: string;
  /** Our own certificate, where the other side asks for one. */
  readonly certPem?: string;
  readonly keyPem?: string;
}

export type PinnedConnectOptions = Required<
  Pick<ConnectionOptions, 'ca' | 'checkServerIdentity' | 'ciphers' | 'minVersion' | 'servername' | 'rejectUnauthorized'>
> &
  Pick<ConnectionOptions, 'cert' | 'key'>;

/** All of TLS 1.3, the quickest first. The same for everybody: a node must not know by them who reads. */
const CIPHERS = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';

/**
 * For `tls.connect`, `https.Agent`, `ws` and undici's `new Agent({ connect })`. The certificate must come from that CA,
 * be valid now, be meant for servers, and carry exactly that URI; the host name is not looked at. A wrong peer ends the
 * handshake with `tls.wrong-peer` (undici: as the error's `cause` or itself); a wrong CA with OpenSSL's code.
 * Make one Agent per peer. The server name is derived from the URI and not from the host, because Node keeps TLS
 * sessions by server name and does not look at the identity again when it resumes one.
 */
export function pinnedConnectOptions(pinned: PinnedConnection): PinnedConnectOptions {
  return {
    ca: pinned.caPem,
    ciphers: CIPHERS,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    servername: serverNameFor(pinned.expectUri),
    checkServerIdentity: (_host, certificate) => identityError(certificate, pinned.expectUri),
    ...(pinned.certPem !== undefined && { cert: pinned.certPem }),
    ...(pinned.keyPem !== undefined && { key: pinned.keyPem }),
  };
}

function identityError(certificate: PeerCertificate, expectUri: string): PlatformError | undefined {
  const uri = certificateUri(certificate);
  if (uri === expectUri) return undefined;
  return new PlatformError(
    'tls.wrong-peer',
    `${uri ?? 'A server without a name of ours'} answers where ${expectUri} should.`,
    'Check the address, and the network between.',
  );
}

/** A DNS name that is nobody's (RFC 6761), one per URI. */
function serverNameFor(uri: string): string {
  return `h${createHash('sha256').update(uri).digest('hex').slice(0, 40)}.holdfast.invalid`;
}

export interface ServerIdentity {
  /** The leaf. */
  readonly certPem: string;
  readonly keyPem: string;
  /**
   * Sent after the leaf, so that a newcomer can check its fingerprint; also what clients' certificates are checked
   * against.
   */
  readonly caPem: string;
  /**
   * `no`: clients are not asked. `optional`: asked, but let in without: use `peerIdentity(socket)` on each request,
   * which is null for a missing or foreign certificate. `required`: a client without a certificate of this CA cannot
   * connect.
   */
  readonly requestClientCert: 'no' | 'optional' | 'required';
}

export type ServerTlsOptions = Required<
  Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'minVersion' | 'requestCert' | 'rejectUnauthorized'>
>;

/**
 * For `https.createServer`, `tls.createServer` and fastify's `https`; also for `server.setSecureContext` when a
 * certificate is renewed.
 */
export function serverTlsOptions(identity: ServerIdentity): ServerTlsOptions {
  return {
    cert: `${identity.certPem.trimEnd()}\n${identity.caPem}`,
    key: identity.keyPem,
    ca: identity.caPem,
    minVersion: 'TLSv1.3',
    requestCert: identity.requestClientCert !== 'no',
    rejectUnauthorized: identity.requestClientCert === 'required',
  };
}
