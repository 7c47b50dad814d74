/** Liabilities and reconciliations over HTTP: everybody verifies its own, admins compare and resolve, nobody else does. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMediatorApi, entriesSince, type MediatorApi, unwrap } from '@holdfast/http-api';
import {
  checkAgainstStatement,
  checkBound,
  createSigningKey,
  examineLiability,
  liabilitiesRoot,
  openMessage,
} from '@holdfast/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeAudit, readReconcileArguments, requestReconciliation } from '../reconcile-command.ts';
import { testAccountKey } from '../testing/test-deposits.ts';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import {
  commitPacks,
  freshDirectory,
  makePack,
  openTestUpload,
  signInAs,
  startTestMediator,
  type TestClient,
  type TestMediator,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let chain: FakeRailChain;
const dataDir = freshDirectory();
beforeAll(async () => {
  chain = createFakeRail();
  mediator = await startTestMediator({ dataDir, rail: chain.rail, deposits: { key: testAccountKey(12) } });
});
afterAll(() => mediator.close());

const failure = (code: string): unknown => expect.objectContaining({ code });
const apiOf = (session?: string): MediatorApi => {
  const { baseUrl } = mediator.mediator;
  return createMediatorApi({ baseUrl, dispatcher: mediator.dispatcher, ...(session && { session: () => session }) });
};
async function admin(): Promise<MediatorApi> {
  const seed = Buffer.from(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(), 'hex');
  return apiOf(await signInAs(mediator, createSigningKey(seed), 'admin'));
}
const context = () => ({ network: 'regtest' as const, mediatorId: mediator.mediator.mediatorId });
const publish = async () => unwrap((await admin()).POST('/v1/admin/reconciliations'));
const own = (api: MediatorApi, sequence?: number) =>
  unwrap(api.GET('/v1/liabilities/mine', { params: { query: sequence === undefined ? {} : { sequence } } }));

/** As `holdfast verify-liabilities` does. */
async function verify(client: TestClient) {
  const { clientId, api } = client;
  const examined = examineLiability(context(), { kind: 'client', ownerId: clientId }, await own(api));
  const path = { clientId };
  const balance = await unwrap(api.GET('/v1/clients/{clientId}/balance', { params: { path } }));
  const since = await entriesSince(async (before) => {
    const query = { limit: 2, ...(before !== undefined && { before }) };
    return (await unwrap(api.GET('/v1/clients/{clientId}/statement', { params: { path, query } }))).entries;
  }, examined.throughTransferNo);
  checkAgainstStatement(examined.freeMsat, BigInt(balance.availableMsat), since);
  checkBound(examined.boundMsat, BigInt(balance.heldMsat) + BigInt(balance.reservedMsat), since);
  return { ...examined, since: since.length };
}

test('before anything is published, that is said', async () => {
  await expect(unwrap(apiOf().GET('/v1/liabilities', { params: { query: {} } }))).rejects.toThrow(
    failure('liabilities.none'),
  );
});

test('a client verifies its own, also after its money has moved on', async () => {
  const client = await mediator.client();
  const nodes = await mediator.nodes(4);
  await openTestUpload(client, nodes, { bytes: 2e9 });
  await publish();
  const before = await verify(client);
  expect(before.boundMsat).toBeGreaterThan(0n);
  expect(before.since).toBe(0);

  const upload = await openTestUpload(client, nodes, { bytes: 2e9 });
  const pack = makePack(mediator, client, upload, {});
  await commitPacks(client, upload, [pack]);
  const after = await verify(client);
  expect(after).toMatchObject({ amountMsat: before.amountMsat, sequence: before.sequence });
  expect(after.since).toBeGreaterThan(0);
  await publish();
  expect((await verify(client)).sequence).toBe(before.sequence + 1);
  // the old one can still be had, and still holds
  const old = examineLiability(
    context(),
    { kind: 'client', ownerId: client.clientId },
    await own(client.api, before.sequence),
  );
  expect(old.amountMsat).toBe(before.amountMsat);
});

test('the root is for anybody, a proof only for its owner', async () => {
  const root = await unwrap(apiOf().GET('/v1/liabilities', { params: { query: {} } }));
  const signed = openMessage(liabilitiesRoot, context(), root.token);
  expect(signed).toMatchObject({ root: root.root, sequence: root.sequence, leafCount: root.leafCount });
  await expect(own(apiOf())).rejects.toThrow(failure('auth.required'));
  await expect(own(await admin())).rejects.toThrow(failure('auth.required'));
  const one = await mediator.client();
  const two = await mediator.client();
  await publish();
  const answer = await own(one.api);
  expect(answer.proof?.ownerId).toBe(one.clientId);
  // the same amount, and yet nothing for somebody else
  expect(() => examineLiability(context(), { kind: 'client', ownerId: two.clientId }, answer)).toThrow(
    failure('liabilities.not-proven'),
  );
  await expect(own(one.api, 9_999)).rejects.toThrow(failure('liabilities.unknown'));
});

