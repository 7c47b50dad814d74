/** Money on its way out over HTTP: addresses of nodes, withdrawals, and an admin who stops, allows and sees it. */
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import { createSigningKey, payoutAddress, type SigningKey, signMessage, withdrawal } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import {
  freshDirectory,
  signInAs,
  startTestMediator,
  type TestClient,
  type TestMediator,
  type TestNode,
} from '../testing/test-mediator.ts';
import { testWallet } from '../testing/test-payout-options.ts';

const SEED = 77;
const HOUR_MS = 3_600_000;
let mediator: TestMediator;
let chain: FakeRailChain;
let chief: MediatorApi;
const dataDir = freshDirectory();

beforeAll(async () => {
  chain = createFakeRail();
  const seedFile = join(freshDirectory(), 'hot.seed');
  writeFileSync(seedFile, `${Buffer.alloc(32, SEED).toString('hex')}\n`, { mode: 0o600 });
  const rules = { approvalSats: 50_000n, dailyLimitSats: 400_000n };
  mediator = await startTestMediator({ dataDir, rail: chain.rail, payouts: { hotWallet: { seedFile }, rules } });
  const adminSeed = Buffer.from(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(), 'hex');
  chief = await signedIn(createSigningKey(adminSeed), 'admin');
  await mediator.mediator.runJobs();
  const { fundingAddress } = await unwrap(chief.GET('/v1/payout-status'));
  expect(fundingAddress).toBe(testWallet(SEED).addressAt('p2wpkh', 'receive', 0).address);
  await chain.pay(fundingAddress!, 2_000_000n);
  await chain.mine(6);
});
afterAll(() => mediator.close());

const failure = (code: string): unknown => expect.objectContaining({ code });
async function signedIn(key: SigningKey, role: 'admin' | 'operator'): Promise<MediatorApi> {
  const session = await signInAs(mediator, key, role);
  const { baseUrl } = mediator.mediator;
  return createMediatorApi({ baseUrl, dispatcher: mediator.dispatcher, session: () => session });
}
const withdraw = (client: TestClient, address: string, sats: number, sequence: number) => {
  const body = { clientId: client.clientId, address, sats, sequence, signedAtMs: mediator.clock.nowMs() };
  const signed = signMessage(withdrawal, mediator.context, body, client.key);
  return unwrap(client.api.POST('/v1/withdrawals', { body: { withdrawal: signed } }));
};
const putAddress = (api: MediatorApi, node: TestNode, address: string, sequence: number, key = node.key) => {
  const body = { nodeId: node.nodeId, address, sequence, signedAtMs: mediator.clock.nowMs() };
  const params = { path: { nodeId: node.nodeId } };
  return unwrap(
    api.PUT('/v1/nodes/{nodeId}/payout-address', {
      params,
      body: { payoutAddress: signMessage(payoutAddress, mediator.context, body, key) },
    }),
  );
};

test('an address counts at once, a change after the delay, and can be taken back', async () => {
  const [node, stranger] = (await mediator.nodes(2)) as [TestNode, TestNode];
  const api = await signedIn(node.key, 'operator');
  const first = await chain.outsideAddress();
  const second = await chain.outsideAddress();
  const nowMs = mediator.clock.nowMs();
  expect((await putAddress(api, node, first, 1)).addresses).toMatchObject([{ address: first, effectiveAtMs: nowMs }]);
  const changing = await putAddress(api, node, second, 2);
  expect(changing.addresses).toMatchObject([
    { address: second, effectiveAtMs: nowMs + 72 * HOUR_MS },
    { address: first },
  ]);
  expect((await putAddress(api, node, first, changing.nextSequence)).addresses).toMatchObject([{ address: first }]);
  await expect(putAddress(api, node, second, 2)).rejects.toThrow(failure('payout-address.outdated'));
  const mainnet = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4';
  await expect(putAddress(api, node, mainnet, 4)).rejects.toThrow(failure('address.wrong-network'));
  await expect(putAddress(api, node, 'nonsense', 4)).rejects.toThrow(failure('address.malformed'));
  await expect(putAddress(api, node, second, 4, stranger.key)).rejects.toThrow(failure('message.bad-signature'));
  await expect(putAddress(api, stranger, second, 1, stranger.key)).rejects.toThrow(failure('auth.not-yours'));
  const path = { params: { path: { nodeId: node.nodeId } } };
  const other = await signedIn(stranger.key, 'operator');
  await expect(unwrap(other.GET('/v1/nodes/{nodeId}/payout-address', path))).rejects.toThrow(failure('auth.not-yours'));
  expect((await unwrap(chief.GET('/v1/nodes/{nodeId}/payouts', path))).payouts).toEqual([]);
});

