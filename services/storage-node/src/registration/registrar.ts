/** The node's certificate: kept on disk, asked for when there is none, when it nears its end, and when the offer changed. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { certificateUri, createCsr, systemErrorCode, writeFileDurably } from '@holdfast/platform';
import { fail, nodeRegistration, nodeUri, type SigningContext, signMessage } from '@holdfast/protocol';
import type { NodeIdentity } from './identity.ts';
import type { RegistrationPort } from './ports.ts';

/** What the node offers; signed at registration. */
export interface NodeOffer {
  readonly operator: string;
  /** `host:port`, best first. */
  readonly addresses: readonly string[];
  readonly region: string;
  readonly priceSatPerTbMonth: bigint;
  readonly egressSatPerTb: bigint;
  readonly capacityBytes: number;
}

export interface Certificate {
  readonly certPem: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface RegistrarOptions {
  readonly dataDir: string;
  readonly identity: NodeIdentity;
  readonly signing: SigningContext;
  /** The pinned CA. */
  readonly caPem: string;
  readonly port: RegistrationPort;
  readonly nowMs: () => number;
  /** Told of each certificate that is to be used from now on. */
  readonly onCertificate: (certificate: Certificate) => void;
}

export interface Registrar {
  /** The certificate from an earlier run, when it is good still. */
  load(): Promise<Certificate | undefined>;
  readonly current: Certificate | undefined;
  /** Whether `register` should be called for that offer. */
  isDue(offer: NodeOffer): boolean;
  /** The mediator does not know this node (any more). */
  forget(): void;
  /** @throws HoldfastError `remote.unreachable`, or why the mediator refused */
  register(offer: NodeOffer): Promise<Certificate>;
}

const CERTIFICATE_FILE = 'tls.pem';
const OFFER_FILE = 'registered-offer';
/** Renewed when a third of its time is left. */
const RENEW_AFTER = 2 / 3;

export function createRegistrar(options: RegistrarOptions): Registrar {
  const { dataDir, identity, port, nowMs } = options;
  let current: Certificate | undefined;
  let registered: string | undefined;

  const use = (certificate: Certificate): Certificate => {
    current = certificate;
    port.useCertificate(certificate.certPem);
    options.onCertificate(certificate);
    return certificate;
  };

  return {
    get current() {
      return current;
    },
    async load() {
      const certPem = await readIfThere(join(dataDir, CERTIFICATE_FILE));
      registered = await readIfThere(join(dataDir, OFFER_FILE));
      const certificate = certPem === undefined ? undefined : parseCertificate(certPem);
      if (certificate === undefined || problemOf(certificate, options) !== undefined) return undefined;
      return use(certificate);
    },
    isDue(offer) {
      if (current === undefined || registered !== fingerprintOf(offer)) return true;
      const { notBeforeMs, notAfterMs } = current;
      return nowMs() >= notBeforeMs + RENEW_AFTER * (notAfterMs - notBeforeMs);
    },
    forget() {
      registered = undefined;
    },
    async register(offer) {
      const csrPem = await createCsr(identity.tlsKey, nodeUri(identity.nodeId));
      const registration = signMessage(
        nodeRegistration,
        options.signing,
        {
          nodeId: identity.nodeId,
          ...offer,
          addresses: [...offer.addresses],
          csrHash: createHash('sha256').update(derOf(csrPem)).digest('hex'),
          signedAtMs: nowMs(),
        },
        identity.signingKey,
      );
      const issued = await port.register({ registration, csrPem });
      const certificate = parseCertificate(issued.certificatePem);
      const problem = certificate === undefined ? 'it is no certificate' : problemOf(certificate, options);
      if (certificate === undefined || problem !== undefined) {
        throw fail('remote.unexpected', { from: 'The mediator', detail: `a certificate: ${problem}` });
      }
      await writeFileDurably(join(dataDir, CERTIFICATE_FILE), certificate.certPem);
      await writeFileDurably(join(dataDir, OFFER_FILE), fingerprintOf(offer));
      registered = fingerprintOf(offer);
      return use(certificate);
    },
  };
}

const fingerprintOf = (offer: NodeOffer): string => {
  const fields = [offer.operator, offer.region, offer.priceSatPerTbMonth, offer.egressSatPerTb, offer.capacityBytes];
  return createHash('sha256')
    .update(JSON.stringify([...fields.map(String), ...offer.addresses]))
    .digest('hex');
};

function parseCertificate(certPem: string): Certificate | undefined {
  try {
    const { validFromDate, validToDate } = new X509Certificate(certPem);
    return { certPem, notBeforeMs: validFromDate.getTime(), notAfterMs: validToDate.getTime() };
  } catch {
    return undefined;
  }
}

/** Why a certificate cannot be used; undefined when it can. */
function problemOf({ certPem, notAfterMs }: Certificate, options: RegistrarOptions): string | undefined {
  const { identity, caPem } = options;
  const certificate = new X509Certificate(certPem);
  if (notAfterMs <= options.nowMs()) return 'it has ended';
  if (certificateUri(certPem) !== nodeUri(identity.nodeId)) return 'it names somebody else';
  const key = certificate.publicKey.export({ format: 'pem', type: 'spki' });
  if (key !== identity.tlsKey.publicKeyPem) return 'it is for another key';
  return certificate.verify(new X509Certificate(caPem).publicKey) ? undefined : 'it is not signed by the pinned CA';
}

const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
