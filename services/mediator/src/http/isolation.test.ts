/** Nobody sees or changes what isn't theirs: every route of a vault, called by another client, and without anybody signed in. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type MediatorApi, openApiDocuments, unwrap } from '@holdfast/http-api';
import {
  commitPacks,
  makePack,
  openTestUpload,
  signDrop,
  signHead,
  signMandate,
  startTestMediator,
  type TestClient,
  type TestMediator,
  type TestNode,
  type TestUpload,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let owner: TestClient;
let stranger: TestClient;
let nodes: TestNode[];
let upload: TestUpload;
let packId: string;
let before: unknown;

const stateOfOwner = async () => {
  const path = { params: { path: { vaultId: upload.vaultId } } };
  return {
    vault: await unwrap(owner.api.GET('/v1/vaults/{vaultId}', path)),
    head: await unwrap(owner.api.GET('/v1/vaults/{vaultId}/head', path)),
    packs: await unwrap(owner.api.GET('/v1/vaults/{vaultId}/packs', path)),
    orders: await Promise.all(nodes.map((node) => node.heartbeat())),
    nodes: await unwrap(mediator.api.GET('/v1/nodes')),
    account: await unwrap(owner.api.GET('/v1/account')),
  };
};

beforeAll(async () => {
  mediator = await startTestMediator();
  nodes = await mediator.nodes(4);
  owner = await mediator.client();
  stranger = await mediator.client();
  upload = await openTestUpload(owner, nodes);
  const pack = makePack(mediator, owner, upload);
  packId = pack.packId;
  await commitPacks(owner, upload, [pack]);
  const head = signHead(mediator, owner, upload.vaultId, { sequence: 1 });
  await unwrap(
    owner.api.PUT('/v1/vaults/{vaultId}/head', { params: { path: { vaultId: upload.vaultId } }, body: { head } }),
  );
  before = await stateOfOwner();
});
afterAll(() => mediator.close());

type Attempt = (api: MediatorApi) => Promise<unknown>;
const inVault = () => ({ params: { path: { vaultId: upload.vaultId } } });
const inUpload = () => ({ params: { path: { vaultId: upload.vaultId, uploadId: upload.uploadId } } });

/** Each names its operation, so that a new one cannot be forgotten. */
const ATTEMPTS: Record<string, Attempt> = {
  getVault: (api) => unwrap(api.GET('/v1/vaults/{vaultId}', inVault())),
  putMandate: (api) => {
    const body = { mandate: signMandate(mediator, owner, upload.vaultId, upload, { sequence: 2 }) };
    return unwrap(api.PUT('/v1/vaults/{vaultId}/mandate', { ...inVault(), body }));
  },
  openUpload: (api) => unwrap(api.POST('/v1/vaults/{vaultId}/uploads', { ...inVault(), body: { bytes: 1 } })),
  closeUpload: (api) => unwrap(api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', inUpload())),
  listPacks: (api) => unwrap(api.GET('/v1/vaults/{vaultId}/packs', inVault())),
  commitPacks: (api) => {
    const { offered } = makePack(mediator, owner, upload);
    const body = { uploadId: upload.uploadId, packs: [offered] };
    return unwrap(api.POST('/v1/vaults/{vaultId}/packs', { ...inVault(), body }));
  },
  locatePacks: (api) =>
    unwrap(api.POST('/v1/vaults/{vaultId}/packs/locate', { ...inVault(), body: { packIds: [packId] } })),
  dropPacks: (api) => {
    const drop = signDrop(mediator, owner, upload.vaultId, [packId]);
    return unwrap(api.POST('/v1/vaults/{vaultId}/packs/drop', { ...inVault(), body: { drop } }));
  },
  getHead: (api) => unwrap(api.GET('/v1/vaults/{vaultId}/head', inVault())),
  putHead: (api) => {
    const head = signHead(mediator, owner, upload.vaultId, { sequence: 2 });
    return unwrap(api.PUT('/v1/vaults/{vaultId}/head', { ...inVault(), body: { head } }));
  },
};

const vaultOperations = Object.entries(
  (openApiDocuments.mediator as { paths: Record<string, Record<string, { operationId?: string }>> }).paths,
)
  .filter(([path]) => path.startsWith('/v1/vaults/{vaultId}'))
  .flatMap(([, methods]) => Object.values(methods).map(({ operationId }) => operationId))
  .filter((id) => id !== undefined);

test('every operation on a vault is tried', () => {
  expect(Object.keys(ATTEMPTS).sort()).toEqual([...vaultOperations].sort());
});

describe.each(vaultOperations)('%s', (operation) => {
  const attempt: Attempt = (api) => ATTEMPTS[operation]!(api);
  const refusal = (...codes: string[]) =>
    expect.objectContaining({ code: expect.stringMatching(new RegExp(`^(${codes.join('|')})$`)) }) as unknown as Error;

  test('is refused to another client, even with what the owner signed', async () => {
    await expect(attempt(stranger.api)).rejects.toThrow(
      refusal('vault.unknown', 'auth.not-yours', 'upload.unknown', 'pack.bad-commit'),
    );
  });

  test('is refused without a session, and with a node’s certificate', async () => {
    await expect(attempt(mediator.api)).rejects.toThrow(refusal('auth.required'));
    await expect(attempt(nodes[0]!.api)).rejects.toThrow(refusal('auth.required'));
  });
});

test('the same vault id of another client is another vault', async () => {
  const policy = { dataShards: 1, parityShards: 1 };
  const twin = await mediator.client();
  const body = { vaultId: upload.vaultId, terms: { policy } };
  expect(await unwrap(twin.api.POST('/v1/vaults', { body }))).toMatchObject({ policy, packCount: 0 });
  const own = unwrap(twin.api.POST('/v1/vaults/{vaultId}/packs/locate', { ...inVault(), body: { packIds: [packId] } }));
  expect(await own).toEqual({ packs: [], nodes: [] });
  await expect(unwrap(twin.api.GET('/v1/vaults/{vaultId}/head', inVault()))).rejects.toThrow(
    expect.objectContaining({ code: 'head.missing' }),
  );
  const drop = signDrop(mediator, twin, upload.vaultId, [packId]);
  const dropped = unwrap(twin.api.POST('/v1/vaults/{vaultId}/packs/drop', { ...inVault(), body: { drop } }));
  expect(await dropped).toEqual({ dropped: [] });
  expect((await unwrap(stranger.api.GET('/v1/vaults'))).vaults).toEqual([]);
});

test('after all that nothing of the owner’s has changed', async () => {
  expect(await stateOfOwner()).toEqual(before);
});