test('a withdrawal: once, cancelled, paused, allowed, limited, paid, and seen step by step', async () => {
  const client = await mediator.client();
  const address = await chain.outsideAddress();
  const before = BigInt((await unwrap(client.api.GET('/v1/account'))).availableMsat);
  const asked = await withdraw(client, address, 30_000, 1);
  expect(asked).toMatchObject({ state: 'waiting', amountSats: '30000' });
  expect(await withdraw(client, address, 30_000, 1)).toEqual(asked);
  await expect(withdraw(client, address, 20_000, 1)).rejects.toThrow(failure('withdrawal.outdated'));
  await expect(withdraw(client, address, 100, 2)).rejects.toThrow(failure('withdrawal.too-small'));
  await expect(withdraw(client, address, 500_000, 2)).rejects.toThrow(failure('withdrawal.too-large'));
  expect(BigInt((await unwrap(client.api.GET('/v1/account'))).availableMsat)).toBe(before - 30_000_000n);

  const stranger = await mediator.client();
  const one = { params: { path: { withdrawalId: asked.withdrawalId } } };
  await expect(unwrap(stranger.api.DELETE('/v1/withdrawals/{withdrawalId}', one))).rejects.toThrow(
    failure('withdrawal.unknown'),
  );
  expect((await unwrap(stranger.api.GET('/v1/withdrawals'))).withdrawals).toEqual([]);
  expect(await unwrap(client.api.DELETE('/v1/withdrawals/{withdrawalId}', one))).toMatchObject({ state: 'cancelled' });
  expect(BigInt((await unwrap(client.api.GET('/v1/account'))).availableMsat)).toBe(before);

  // Above the limit: waits for an admin. Paused: nothing leaves.
  const large = await withdraw(client, address, 80_000, 2);
  const waiting = async () => (await unwrap(chief.GET('/v1/payout-status'))).waiting;
  expect(await waiting()).toMatchObject([{ kind: 'withdrawal', id: large.withdrawalId, reason: 'approval' }]);
  await unwrap(chief.PUT('/v1/payout-pause', { body: { reason: 'a look first' } }));
  const approval = { kind: 'withdrawal', id: large.withdrawalId, upToSats: '80000', note: 'asked by phone' } as const;
  await unwrap(chief.POST('/v1/payout-approvals', { body: approval }));
  await mediator.mediator.runJobs();
  expect((await unwrap(chief.GET('/v1/payouts'))).payouts).toEqual([]);
  expect(await waiting()).toMatchObject([{ reason: 'next' }]);
  await unwrap(chief.DELETE('/v1/payout-pause'));
  await mediator.mediator.runJobs();
  const [batch] = (await unwrap(chief.GET('/v1/payouts'))).payouts;
  expect(batch).toMatchObject({ state: 'broadcast', payeeCount: 1, grossSats: '80000' });
  await expect(
    unwrap(
      client.api.DELETE('/v1/withdrawals/{withdrawalId}', { params: { path: { withdrawalId: large.withdrawalId } } }),
    ),
  ).rejects.toThrow(failure('withdrawal.under-way'));
  await chain.mine(6);
  await mediator.mediator.runJobs();
  const path = { params: { path: { batchId: batch!.batchId } } };
  const detail = await unwrap(chief.GET('/v1/payouts/{batchId}', path));
  expect(detail).toMatchObject({ state: 'final', payees: [{ kind: 'withdrawal', id: large.withdrawalId, address }] });
  expect(detail.steps.map(({ step }) => step)).toEqual(['signed', 'broadcast', 'final']);
  expect(JSON.stringify(detail)).not.toContain(Buffer.alloc(32, SEED).toString('hex'));
  const [paid] = (await unwrap(client.api.GET('/v1/withdrawals'))).withdrawals;
  expect(paid).toMatchObject({ state: 'paid', txid: batch!.txid, feeShareSats: batch!.feeSats });

  for (const attempt of [
    () => unwrap(client.api.GET('/v1/payouts')),
    () => unwrap(client.api.GET('/v1/payout-status')),
    () => unwrap(client.api.GET('/v1/payouts/{batchId}', path)),
    () => unwrap(client.api.PUT('/v1/payout-pause', { body: { reason: 'no' } })),
    () => unwrap(client.api.DELETE('/v1/payout-pause')),
    () => unwrap(client.api.POST('/v1/payout-approvals', { body: approval })),
  ]) {
    await expect(attempt()).rejects.toThrow(failure('auth.required'));
  }
  expect((await unwrap(chief.GET('/v1/ledger/faults'))).faults).toEqual([]);
});