test('a mediator that counted in less is found out', async () => {
  const client = await mediator.client();
  await publish();
  const { freeMsat } = await verify(client);
  expect(() => checkAgainstStatement(freeMsat - 1n, freeMsat, [])).toThrow(failure('liabilities.wrong-amount'));
  const entry = { transferNo: '9', kind: 'reserve', account: 'available', amountMsat: '-40' };
  expect(() => checkAgainstStatement(freeMsat, freeMsat - 40n, [entry])).not.toThrow();
  expect(() => checkBound(60n, 100n, [entry])).not.toThrow();
  expect(() => checkBound(59n, 100n, [entry])).toThrow(failure('liabilities.wrong-amount'));
  const answer = await own(client.api);
  const { proof } = answer;
  const creditor = { kind: 'client', ownerId: client.clientId } as const;
  for (const changed of [
    { ...proof!, freeMsat: String(freeMsat - 1n) },
    { ...proof!, freeMsat: String(freeMsat - 1n), amountMsat: String(freeMsat - 1n) },
    { ...proof!, amountMsat: '-5' },
  ]) {
    expect(() => examineLiability(context(), creditor, { ...answer, proof: changed })).toThrow(
      failure('liabilities.not-proven'),
    );
  }
  const [head, tail] = [answer.liabilities.token.slice(0, -4), answer.liabilities.token.slice(-4)];
  const forged = { token: `${head}${tail === 'AAAA' ? 'BBBB' : 'AAAA'}` };
  expect(() => examineLiability(context(), creditor, { ...answer, liabilities: forged })).toThrow(
    failure('message.bad-signature'),
  );
});

test('admins compare ledger and chain and resolve what differs, others do not', async () => {
  const client = await mediator.client();
  const refused = failure('auth.required');
  for (const api of [client.api, apiOf()]) {
    await expect(unwrap(api.POST('/v1/admin/reconciliations'))).rejects.toThrow(refused);
    await expect(unwrap(api.GET('/v1/admin/reconciliations', { params: { query: {} } }))).rejects.toThrow(refused);
  }
  await mediator.mediator.runJobs();
  const { address } = await unwrap(client.api.POST('/v1/deposits/address', { body: {} }));
  await chain.pay(address, 70_000n);
  await chain.mine(3);
  const outcome = await publish();
  expect(outcome.unreconciled).toBeUndefined();
  expect(outcome.reconciliation).toMatchObject({
    state: 'balanced',
    chainSats: '70000',
    ledgerMsat: '70000000',
    differences: [],
  });
  const { token } = outcome.liabilities;
  expect(openMessage(liabilitiesRoot, context(), token).assets).toMatchObject([{ sats: 70_000n }]);
  const chief = await admin();
  const { number } = outcome.reconciliation!;
  const path = { number };
  expect(await unwrap(chief.GET('/v1/admin/reconciliations/{number}', { params: { path } }))).toEqual(
    outcome.reconciliation,
  );
  const { reconciliations } = await unwrap(chief.GET('/v1/admin/reconciliations', { params: { query: { limit: 1 } } }));
  expect(reconciliations).toEqual([outcome.reconciliation]);
  await expect(
    unwrap(chief.POST('/v1/admin/reconciliations/{number}/resolution', { params: { path }, body: { note: 'x' } })),
  ).rejects.toThrow(failure('reconciliation.no-difference'));
});

test('the command says what it came to', async () => {
  const running = {
    dataDir,
    listen: { host: '127.0.0.1', port: Number(new URL(mediator.mediator.baseUrl).port) },
    network: 'regtest' as const,
  };
  // The command signs with the machine's clock; the mediator's is simulated.
  await expect(requestReconciliation(running, {})).rejects.toThrow(failure('message.clock-skew'));
  const text = describeAudit(await publish());
  expect(text).toMatch(/70000 sat on the chain at block \d+, 70000 sat in the ledger\.\nThey agree to the satoshi\./);
  expect(text).toMatch(/Published: root \d+, \d+ sat are owed to \d+ clients and nodes\./);
  await chain.goAway();
  expect(describeAudit(await publish())).toContain('were not compared: the Bitcoin node is away');
  await chain.comeBack();
});

test.each([
  [['--note', 'x'], 'belong to --resolve'],
  [['--resolve', '0', '--note', 'x'], 'not "0"'],
  [['--resolve', '3'], '--note says what'],
  [['--what'], '--what'],
])('the command refuses %p', (args, problem) => {
  expect(() => readReconcileArguments(args)).toThrow(problem);
});

test('the command takes an admin’s word', () => {
  expect(readReconcileArguments([])).toEqual({});
  const resolve = { number: 3, note: 'mine', book: true };
  expect(readReconcileArguments(['--resolve', '3', '--note', 'mine', '--book'])).toEqual({ resolve });
});
