/** Registration: a node's signed offer and its certificate request become a certificate under our CA. */
import { createHash } from 'node:crypto';
import {
  certificateFingerprint,
  type CertificateAuthority,
  checkCsr,
  type Clock,
  issueCertificate,
  nodeUri,
  PlatformError,
  type Randomness,
} from '@holdfast/platform';
import { fail, nodeRegistration, openMessage, type SigningContext } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import { checkLiteralAddress, type SubnetRule } from './addresses.ts';
import type { NodeStore, Registration } from './ports.ts';

export interface RegisterNodeOptions {
  readonly store: NodeStore;
  readonly context: SigningContext;
  readonly authority: CertificateAuthority;
  readonly subnetRule: SubnetRule;
  readonly clock: Clock;
  /** Certificates are compared with the clocks of machines, also where `clock` is simulated. */
  readonly certificateClock: Clock;
  readonly randomness: Randomness;
}

export interface NodeCertificate {
  readonly nodeId: string;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly expiresAtMs: number;
}

const CERTIFICATE_TTL_MS = 90 * 86_400_000;
const CLOCK_SLACK_MS = 3_600_000;
/** A renewed certificate is fetched while the old one is still in use. */
const MAX_CERTIFICATES = 3;
/** 1,000 bitcoin: above it, sums of prices would no longer be exact. */
const MAX_PRICE = 100_000_000_000n;
/** Worthless money buys time: on regtest a few megabytes may earn something within seconds. */
const MAX_REGTEST_PRICE = 10_000_000_000_000_000n;
const MAX_CAPACITY_BYTES = 1e18 / 1_000;

/** @throws HoldfastError `message.*`, `node.bad-registration`, `node.public-address` */
export async function registerNode(
  options: RegisterNodeOptions,
  token: string,
  csrPem: string,
): Promise<NodeCertificate> {
  const registration = openMessage(nodeRegistration, options.context, token);
  const nowMs = options.clock.nowMs();
  checkClock(registration.signedAtMs, nowMs);
  checkOffer(registration, options);
  const publicKeyPem = await checkRequest(csrPem, registration.nodeId, registration.csrHash);
  const issuedAtMs = options.certificateClock.nowMs();
  const expiresAtMs = issuedAtMs + CERTIFICATE_TTL_MS;
  const certificatePem = await issueCertificate(options.authority, {
    subjectUri: nodeUri(registration.nodeId),
    publicKeyPem,
    notBeforeMs: issuedAtMs - CLOCK_SLACK_MS,
    notAfterMs: expiresAtMs,
    randomness: options.randomness,
  });
  const certificate = { fingerprint: certificateFingerprint(certificatePem), issuedAtMs, expiresAtMs };
  const isNewest = await options.store.register(registration, certificate, nowMs, MAX_CERTIFICATES);
  if (!isNewest) throw refused('a newer registration of this node is in force.');
  return { nodeId: registration.nodeId, certificatePem, caPem: options.authority.certPem, expiresAtMs };
}

function checkOffer(
  registration: Registration,
  { subnetRule, context }: Pick<RegisterNodeOptions, 'subnetRule' | 'context'>,
): void {
  const { operator, region, addresses, priceSatPerTbMonth, egressSatPerTb, capacityBytes } = registration;
  if (!isName(operator)) throw refused('the operator needs a name without control characters or outer spaces.');
  if (!isName(region)) throw refused('the region needs a name without control characters or outer spaces.');
  if (addresses.length === 0) throw refused('it advertises no address.');
  if (new Set(addresses).size !== addresses.length) throw refused('an address stands there twice.');
  const maxPrice = context.network === 'regtest' ? MAX_REGTEST_PRICE : MAX_PRICE;
  if (priceSatPerTbMonth > maxPrice || egressSatPerTb > maxPrice) throw refused(`a price is above ${maxPrice} sat.`);
  if (capacityBytes > MAX_CAPACITY_BYTES) throw refused('the capacity is above a petabyte.');
  for (const address of addresses) checkLiteralAddress(address, subnetRule);
}

/** The certified key. The request must be the one that the identity's key signed for, and ask for that identity's name. */
async function checkRequest(csrPem: string, nodeId: string, csrHash: string): Promise<string> {
  const { uri, publicKeyPem } = await checkCsr(csrPem).catch((error: unknown) => {
    throw error instanceof PlatformError ? fail('node.bad-registration', { detail: error.message }, error) : error;
  });
  if (uri !== nodeUri(nodeId)) throw refused('the certificate request is for another name than the node’s.');
  const body = csrPem.replace(/-----[A-Z ]+-----/g, '');
  if (createHash('sha256').update(Buffer.from(body, 'base64')).digest('hex') !== csrHash) {
    throw refused('the certificate request is not the one that was signed for.');
  }
  return publicKeyPem;
}

const isName = (text: string): boolean =>
  text !== '' && text === text.trim() && !/[\u0000-\u001f\u007f-\u009f]/.test(text);

const refused = (detail: string) => fail('node.bad-registration', { detail });