test('what waits is shown while the node is away, with its state', async () => {
  const client = await mediator.client();
  const { withdrawalId } = await withdraw(client, await chain.outsideAddress(), 30_000, 1);
  const status = () => unwrap(chief.GET('/v1/payout-status'));
  const { height } = await chain.tip();
  expect(await status()).toMatchObject({ rail: { state: 'ready', height }, waiting: [{ id: withdrawalId }] });
  await chain.goAway();
  const away = await status();
  expect(away).toMatchObject({
    enabled: true,
    rail: { state: 'away', detail: expect.stringMatching(/\S/) },
    waiting: [{ id: withdrawalId, reason: 'chain' }],
  });
  expect(away.satPerKvb).toBeUndefined();
  await chain.fallBehind();
  expect(await status()).toMatchObject({ rail: { state: 'syncing', height, progress: 0.5 } });
  await chain.comeBack();
  expect((await status()).waiting).toMatchObject([{ reason: 'next' }]);
});

test('what somebody else signed, or was signed long ago, moves nothing, whoever’s session brings it', async () => {
  const [client, thief] = [await mediator.client(), await mediator.client()];
  const [node, stranger] = (await mediator.nodes(2)) as [TestNode, TestNode];
  const api = await signedIn(node.key, 'operator');
  const address = await chain.outsideAddress();
  const terms = { address, sequence: 1, signedAtMs: mediator.clock.nowMs() };
  const take = (by: TestClient, body: Partial<{ clientId: string; signedAtMs: number }> = {}) => {
    const asked = { clientId: by.clientId, sats: 10_000, ...terms, ...body };
    const signed = signMessage(withdrawal, mediator.context, asked, by.key);
    return unwrap(client.api.POST('/v1/withdrawals', { body: { withdrawal: signed } }));
  };
  const put = (by: TestNode, body: Partial<{ nodeId: string; signedAtMs: number }> = {}) => {
    const signed = signMessage(payoutAddress, mediator.context, { nodeId: by.nodeId, ...terms, ...body }, by.key);
    const params = { path: { nodeId: node.nodeId } };
    return unwrap(api.PUT('/v1/nodes/{nodeId}/payout-address', { params, body: { payoutAddress: signed } }));
  };
  const early = { signedAtMs: terms.signedAtMs - HOUR_MS };
  await expect(take(thief)).rejects.toThrow(failure('auth.not-yours'));
  await expect(take(thief, { clientId: client.clientId })).rejects.toThrow(failure('message.bad-signature'));
  await expect(take(client, early)).rejects.toThrow(failure('message.clock-skew'));
  await expect(put(stranger)).rejects.toThrow(failure('auth.not-yours'));
  await expect(put(stranger, { nodeId: node.nodeId })).rejects.toThrow(failure('message.bad-signature'));
  await expect(put(node, early)).rejects.toThrow(failure('message.clock-skew'));
  expect((await unwrap(client.api.GET('/v1/withdrawals'))).withdrawals).toEqual([]);
  expect(await put(node)).toMatchObject({ addresses: [{ address }] });
  expect(await take(client)).toMatchObject({ state: 'waiting' });
});
