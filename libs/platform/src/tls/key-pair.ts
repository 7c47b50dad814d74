/** TLS key pairs, and certificate requests that prove the possession of the private key. */
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { errorText, PlatformError } from '../errors.ts';
import { onlyIdentityUri } from './identity.ts';
import { KEY_ALGORITHM, loadX509, SIGNATURE_ALGORITHM } from './x509.ts';

export interface TlsKeyPair {
  /** PKCS#8. */
  readonly privateKeyPem: string;
  /** SubjectPublicKeyInfo. */
  readonly publicKeyPem: string;
}

const MAX_CSR_CHARACTERS = 8_192;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

/** A new ECDSA P-256 pair from the system's generator. */
export async function createTlsKeyPair(): Promise<TlsKeyPair> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const spki = await webcrypto.subtle.exportKey('spki', keys.publicKey);
  return {
    privateKeyPem: pemOf(pkcs8, 'PRIVATE KEY'),
    publicKeyPem: pemOf(spki, 'PUBLIC KEY'),
  };
}

function pemOf(der: ArrayBuffer, label: string): string {
  const base64 = Buffer.from(der)
    .toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

/** @throws `tls.key-invalid` when it is not a P-256 private key as PKCS#8 PEM. */
export async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
    return await webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, false, ['sign']);
  } catch (error) {
    throw invalidKey('private', error);
  }
}

/** @throws `tls.key-invalid` when it is not a P-256 public key as PEM. */
export async function importPublicKey(pem: string): Promise<webcrypto.CryptoKey> {
  try {
    const der = createPublicKey(pem).export({ format: 'der', type: 'spki' });
    return await webcrypto.subtle.importKey('spki', der, KEY_ALGORITHM, true, ['verify']);
  } catch (error) {
    throw invalidKey('public', error);
  }
}

function invalidKey(kind: string, cause: unknown): PlatformError {
  return new PlatformError(
    'tls.key-invalid',
    `This is not an ECDSA P-256 ${kind} key in PEM: ${errorText(cause)}.`,
    'Make a new TLS key pair.',
    { cause },
  );
}

/** A PKCS#10 request in PEM for that URI, signed with the pair's private key. */
export async function createCsr(keyPair: TlsKeyPair, uri: string): Promise<string> {
  const x509 = await loadX509();
  const keys = {
    privateKey: await importPrivateKey(keyPair.privateKeyPem),
    publicKey: await importPublicKey(keyPair.publicKeyPem),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['holdfast'] }],
    keys,
    signingAlgorithm: SIGNATURE_ALGORITHM,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }])],
  });
  return `${request.toString('pem')}\n`;
}

export interface CheckedCsr {
  /** The one `holdfast:` URI that it asks for. Whether its sender may have it is the caller's to decide. */
  readonly uri: string;
  /** The certified key, SubjectPublicKeyInfo PEM: pass it to `issueCertificate`. */
  readonly publicKeyPem: string;
}

/**
 * Checks a request from outside: at most 8,192 characters of PEM, an ECDSA P-256 key, signed by that very key, exactly
 * one `holdfast:` URI.
 * Nothing else that it asks for is looked at. @throws `tls.csr-invalid`
 */
export async function checkCsr(csrPem: string): Promise<CheckedCsr> {
  if (csrPem.length > MAX_CSR_CHARACTERS) throw invalidCsr(`it is longer than ${MAX_CSR_CHARACTERS} characters`);
  const x509 = await loadX509();
  try {
    const request = new x509.Pkcs10CertificateRequest(x509.PemConverter.decodeFirst(csrPem));
    const publicKeyPem = `${request.publicKey.toString('pem')}\n`;
    await importPublicKey(publicKeyPem);
    if (!(await request.verify())) throw invalidCsr('it is not signed by the key that it holds');
    const names = request.extensions.filter((extension) => extension.type === SUBJECT_ALTERNATIVE_NAME);
    const [first, ...others] = names;
    const uri =
      first instanceof x509.SubjectAlternativeNameExtension && others.length === 0
        ? onlyIdentityUri(first.names.items.filter((name) => name.type === 'url').map((name) => name.value))
        : null;
    if (uri === null) throw invalidCsr('it does not name exactly one holdfast: URI');
    return { uri, publicKeyPem };
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'tls.csr-invalid') throw error;
    throw invalidCsr(errorText(error), error);
  }
}

function invalidCsr(detail: string, cause?: unknown): PlatformError {
  return new PlatformError(
    'tls.csr-invalid',
    `The certificate request is not acceptable: ${detail}.`,
    'Make a new key pair and ask again.',
    { cause },
  );
}
