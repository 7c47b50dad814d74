import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpsServer, request as httpsRequest, Agent } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import {
  certificateFingerprint,
  certificateUri,
  checkCsr,
  createCertificateAuthority,
  createCsr,
  createTlsKeyPair,
  fetchPinnedCa,
  issueCertificate,
  mediatorUri,
  nodeUri,
  parseIdentityUri,
  peerIdentity,
  pinnedConnectOptions,
  serverTlsOptions,
  type CertificateAuthority,
  type IssueOptions,
  type ServerIdentity,
  type TlsKeyPair,
} from './index.ts';
import type { JsonGeneralNames } from '@peculiar/x509';
import { loadX509 } from './x509.ts';

const x509 = await loadX509();

const MEDIATOR = 'aa'.repeat(32);
const NODE_1 = '01'.repeat(32);
const NODE_2 = '02'.repeat(32);
const DAY_MS = 86_400_000;
const NOW_MS = Date.now();
const closers: (() => void)[] = [];

let ca: CertificateAuthority;
let foreignCa: CertificateAuthority;
let keys: TlsKeyPair;

const issue = (
  authority: CertificateAuthority,
  subjectUri: string,
  more: Partial<IssueOptions> = {},
): Promise<string> =>
  issueCertificate(authority, {
    subjectUri,
    publicKeyPem: keys.publicKeyPem,
    notBeforeMs: NOW_MS - DAY_MS,
    notAfterMs: NOW_MS + DAY_MS,
    ...more,
  });

/** A TLS server that answers with whom it takes the client for; returns its port. */
async function serve(
  identity: Omit<ServerIdentity, 'keyPem' | 'caPem' | 'requestClientCert'> & Partial<ServerIdentity>,
): Promise<number> {
  const full = { keyPem: keys.privateKeyPem, caPem: ca.certPem, requestClientCert: 'no' as const, ...identity };
  const server = createServer(serverTlsOptions(full), (socket) => {
    socket.on('error', () => undefined);
    socket.end(`you are ${peerIdentity(socket)}`);
  });
  server.on('tlsClientError', () => undefined);
  return listen(server);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** What the server said, or the error's code. */
async function talk(port: number, options: ReturnType<typeof pinnedConnectOptions>): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...options });
  try {
    let text = '';
    for await (const piece of socket) text += String(piece);
    return text;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'no code';
  }
}

beforeAll(async () => {
  keys = await createTlsKeyPair();
  ca = await createCertificateAuthority({ name: 'Test mediator', mediatorPublicKeyHex: MEDIATOR, nowMs: NOW_MS });
  foreignCa = await createCertificateAuthority({
    name: 'Test mediator',
    mediatorPublicKeyHex: MEDIATOR,
    nowMs: NOW_MS,
  });
});

afterAll(() => {
  for (const close of closers) close();
});

describe('the authority', () => {
  test('makes a root that names its mediator and may sign leaves only', () => {
    const root = new X509Certificate(ca.certPem);
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    expect(certificateUri(root)).toBe(mediatorUri(MEDIATOR));
    const constraints = new x509.X509Certificate(ca.certPem).getExtension(x509.BasicConstraintsExtension);
    expect(constraints?.pathLength).toBe(0);
    const years = (root.validToDate.getTime() - NOW_MS) / (365.25 * DAY_MS);
    expect(years).toBeCloseTo(10, 1);
  });

  test('issues leaves that carry the URI, the addresses and no power to sign', async () => {
    const pem = await issue(ca, nodeUri(NODE_1), { addresses: ['127.0.0.1', '::1', 'disk.example.org'] });
    const leaf = new X509Certificate(pem);
    expect(leaf.ca).toBe(false);
    expect(leaf.checkIssued(new X509Certificate(ca.certPem))).toBe(true);
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(leaf.checkHost('disk.example.org')).toBe('disk.example.org');
    expect(certificateUri(pem)).toBe(nodeUri(NODE_1));
    expect(leaf.serialNumber).toHaveLength(32);
  });

  test('refuses a certificate that ends before it begins, and a name that is none', async () => {
    await expect(issue(ca, nodeUri(NODE_1), { notAfterMs: NOW_MS - 2 * DAY_MS })).rejects.toMatchObject({
      code: 'tls.bad-argument',
    });
    await expect(issue(ca, nodeUri(NODE_1), { addresses: ['a b'] })).rejects.toMatchObject({
      code: 'tls.bad-argument',
    });
    expect(() => nodeUri('AA')).toThrow(expect.objectContaining({ code: 'tls.bad-argument' }));
  });

  test('a fingerprint is the SHA-256 of the DER, however the certificate is given', () => {
    const parsed = new X509Certificate(ca.certPem);
    const expected = parsed.fingerprint256.replaceAll(':', '').toLowerCase();
    expect(certificateFingerprint(ca.certPem)).toBe(expected);
    expect(certificateFingerprint(parsed.raw)).toBe(expected);
    expect(certificateFingerprint(parsed)).toBe(expected);
  });
});

