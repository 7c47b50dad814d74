import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import {
  createCertificateAuthority,
  createCsr,
  createTlsKeyPair,
  issueCertificate,
  mediatorUri,
  nodeUri,
  pinnedConnectOptions,
  systemClock,
} from '@holdfast/platform';
import { lossReport, nodeRegistration, signMessage, toHex } from '@holdfast/protocol';
import { Agent } from 'undici';
import { openTestLink } from '../testing/test-link.ts';
import {
  commitPacks,
  freshId,
  GROUP,
  keyFrom,
  makePack,
  openTestUpload,
  registrationBody,
  startTestMediator,
  type TestMediator,
  type TestNodeOptions,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
beforeAll(async () => {
  mediator = await startTestMediator();
});
afterAll(() => mediator.close());

const failure = (code: string, detail = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(detail) });
const shown = (nodeId: string) => unwrap(mediator.api.GET('/v1/nodes/{nodeId}', { params: { path: { nodeId } } }));

/** A registration put together by hand, so that every part of it can be wrong. */
async function register(options: TestNodeOptions & { csrUri?: string; csrHash?: string; signedAtMs?: number } = {}) {
  const key = keyFrom(freshId());
  const csrPem = await createCsr(await createTlsKeyPair(), options.csrUri ?? nodeUri(toHex(key.publicKey)));
  const body = {
    ...registrationBody(key, csrPem, '127.0.0.1:9', options, options.signedAtMs ?? mediator.clock.nowMs()),
    ...(options.csrHash !== undefined && { csrHash: options.csrHash }),
  };
  const registration = signMessage(nodeRegistration, mediator.context, body, key);
  return unwrap(mediator.api.POST('/v1/nodes', { body: { registration, csrPem } }));
}

describe('a registration is refused', () => {
  test.each<[string, Parameters<typeof register>[0], string, string]>([
    ['for a public address under the local rule', { addresses: ['8.8.8.8:7800'] }, 'node.public-address', '8.8.8.8'],
    ['for an address in disguise', { addresses: ['[::ffff:8.8.8.8]:7800'] }, 'node.public-address', 'local'],
    ['for nobody’s address', { addresses: ['0.0.0.0:7800'] }, 'node.public-address', '0.0.0.0'],
    ['without a port', { addresses: ['127.0.0.1'] }, 'node.bad-registration', 'host:port'],
    ['without an address', { addresses: [] }, 'node.bad-registration', 'no address'],
    ['with an address twice', { addresses: ['a:1', 'a:1'] }, 'node.bad-registration', 'twice'],
    ['with an operator of spaces', { operator: '  ' }, 'node.bad-registration', 'operator'],
    ['with control characters', { region: 'a\u0007b' }, 'node.bad-registration', 'region'],
    ['with an absurd price', { price: 10n ** 17n }, 'node.bad-registration', 'price'],
    ['with an absurd capacity', { capacityBytes: 2e15 }, 'node.bad-registration', 'capacity'],
    ['for another CSR than signed', { csrHash: freshId() }, 'node.bad-registration', 'not the one that was signed'],
    ['for another name', { csrUri: nodeUri(freshId()) }, 'node.bad-registration', 'another name'],
    ['for the mediator’s name', { csrUri: mediatorUri(freshId()) }, 'node.bad-registration', 'another name'],
    ['from another time', { signedAtMs: 1_000_000 }, 'message.clock-skew', 'away'],
  ])('%s', async (_, options, code, detail) => {
    await expect(register(options)).rejects.toThrow(failure(code, detail));
  });

  test('when it is older than the one in force', async () => {
    const node = await mediator.node({ joins: false });
    await node.register({ price: 7n, signedAtMs: mediator.clock.nowMs() + 10 });
    await expect(node.register({ price: 9n, signedAtMs: mediator.clock.nowMs() + 9 })).rejects.toThrow(
      failure('node.bad-registration', 'newer'),
    );
    expect(await shown(node.nodeId)).toMatchObject({ priceSatPerTbMonth: '7' });
  });

  test('when its signature is not the node’s', async () => {
    const key = keyFrom(freshId());
    const csrPem = await createCsr(await createTlsKeyPair(), nodeUri(toHex(key.publicKey)));
    const body = registrationBody(key, csrPem, '127.0.0.1:9', {}, mediator.clock.nowMs());
    const registration = signMessage(nodeRegistration, mediator.context, body, keyFrom('another'));
    const answer = unwrap(mediator.api.POST('/v1/nodes', { body: { registration, csrPem } }));
    await expect(answer).rejects.toThrow(failure('message.bad-signature'));
  });

  test('when the certificate request is none', async () => {
    const key = keyFrom(freshId());
    const body = registrationBody(key, 'AAAA', '127.0.0.1:9', {}, mediator.clock.nowMs());
    const registration = signMessage(nodeRegistration, mediator.context, body, key);
    const answer = unwrap(mediator.api.POST('/v1/nodes', { body: { registration, csrPem: 'AAAA' } }));
    await expect(answer).rejects.toThrow(failure('node.bad-registration', 'not acceptable'));
  });
});

