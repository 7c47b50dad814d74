/** Who a certificate speaks for: the one `holdfast:` URI among its subject alternative names. */
import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { PlatformError } from '../errors.ts';

const PUBLIC_KEY_HEX = /^[0-9a-f]{64}$/;
const URI_SCHEME = 'holdfast:';

/** `holdfast:mediator:<64 hex>`. @param publicKeyHex the Ed25519 key, 64 lower-case hex digits. */
export function mediatorUri(publicKeyHex: string): string {
  return `${URI_SCHEME}mediator:${checkedHex(publicKeyHex)}`;
}

/** `holdfast:node:<64 hex>`. @param publicKeyHex the Ed25519 key, 64 lower-case hex digits. */
export function nodeUri(publicKeyHex: string): string {
  return `${URI_SCHEME}node:${checkedHex(publicKeyHex)}`;
}

export interface UriParts {
  readonly role: 'mediator' | 'node';
  readonly publicKeyHex: string;
}

/** The parts of a URI made by `mediatorUri` or `nodeUri`; undefined for anything else. */
export function parseIdentityUri(uri: string): UriParts | undefined {
  const match = /^holdfast:(mediator|node):([0-9a-f]{64})$/.exec(uri);
  return match === null ? undefined : { role: match[1] as UriParts['role'], publicKeyHex: match[2]! };
}

function checkedHex(publicKeyHex: string): string {
  if (PUBLIC_KEY_HEX.test(publicKeyHex)) return publicKeyHex;
  throw new PlatformError(
    'tls.bad-argument',
    'A public key in a certificate must be 64 lower-case hex digits.',
    'Pass the Ed25519 public key as hex.',
  );
}

/** A certificate as PEM text, as DER, or as Node gives a peer's. */
export type CertificateLike = string | Uint8Array | X509Certificate | Pick<PeerCertificate, 'raw'>;

function derOf(certificate: CertificateLike): Uint8Array {
  if (certificate instanceof Uint8Array) return certificate;
  return typeof certificate === 'string' ? new X509Certificate(certificate).raw : certificate.raw;
}

/** SHA-256 of the DER, 64 lower-case hex digits. Of PEM text with several certificates, the first one's. */
export function certificateFingerprint(certificate: CertificateLike): string {
  return createHash('sha256').update(derOf(certificate)).digest('hex');
}

/**
 * The certificate's `holdfast:` URI. Null when there is none, more than one, or the names cannot be read: never a
 * guess.
 * This does not verify the certificate: see `peerIdentity`.
 */
export function certificateUri(certificate: CertificateLike): string | null {
  try {
    const parsed = certificate instanceof X509Certificate ? certificate : new X509Certificate(derOf(certificate));
    return onlyIdentityUri(urisIn(parsed.subjectAltName ?? ''));
  } catch {
    return null;
  }
}

/** The one `holdfast:` URI among them, or null. */
export function onlyIdentityUri(uris: readonly string[]): string | null {
  const ours = uris.filter((uri) => uri.startsWith(URI_SCHEME));
  return ours.length === 1 ? ours[0]! : null;
}

/**
 * The URIs in Node's text of the alternative names: `TYPE:value, TYPE:value`. Node writes a value as a JSON string when
 * it holds a comma, a quote or anything else that could pass for the text's own structure, so the text can be cut
 * without being fooled.
 */
function urisIn(text: string): string[] {
  const uris: string[] = [];
  const name = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(, |$)/y;
  while (name.lastIndex < text.length) {
    const match = name.exec(text);
    if (match === null) throw new TypeError('names that Node would not have written');
    const [, type, value = ''] = match;
    if (type === 'URI') uris.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return uris;
}

/**
 * Who is at the other end of a TLS connection: the URI of its certificate when that was verified against our CA,
 * else null (no certificate, a foreign CA, expired ...).
 */
export function peerIdentity(socket: TLSSocket): string | null {
  if (!socket.authorized) return null;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? null : certificateUri(certificate);
}