describe('certificateUri', () => {
  const withNames = async (names: JsonGeneralNames[]): Promise<Uint8Array> => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=x',
      keys: pair,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: names.map((list) => new x509.SubjectAlternativeNameExtension(list)),
    });
    return new Uint8Array(certificate.rawData);
  };

  test.each<[string, JsonGeneralNames[], string | null]>([
    ['one name', [[{ type: 'url', value: nodeUri(NODE_1) }]], nodeUri(NODE_1)],
    [
      'a name beside others',
      [
        [
          { type: 'dns', value: 'a.b' },
          { type: 'url', value: 'https://a' },
          { type: 'url', value: nodeUri(NODE_1) },
        ],
      ],
      nodeUri(NODE_1),
    ],
    [
      'two names of ours',
      [
        [
          { type: 'url', value: nodeUri(NODE_1) },
          { type: 'url', value: nodeUri(NODE_2) },
        ],
      ],
      null,
    ],
    ['a DNS name that looks like a URI in text', [[{ type: 'dns', value: `x, URI:${nodeUri(NODE_1)}` }]], null],
    ['a foreign URI that contains ours', [[{ type: 'url', value: `https://a, URI:${nodeUri(NODE_1)}` }]], null],
    ['ours as a DNS name', [[{ type: 'dns', value: nodeUri(NODE_1) }]], null],
    ['ours with something behind it', [[{ type: 'url', value: `${nodeUri(NODE_1)}, x` }]], `${nodeUri(NODE_1)}, x`],
    ['no names', [], null],
  ])('%s', async (_case, names, expected) => {
    expect(certificateUri(await withNames(names))).toBe(expected);
  });

  test('bytes that are no certificate', () => {
    expect(certificateUri(new Uint8Array([1, 2, 3]))).toBeNull();
  });

  test('only the exact form is an identity', () => {
    expect(parseIdentityUri(nodeUri(NODE_1))).toEqual({ role: 'node', publicKeyHex: NODE_1 });
    expect(parseIdentityUri(`${nodeUri(NODE_1)}, x`)).toBeUndefined();
    expect(parseIdentityUri(nodeUri(NODE_1).toUpperCase())).toBeUndefined();
    expect(parseIdentityUri(`${nodeUri(NODE_1)}\n`)).toBeUndefined();
  });
});

describe('certificate requests', () => {
  test('a request gives back its URI and key, and the issued certificate works with the pair', async () => {
    const checked = await checkCsr(await createCsr(keys, nodeUri(NODE_1)));
    expect(checked).toEqual({
      uri: nodeUri(NODE_1),
      publicKeyPem: expect.stringContaining('BEGIN PUBLIC KEY'),
    });
    const pem = await issueCertificate(ca, {
      subjectUri: checked.uri,
      publicKeyPem: checked.publicKeyPem,
      notBeforeMs: NOW_MS - DAY_MS,
      notAfterMs: NOW_MS + DAY_MS,
    });
    const port = await serve({ certPem: pem });
    expect(await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) }))).toBe(
      'you are null',
    );
  });

  test('a request signed by another key is refused: it proves nothing', async () => {
    const other = await createTlsKeyPair();
    const forged = await createCsr(
      { privateKeyPem: other.privateKeyPem, publicKeyPem: keys.publicKeyPem },
      nodeUri(NODE_1),
    );
    await expect(checkCsr(forged)).rejects.toMatchObject({
      code: 'tls.csr-invalid',
      message: expect.stringContaining('not signed'),
    });
  });

  test.each([
    ['empty', ''],
    ['not PEM', 'hello'],
    ['not DER', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n'],
    ['too long', `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(9_000)}`],
  ])('%s', async (_case, text) => {
    await expect(checkCsr(text)).rejects.toMatchObject({ code: 'tls.csr-invalid' });
  });

  test('a request without a URI of ours', async () => {
    await expect(checkCsr(await createCsr(keys, 'https://example.org'))).rejects.toMatchObject({
      code: 'tls.csr-invalid',
    });
  });

  test('no changed byte lets another URI or key through', async () => {
    const original = await checkCsr(await createCsr(keys, nodeUri(NODE_1)));
    let refused = 0;
    const der = Buffer.from(x509.PemConverter.decodeFirst(await createCsr(keys, nodeUri(NODE_1))));
    for (let at = 0; at < der.length; at += 3) {
      const changed = Buffer.from(der);
      changed[at]! ^= 0x01;
      const pem = x509.PemConverter.encode(changed, 'CERTIFICATE REQUEST');
      const outcome: unknown = await checkCsr(pem).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ code: 'tls.csr-invalid' });
        refused++;
      } else expect(outcome).toEqual(original);
    }
    expect(refused).toBeGreaterThan(der.length / 4);
  });
});

