/** First contact: get a mediator's CA from the mediator itself, knowing only its fingerprint. */
import { timingSafeEqual, X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { errorText, PlatformError } from '../errors.ts';
import { pinnedConnectOptions } from './connect-options.ts';
import { certificateFingerprint, certificateUri, parseIdentityUri } from './identity.ts';

export interface FetchCaOptions {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the CA certificate's DER: 64 hex digits, upper or lower case, colons allowed. */
  readonly fingerprint: string;
  /** For both connections together; default 10 s. */
  readonly timeoutMs?: number;
}

export interface PinnedCa {
  readonly caPem: string;
  /** Ed25519, 64 lower-case hex digits: from the URI in the CA certificate. */
  readonly mediatorPublicKeyHex: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const LONGEST_CHAIN = 4;

/**
 * Connects without verification, looks for the certificate with that fingerprint in the chain that the server presents,
 * then connects again with that CA pinned, so that whoever answers has proven to be the mediator that the CA names.
 * Sends nothing. Errors: `tls.fingerprint-invalid`, `tls.unreachable`, `tls.ca-fingerprint-mismatch`, `tls.ca-not-
 * presented`, `tls.ca-invalid` (the pinned certificate is no CA of a mediator, or the server's own is not valid under
 * it).
 */
export async function fetchPinnedCa(options: FetchCaOptions): Promise<PinnedCa> {
  const wanted = parseFingerprint(options.fingerprint);
  const where = `${options.host}:${options.port}`;
  const signal = AbortSignal.timeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const address = { host: options.host, port: options.port };
  const chain = await withConnection(
    { ...address, rejectUnauthorized: false, minVersion: 'TLSv1.3', servername: 'first-contact.holdfast.invalid' },
    signal,
    (socket) => presentedChain(socket),
  ).catch((error: unknown) => {
    throw unreachable(where, error);
  });
  const ca = chain.find((der) => timingSafeEqual(Buffer.from(certificateFingerprint(der), 'hex'), wanted));
  if (ca === undefined) throw notPresented(where, chain, options.fingerprint);
  const root = new X509Certificate(ca);
  const identity = parseIdentityUri(certificateUri(root) ?? '');
  if (!root.ca || identity?.role !== 'mediator') throw invalidCa(where, 'it is not the CA of a mediator');
  const caPem = root.toString();
  const expectUri = certificateUri(root) ?? '';
  await withConnection({ ...address, ...pinnedConnectOptions({ caPem, expectUri }) }, signal, () => undefined).catch(
    (error: unknown) => {
      throw signal.aborted ? unreachable(where, error) : invalidCa(where, errorText(error), error);
    },
  );
  return { caPem, mediatorPublicKeyHex: identity.publicKeyHex };
}

function parseFingerprint(text: string): Buffer {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return Buffer.from(hex, 'hex');
  throw new PlatformError(
    'tls.fingerprint-invalid',
    'A CA fingerprint has 64 hex digits; this one has not.',
    'Copy the mediator’s address again, with everything after the #.',
  );
}

async function withConnection<T>(
  options: ConnectionOptions,
  signal: AbortSignal,
  use: (socket: TLSSocket) => T,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const socket = connect(options);
  const onAbort = (): void => reject(new PlatformError('tls.timeout', 'No answer in time.', 'Try again.'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('error', reject);
  socket.once('close', () => reject(new PlatformError('tls.closed', 'The connection was closed.', 'Try again.')));
  socket.once('secureConnect', () => {
    try {
      resolve(use(socket));
    } catch (error) {
      reject(error);
    }
  });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

/** The DER of the leaf and of each issuer that came with it. */
function presentedChain(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < LONGEST_CHAIN) {
    const { raw } = certificate;
    if (chain.some((known) => known.equals(raw))) break;
    chain.push(raw);
    certificate = certificate.issuerCertificate;
  }
  return chain;
}

function unreachable(where: string, cause: unknown): PlatformError {
  return new PlatformError(
    'tls.unreachable',
    `There is no TLS connection to ${where}: ${errorText(cause)}.`,
    'Check the address and that the mediator is up, then try again.',
    { cause },
  );
}

function notPresented(where: string, chain: readonly Buffer[], fingerprint: string): PlatformError {
  const last = chain.at(-1);
  if (chain.length < 2 || last === undefined) {
    return new PlatformError(
      'tls.ca-not-presented',
      `${where} did not present a CA certificate.`,
      'Check that this is the mediator’s address and port.',
    );
  }
  return new PlatformError(
    'tls.ca-fingerprint-mismatch',
    `The CA at ${where} has the fingerprint ${certificateFingerprint(last)}, not ${fingerprint}.`,
    'Do not go on: this is another mediator, or somebody stands in between. Compare the address with your recovery sheet.',
  );
}

function invalidCa(where: string, detail: string, cause?: unknown): PlatformError {
  return new PlatformError(
    'tls.ca-invalid',
    `The CA at ${where} has the right fingerprint but cannot be used: ${detail}.`,
    'Tell the mediator’s admin.',
    { cause },
  );
}
