/** Money over HTTP: credits of admins, mandates, and what an upload, a commit and a drop do to a balance. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import { createSigningKey } from '@holdfast/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requestCredit } from '../credit-command.ts';
import {
  commitPacks,
  freshDirectory,
  freshId,
  GROUP,
  keyFrom,
  makePack,
  openTestUpload,
  signDrop,
  signInAs,
  signMandate,
  startTestMediator,
  TEST_MONEY,
  type TestClient,
  type TestMediator,
  type TestNode,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let nodes: TestNode[];
const dataDir = freshDirectory();
beforeAll(async () => {
  mediator = await startTestMediator({ dataDir });
  nodes = await mediator.nodes(4);
});
afterAll(() => mediator.close());

const account = (client: TestClient) => unwrap(client.api.GET('/v1/account'));
const failure = (code: string): unknown => expect.objectContaining({ code });
const apiOf = (session: string): MediatorApi =>
  createMediatorApi({ baseUrl: mediator.mediator.baseUrl, dispatcher: mediator.dispatcher, session: () => session });

/** Signed in, and without money. */
async function poorClient(): Promise<TestClient> {
  const seed = freshId();
  const key = keyFrom(seed);
  const session = await signInAs(mediator, key, 'client');
  const rich = await mediator.client();
  return { ...rich, clientId: Buffer.from(key.publicKey).toString('hex'), key, session, api: apiOf(session) };
}