describe('a pinned connection', () => {
  test('reaches the expected node, whatever its address is called', async () => {
    const port = await serve({ certPem: await issue(ca, nodeUri(NODE_1)) });
    expect(await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) }))).toBe(
      'you are null',
    );
  });

  test('refuses another node of the same CA', async () => {
    const port = await serve({ certPem: await issue(ca, nodeUri(NODE_2)) });
    expect(await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) }))).toBe(
      'tls.wrong-peer',
    );
  });

  test('refuses the right name from another CA, even one with the same subject', async () => {
    const port = await serve({ certPem: await issue(foreignCa, nodeUri(NODE_1)), caPem: foreignCa.certPem });
    const code = await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) }));
    expect([
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_SIGNATURE_FAILURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    ]).toContain(code);
  });

  test('refuses an expired and a not yet valid certificate', async () => {
    const pinned = pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) });
    const expired = await serve({
      certPem: await issue(ca, nodeUri(NODE_1), { notBeforeMs: NOW_MS - 2 * DAY_MS, notAfterMs: NOW_MS - DAY_MS }),
    });
    expect(await talk(expired, pinned)).toBe('CERT_HAS_EXPIRED');
    const early = await serve({
      certPem: await issue(ca, nodeUri(NODE_1), { notBeforeMs: NOW_MS + DAY_MS, notAfterMs: NOW_MS + 2 * DAY_MS }),
    });
    expect(await talk(early, pinned)).toBe('CERT_NOT_YET_VALID');
  });

  test('refuses a certificate that is for clients only, and a leaf signed by a leaf', async () => {
    const pinned = pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) });
    const clientOnly = await serve({ certPem: await issue(ca, nodeUri(NODE_1), { usages: ['client'] }) });
    expect(await talk(clientOnly, pinned)).toBe('INVALID_PURPOSE');
    const leaf = await issue(ca, nodeUri(NODE_2));
    const byLeaf = await issue({ certPem: leaf, keyPem: keys.privateKeyPem }, nodeUri(NODE_1));
    const port = await serve({ certPem: byLeaf, caPem: `${leaf}${ca.certPem}` });
    expect(await talk(port, pinned)).toMatch(/^(INVALID_CA|UNSPECIFIED)$/);
  });

  test('refuses TLS 1.2', async () => {
    const server = createServer({
      cert: await issue(ca, nodeUri(NODE_1)),
      key: keys.privateKeyPem,
      maxVersion: 'TLSv1.2',
    });
    server.on('tlsClientError', () => undefined);
    const port = await listen(server);
    const code = await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: nodeUri(NODE_1) }));
    expect(code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
  });

  test('does not trust a resumed session for somebody else at the same address', async () => {
    const server = createHttpsServer(
      serverTlsOptions({
        certPem: await issue(ca, nodeUri(NODE_1)),
        keyPem: keys.privateKeyPem,
        caPem: ca.certPem,
        requestClientCert: 'no',
      }),
      (_request, response) => void response.end('ok'),
    );
    const port = await listen(server);
    const agent = new Agent({ maxCachedSessions: 100 });
    const get = (expectUri: string): Promise<string> =>
      new Promise((resolve) => {
        const pinned = pinnedConnectOptions({ caPem: ca.certPem, expectUri });
        const outgoing = httpsRequest({ host: '127.0.0.1', port, agent, ...pinned }, (response) => {
          response.resume();
          response.on('end', () => setImmediate(() => resolve('ok')));
        });
        outgoing.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'no code'));
        outgoing.end();
      });
    expect(await get(nodeUri(NODE_1))).toBe('ok');
    expect(await get(nodeUri(NODE_1))).toBe('ok');
    expect(await get(nodeUri(NODE_2))).toBe('tls.wrong-peer');
    agent.destroy();
  });
});