describe('a node is on offer', () => {
  test('only once it was reached, and after a change of address reached again', async () => {
    const node = await mediator.node({ joins: false });
    expect(await shown(node.nodeId)).toMatchObject({ state: 'unreached' });
    expect(await unwrap(node.api.POST('/v1/node/reachability'))).toEqual({
      reachable: true,
      addresses: [{ address: node.address, reachable: true }],
    });
    expect(await shown(node.nodeId)).toMatchObject({ state: 'vetting', online: true });
    await node.register({ price: 5n });
    expect(await shown(node.nodeId)).toMatchObject({ state: 'vetting', priceSatPerTbMonth: '5' });
    await node.register({ addresses: ['127.0.0.1:1', node.address] });
    expect(await shown(node.nodeId)).toMatchObject({ state: 'unreached' });
    const again = await unwrap(node.api.POST('/v1/node/reachability'));
    expect(again).toMatchObject({ reachable: true, addresses: [{ reachable: false }, { reachable: true }] });
    expect(again.addresses[0]!.detail).toBeTruthy();
    expect(await shown(node.nodeId)).toMatchObject({ state: 'vetting' });
  });

  test.each<[string, TestNodeOptions]>([
    ['another node answers', { claims: { nodeId: freshId() } }],
    ['it works for another mediator', { claims: { mediatorId: freshId() } }],
    ['nobody answers', { addresses: ['127.0.0.1:1'] }],
    ['the name is unknown', { addresses: ['nowhere.invalid:1'] }],
  ])('not when %s', async (_, options) => {
    const node = await mediator.node({ ...options, joins: false });
    const outcome = await unwrap(node.api.POST('/v1/node/reachability'));
    expect(outcome).toMatchObject({ reachable: false, addresses: [{ reachable: false, detail: expect.any(String) }] });
    expect(await shown(node.nodeId)).toMatchObject({ state: 'unreached' });
  });

  test('not when another node’s certificate is shown at its address', async () => {
    const honest = await mediator.node({ joins: false });
    const liar = await mediator.node({ addresses: [honest.address], joins: false });
    expect(await unwrap(liar.api.POST('/v1/node/reachability'))).toMatchObject({ reachable: false });
  });

  test('and counts as offline when its heartbeats stay away', async () => {
    const node = await mediator.node();
    await mediator.clock.advance(100_001);
    expect(await shown(node.nodeId)).toMatchObject({ online: false });
    await node.heartbeat();
    expect(await shown(node.nodeId)).toMatchObject({ online: true });
  });
});

test('a node’s routes want its certificate: no session, no foreign or revoked certificate will do', async () => {
  const client = await mediator.client();
  for (const api of [mediator.api, client.api]) {
    await expect(unwrap(api.POST('/v1/node/reachability'))).rejects.toThrow(failure('auth.certificate-required'));
  }
  const { caPem, mediatorId, baseUrl } = mediator.mediator;
  const pinned = { caPem, expectUri: mediatorUri(mediatorId) };
  await expect(openTestLink(baseUrl, pinned)).rejects.toThrow(failure('auth.certificate-required'));
  const withCertificate = async (certPem: string, keyPem: string) => {
    await expect(openTestLink(baseUrl, { ...pinned, certPem, keyPem })).rejects.toThrow(
      failure('auth.certificate-required'),
    );
    const dispatcher = new Agent({ connect: pinnedConnectOptions({ ...pinned, certPem, keyPem }) });
    try {
      return await unwrap(createMediatorApi({ baseUrl, dispatcher }).POST('/v1/node/reachability'));
    } finally {
      await dispatcher.close();
    }
  };
  const node = await mediator.node();
  const pair = await createTlsKeyPair();
  const nowMs = systemClock.nowMs();
  const foreign = await createCertificateAuthority({
    name: 'foreign',
    mediatorPublicKeyHex: mediator.mediator.mediatorId,
    nowMs,
  });
  const forged = await issueCertificate(foreign, {
    subjectUri: nodeUri(node.nodeId),
    publicKeyPem: pair.publicKeyPem,
    notBeforeMs: nowMs - 1000,
    notAfterMs: nowMs + 1e9,
  });
  await expect(withCertificate(forged, pair.privateKeyPem)).rejects.toThrow(failure('auth.certificate-required'));
  // The first certificate falls out of the newest three.
  for (let renewal = 1; renewal <= 3; renewal += 1) await node.register();
  await expect(node.heartbeat()).rejects.toThrow(failure('auth.certificate-required'));
});