test('an upload reserves, a commit holds, the end of the upload and a drop give back', async () => {
  const client = await mediator.client();
  expect(await account(client)).toMatchObject({ availableMsat: String(TEST_MONEY), heldMsat: '0', reservedMsat: '0' });
  const upload = await openTestUpload(client, nodes, { bytes: 2e9 });
  const opened = await account(client);
  // 1 GB and a bit at each of four nodes that ask 1,000 sat per TB.
  const reserved = BigInt(opened.reservedMsat);
  expect(reserved).toBeGreaterThan(4_000n);
  expect(BigInt(opened.availableMsat)).toBe(TEST_MONEY - reserved);
  const lengthBytes = 512 * GROUP;
  const packs = [
    makePack(mediator, client, upload, { lengthBytes }),
    makePack(mediator, client, upload, { lengthBytes }),
  ];
  await commitPacks(client, upload, packs);
  const held = 4n * ((2n * BigInt(lengthBytes) * 1_000n * 1_000n) / 10n ** 12n);
  const committed = await account(client);
  expect(BigInt(committed.heldMsat)).toBe(held);
  expect(BigInt(committed.reservedMsat)).toBe(reserved - held);
  const path = { params: { path: { vaultId: upload.vaultId, uploadId: upload.uploadId } } };
  await unwrap(client.api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', path));
  const ended = await account(client);
  expect(BigInt(ended.reservedMsat)).toBeLessThan(reserved - held);
  expect(BigInt(ended.availableMsat) + BigInt(ended.heldMsat) + BigInt(ended.reservedMsat)).toBe(BigInt(TEST_MONEY));
  const drop = signDrop(mediator, client, upload.vaultId, [packs[0]!.packId]);
  const vault = { params: { path: { vaultId: upload.vaultId } } };
  await unwrap(client.api.POST('/v1/vaults/{vaultId}/packs/drop', { ...vault, body: { drop } }));
  const left = BigInt((await account(client)).heldMsat);
  // Fractions of a millisatoshi are carried, at each of four nodes.
  expect(left).toBeLessThanOrEqual(held / 2n);
  expect(left).toBeGreaterThanOrEqual(held / 2n - 4n);
});

test('without money nothing is opened; a credit helps, and is booked once', async () => {
  const client = await poorClient();
  const vaultId = freshId(16);
  const policy = { dataShards: 2, parityShards: 2 };
  await unwrap(client.api.POST('/v1/vaults', { body: { vaultId, terms: { policy } } }));
  const path = { params: { path: { vaultId } } };
  const open = () => unwrap(client.api.POST('/v1/vaults/{vaultId}/uploads', { ...path, body: { bytes: 2e9 } }));
  await expect(open()).rejects.toThrow(failure('mandate.missing'));
  const mandate = signMandate(mediator, client, vaultId, { policy });
  const put = () => unwrap(client.api.PUT('/v1/vaults/{vaultId}/mandate', { ...path, body: { mandate } }));
  expect(await put()).toMatchObject({ sequence: 1, inForce: true, mandate });
  expect(await put()).toMatchObject({ sequence: 1 });
  await expect(open()).rejects.toThrow(failure('money.insufficient'));
  const free = await Promise.all(nodes.map(({ nodeId }) => freeBytesOf(nodeId)));

  const { port } = new URL(mediator.mediator.baseUrl);
  const running = { dataDir, listen: { host: '127.0.0.1', port: Number(port) }, network: 'regtest' as const };
  const credit = { clientId: client.clientId, sats: 50n, note: 'to begin with', reference: 'the first' };
  // The command signs with the machine's clock; the mediator's is simulated.
  await expect(requestCredit(running, credit)).rejects.toThrow(failure('message.clock-skew'));
  const seed = Buffer.from(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(), 'hex');
  const admin = apiOf(await signInAs(mediator, createSigningKey(seed), 'admin'));
  const body = { clientId: client.clientId, amountMsat: '50000', reference: 'the first', note: 'to begin with' };
  const book = (api: MediatorApi) => unwrap(api.POST('/v1/admin/credits', { body }));
  await expect(book(client.api)).rejects.toThrow(failure('auth.required'));
  expect(await book(admin)).toEqual({ booked: true, availableMsat: '50000' });
  expect(await book(admin)).toEqual({ booked: false, availableMsat: '50000' });
  expect(await Promise.all(nodes.map(({ nodeId }) => freeBytesOf(nodeId)))).toEqual(free);
  expect((await open()).nodes).toHaveLength(4);
});

const freeBytesOf = async (nodeId: string): Promise<number> =>
  (await unwrap(mediator.api.GET('/v1/nodes/{nodeId}', { params: { path: { nodeId } } }))).freeBytes;

test('the mandate decides which nodes are chosen, and how much they may cost', async () => {
  const client = await mediator.client();
  const vaultId = freshId(16);
  const policy = { dataShards: 1, parityShards: 1 };
  await client.newVault(vaultId, { policy });
  const path = { params: { path: { vaultId } } };
  const open = (bytes: number) => unwrap(client.api.POST('/v1/vaults/{vaultId}/uploads', { ...path, body: { bytes } }));
  const put = (terms: object, changes: object) => {
    const body = { mandate: signMandate(mediator, client, vaultId, { policy, ...terms }, changes) };
    return unwrap(client.api.PUT('/v1/vaults/{vaultId}/mandate', { ...path, body }));
  };
  const shown = () => unwrap(client.api.GET('/v1/vaults/{vaultId}', path));
  await put({ maxPriceSatPerTbMonth: '999' }, { sequence: 2 });
  // What is shown and quoted goes by it, too, not by what the vault was opened with.
  expect(await shown()).toMatchObject({ terms: { policy, maxPriceSatPerTbMonth: '999' } });
  expect((await shown()).warning).toContain('0 are on offer');
  await expect(open(GROUP)).rejects.toThrow(failure('policy.too-few-nodes'));
  await expect(put({}, { sequence: 1 })).rejects.toThrow(failure('mandate.outdated'));
  await put({}, { sequence: 3, monthlyLimitMsat: 100_000n });
  await expect(open(4e11)).rejects.toThrow(failure('mandate.limit'));
  const { terms } = await shown();
  expect(terms).toMatchObject({ policy, maxPriceSatPerTbMonth: '1000000' });
  const quoted = await unwrap(mediator.api.POST('/v1/quotes', { body: { bytes: 1e10, ...(terms && { terms }) } }));
  const idsOf = (list: readonly { nodeId: string }[]) => list.map(({ nodeId }) => nodeId).toSorted();
  expect(idsOf((await open(1e10)).nodes)).toEqual(idsOf(quoted.chosen));
  await put({}, { sequence: 4, expiresAtMs: mediator.clock.nowMs() + 1_000 });
  await mediator.clock.advance(2_000);
  await expect(open(GROUP)).rejects.toThrow(failure('mandate.expired'));
  expect(await unwrap(client.api.GET('/v1/vaults/{vaultId}', path))).toMatchObject({
    mandate: { sequence: 4, inForce: false },
  });
});

test('what a client is welcomed with is credited once', async () => {
  const welcoming = await startTestMediator({ welcomeSats: 7 });
  try {
    const key = keyFrom('a newcomer');
    for (const session of [await signInAs(welcoming, key, 'client'), await signInAs(welcoming, key, 'client')]) {
      const { baseUrl } = welcoming.mediator;
      const api = createMediatorApi({ baseUrl, dispatcher: welcoming.dispatcher, session: () => session });
      expect((await unwrap(api.GET('/v1/account'))).availableMsat).toBe('7000');
    }
  } finally {
    await welcoming.close();
  }
});