describe('client certificates', () => {
  const asClient = (certPem: string): ReturnType<typeof pinnedConnectOptions> =>
    pinnedConnectOptions({ caPem: ca.certPem, expectUri: mediatorUri(MEDIATOR), certPem, keyPem: keys.privateKeyPem });

  test('where optional, name the client when they are ours, and nobody when they are not', async () => {
    const port = await serve({ certPem: await issue(ca, mediatorUri(MEDIATOR)), requestClientCert: 'optional' });
    expect(await talk(port, asClient(await issue(ca, nodeUri(NODE_1))))).toBe(`you are ${nodeUri(NODE_1)}`);
    expect(await talk(port, asClient(await issue(foreignCa, nodeUri(NODE_1))))).toBe('you are null');
    const expired = await issue(ca, nodeUri(NODE_1), { notBeforeMs: NOW_MS - 2 * DAY_MS, notAfterMs: NOW_MS - DAY_MS });
    expect(await talk(port, asClient(expired))).toBe('you are null');
    expect(await talk(port, asClient(await issue(ca, nodeUri(NODE_1), { usages: ['server'] })))).toBe('you are null');
    expect(await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: mediatorUri(MEDIATOR) }))).toBe(
      'you are null',
    );
  });

  test('where required, keep everybody else out', async () => {
    const port = await serve({ certPem: await issue(ca, mediatorUri(MEDIATOR)), requestClientCert: 'required' });
    expect(await talk(port, asClient(await issue(ca, nodeUri(NODE_1))))).toBe(`you are ${nodeUri(NODE_1)}`);
    expect(await talk(port, asClient(await issue(foreignCa, nodeUri(NODE_1))))).not.toContain('you are');
    expect(
      await talk(port, pinnedConnectOptions({ caPem: ca.certPem, expectUri: mediatorUri(MEDIATOR) })),
    ).not.toContain('you are');
  });
});

describe('first contact', () => {
  const fetchFrom = (port: number, fingerprint: string, timeoutMs = 5_000) =>
    fetchPinnedCa({ host: '127.0.0.1', port, fingerprint, timeoutMs });

  test('gives the CA and the mediator that it names', async () => {
    const port = await serve({ certPem: await issue(ca, mediatorUri(MEDIATOR)) });
    const fingerprint = certificateFingerprint(ca.certPem);
    const fetched = await fetchFrom(port, fingerprint);
    expect(certificateFingerprint(fetched.caPem)).toBe(fingerprint);
    expect(fetched.mediatorPublicKeyHex).toBe(MEDIATOR);
    const colons = fingerprint.toUpperCase().replaceAll(/(..)(?=.)/g, '$1:');
    await expect(fetchFrom(port, colons)).resolves.toEqual(fetched);
  });

  test('refuses another CA with both fingerprints named', async () => {
    const port = await serve({ certPem: await issue(foreignCa, mediatorUri(MEDIATOR)), caPem: foreignCa.certPem });
    await expect(fetchFrom(port, certificateFingerprint(ca.certPem))).rejects.toMatchObject({
      code: 'tls.ca-fingerprint-mismatch',
      message: expect.stringContaining(certificateFingerprint(foreignCa.certPem)),
    });
  });

  test('refuses who merely shows the CA: a node of it, or a leaf that it did not sign', async () => {
    const fingerprint = certificateFingerprint(ca.certPem);
    const node = await serve({ certPem: await issue(ca, nodeUri(NODE_1)) });
    await expect(fetchFrom(node, fingerprint)).rejects.toMatchObject({ code: 'tls.ca-invalid' });
    const foreign = await serve({ certPem: await issue(foreignCa, mediatorUri(MEDIATOR)) });
    await expect(fetchFrom(foreign, fingerprint)).rejects.toMatchObject({
      code: expect.stringMatching(/^tls\.ca-/),
    });
  });

  test('says when there is no CA in the chain', async () => {
    const server = createServer({
      cert: await issue(ca, mediatorUri(MEDIATOR)),
      key: keys.privateKeyPem,
      minVersion: 'TLSv1.3',
    });
    const port = await listen(server);
    await expect(fetchFrom(port, certificateFingerprint(ca.certPem))).rejects.toMatchObject({
      code: 'tls.ca-not-presented',
    });
  });

  test('says when nobody is there, when it is not TLS, and when nothing is answered', async () => {
    const fingerprint = certificateFingerprint(ca.certPem);
    const closing = createTcpServer();
    const closedPort = await listen(closing);
    closing.close();
    await once(closing, 'close');
    await expect(fetchFrom(closedPort, fingerprint)).rejects.toMatchObject({ code: 'tls.unreachable' });
    const plain = await listen(createTcpServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    await expect(fetchFrom(plain, fingerprint)).rejects.toMatchObject({ code: 'tls.unreachable' });
    const mute = createTcpServer((socket) => closers.push(() => socket.destroy()));
    await expect(fetchFrom(await listen(mute), fingerprint, 200)).rejects.toMatchObject({ code: 'tls.unreachable' });
  });

  test('refuses a fingerprint that is none before it connects', async () => {
    await expect(fetchFrom(1, 'abc')).rejects.toMatchObject({ code: 'tls.fingerprint-invalid' });
  });
});