test('offers are listed cheapest first, page by page', async () => {
  for (const price of [3n, 1n, 2n, 2n]) await mediator.node({ price, joins: false, region: 'paged' });
  const seen: string[] = [];
  for (let after: string | undefined; ;) {
    const query = { limit: 2, ...(after !== undefined && { after }) };
    const { nodes } = await unwrap(mediator.api.GET('/v1/nodes', { params: { query } }));
    seen.push(...nodes.map(({ nodeId }) => nodeId));
    if (nodes.length < 2) break;
    after = nodes[1]!.nodeId;
  }
  expect(new Set(seen).size).toBe(seen.length);
  const prices = await Promise.all(seen.map(async (nodeId) => Number((await shown(nodeId)).priceSatPerTbMonth)));
  expect(prices).toEqual([...prices].sort((a, b) => a - b));
  await expect(shown(freshId())).rejects.toThrow(failure('node.unknown'));
});

test('a reported loss is shown to the client, once, and only by the node that holds the shard', async () => {
  const nodes = await mediator.nodes(2);
  const client = await mediator.client();
  const terms = { policy: { dataShards: 1, parityShards: 1 }, regions: ['losing'] };
  for (const node of nodes) await node.register({ region: 'losing' });
  const vaultId = freshId(16);
  await client.newVault(vaultId, terms);
  const upload = await openTestUpload(client, nodes, { vaultId, dataShards: 1 });
  const pack = makePack(mediator, client, upload);
  await commitPacks(client, upload, [pack]);
  const name = { clientId: client.clientId, packId: pack.packId };
  const [first, second] = upload.holders;
  const report = async (node: typeof first, shardIndex: number) => {
    const body = { nodeId: node!.nodeId, reportedAtMs: 1, shards: [{ ...name, shardIndex }] };
    const link = await node!.link();
    await link.hello();
    link.say({ type: 'loss-report', token: signMessage(lossReport, mediator.context, body, node!.key) });
    await link.hear('noted');
    await link.close();
  };
  await report(second, 0);
  await report(first, 0);
  await report(first, 0);
  const located = await unwrap(
    client.api.POST('/v1/vaults/{vaultId}/packs/locate', {
      params: { path: { vaultId } },
      body: { packIds: [pack.packId] },
    }),
  );
  expect(located.packs[0]!.shards.map(({ lost }) => lost)).toEqual([true, false]);
  expect((await shown(second!.nodeId)).freeBytes).toBe((await shown(first!.nodeId)).freeBytes - GROUP);
});

test('a node that lost its cursor is told again what is kept', async () => {
  const nodes = await mediator.nodes(2);
  for (const node of nodes) await node.register({ region: 'forgetful' });
  const client = await mediator.client();
  const vaultId = freshId(16);
  const terms = { policy: { dataShards: 1, parityShards: 1 }, regions: ['forgetful'] };
  await client.newVault(vaultId, terms);
  const upload = await openTestUpload(client, nodes, { vaultId, dataShards: 1 });
  await commitPacks(client, upload, [makePack(mediator, client, upload)]);
  const [node] = upload.holders;
  const orders = await node!.heartbeat(0);
  expect(orders).toHaveLength(1);
  expect(await node!.heartbeat(orders[0]!.order)).toEqual([]);
  await mediator.mediator.runJobs();
  expect(await node!.heartbeat(0)).toEqual(orders);
  expect(await node!.heartbeat(2 ** 40)).toEqual([]);
});

test('a registration that never came to anything is forgotten after a week; nodes that were reached stay', async () => {
  const reached = await mediator.node();
  const silent = await mediator.node({ joins: false, addresses: ['127.0.0.1:9'] });
  expect((await shown(silent.nodeId)).state).toBe('unreached');
  await mediator.clock.advance(6 * 86_400_000);
  await mediator.mediator.runJobs();
  expect((await shown(silent.nodeId)).state).toBe('unreached');
  await mediator.clock.advance(2 * 86_400_000);
  await mediator.mediator.runJobs();
  await expect(shown(silent.nodeId)).rejects.toThrow(failure('node.unknown'));
  expect((await shown(reached.nodeId)).online).toBe(false);
  // Who comes back registers again.
  await register();
});
