/**
 * A small certificate authority: one self-signed root that names its mediator, and leaves for that mediator and its
 * nodes.
 */
import { isIP } from 'node:net';
import { PlatformError } from '../errors.ts';
import { systemRandomness, type Randomness } from '../randomness.ts';
import { mediatorUri } from './identity.ts';
import { createTlsKeyPair, importPrivateKey, importPublicKey } from './key-pair.ts';
import { loadX509, SIGNATURE_ALGORITHM } from './x509.ts';

export interface CertificateAuthority {
  readonly certPem: string;
  /** PKCS#8. The whole network's trust hangs on it. */
  readonly keyPem: string;
}

export interface CreateAuthorityOptions {
  /** The subject's common name, for people. */
  readonly name: string;
  /** Ed25519, 64 lower-case hex digits; stands in the root as `holdfast:mediator:<hex>`. */
  readonly mediatorPublicKeyHex: string;
  readonly nowMs: number;
  /** For the serial number only: keys always come from the system. */
  readonly randomness?: Randomness;
}

export type CertificateUsage = 'server' | 'client';

export interface IssueOptions {
  /** From `nodeUri` or `mediatorUri`. */
  readonly subjectUri: string;
  /** The certified key, as `createTlsKeyPair` or `checkCsr` gives it. */
  readonly publicKeyPem: string;
  /** Further names, for people with a browser or curl: host names and IP addresses. Peers here don't look at them. */
  readonly addresses?: readonly string[];
  /**
   * Milliseconds since 1970, real time: TLS compares them with the machine's clock. Begin some minutes early, clocks
   * differ.
   */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Default: both. */
  readonly usages?: readonly CertificateUsage[];
  readonly randomness?: Randomness;
}

const TEN_YEARS_MS = 3_653 * 86_400_000;
const CLOCK_SLACK_MS = 3_600_000;
const EXTENDED_USAGES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** ECDSA P-256, valid for ten years (from an hour ago), CA:true with path length 0. */
export async function createCertificateAuthority(options: CreateAuthorityOptions): Promise<CertificateAuthority> {
  const x509 = await loadX509();
  const { privateKeyPem, publicKeyPem } = await createTlsKeyPair();
  const keys = { privateKey: await importPrivateKey(privateKeyPem), publicKey: await importPublicKey(publicKeyPem) };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(options.randomness),
    name: commonName(options.name),
    notBefore: new Date(options.nowMs - CLOCK_SLACK_MS),
    notAfter: new Date(options.nowMs + TEN_YEARS_MS),
    signingAlgorithm: SIGNATURE_ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: mediatorUri(options.mediatorPublicKeyHex) }]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: privateKeyPem };
}

/** A leaf in PEM for that URI and key. Its subject carries no other meaning. */
export async function issueCertificate(authority: CertificateAuthority, options: IssueOptions): Promise<string> {
  if (!(options.notAfterMs > options.notBeforeMs)) {
    throw new PlatformError(
      'tls.bad-argument',
      'A certificate must end after it begins.',
      'Pass notBeforeMs < notAfterMs.',
    );
  }
  const x509 = await loadX509();
  const root = new x509.X509Certificate(authority.certPem);
  const publicKey = await importPublicKey(options.publicKeyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerialNumber(options.randomness),
    subject: commonName(options.subjectUri.slice(0, 64)),
    issuer: root.subjectName,
    notBefore: new Date(options.notBeforeMs),
    notAfter: new Date(options.notAfterMs),
    signingAlgorithm: SIGNATURE_ALGORITHM,
    publicKey,
    signingKey: await importPrivateKey(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(extendedUsages(options.usages)),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: options.subjectUri }, ...addressNames(options)]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey, false),
      await x509.AuthorityKeyIdentifierExtension.create(root, false),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

function commonName(name: string): { CN: string[] }[] {
  return [{ CN: [name] }];
}

function extendedUsages(usages: readonly CertificateUsage[] = ['server', 'client']): string[] {
  return usages.map((usage) => EXTENDED_USAGES[usage]);
}

function addressNames(options: IssueOptions): { type: 'ip' | 'dns'; value: string }[] {
  return (options.addresses ?? []).map((address) => {
    if (isIP(address) !== 0) return { type: 'ip', value: address };
    if (/^[a-z0-9*]([a-z0-9.-]{0,252})$/i.test(address)) return { type: 'dns', value: address };
    throw new PlatformError(
      'tls.bad-argument',
      `${JSON.stringify(address)} is neither a host name nor an IP address.`,
      'Correct the advertised addresses.',
    );
  });
}

/** 16 bytes, positive and without a leading zero, as RFC 5280 (4.1.2.2) wants it. */
function newSerialNumber(randomness: Randomness = systemRandomness): string {
  const bytes = randomness.bytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}
