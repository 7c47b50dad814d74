/** Paying in over HTTP: who gets which address, who sees which deposits, and a mediator that takes none. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import { createSigningKey } from '@holdfast/protocol';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testAccountKey } from '../testing/test-deposits.ts';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import {
  freshDirectory,
  signInAs,
  startTestMediator,
  TEST_MONEY,
  type TestMediator,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let chain: FakeRailChain;
const dataDir = freshDirectory();
beforeAll(async () => {
  chain = createFakeRail();
  const deposits = { key: testAccountKey(11), rules: { large: { sats: 1_000_000n, confirmations: 6 } } };
  mediator = await startTestMediator({ dataDir, rail: chain.rail, deposits });
});
afterAll(() => mediator.close());

const failure = (code: string): unknown => expect.objectContaining({ code });
const addressOf = (client: { api: ReturnType<typeof createMediatorApi> }, isNew = false) =>
  unwrap(client.api.POST('/v1/deposits/address', { body: { new: isNew } }));
async function admin(): Promise<ReturnType<typeof createMediatorApi>> {
  const seed = Buffer.from(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim(), 'hex');
  const session = await signInAs(mediator, createSigningKey(seed), 'admin');
  return createMediatorApi({
    baseUrl: mediator.mediator.baseUrl,
    dispatcher: mediator.dispatcher,
    session: () => session,
  });
}

test('from the address to the balance, and nobody sees the deposits of others', async () => {
  const client = await mediator.client();
  const { address, confirmations, largeSats, largeConfirmations, network } = await addressOf(client);
  expect({ confirmations, largeSats, largeConfirmations, network }).toEqual({
    confirmations: 3,
    largeSats: '1000000',
    largeConfirmations: 6,
    network: 'regtest',
  });
  expect((await addressOf(client)).address).toBe(address);
  await mediator.mediator.runJobs();
  const { txid } = await chain.pay(address, 70_000n);
  await mediator.mediator.runJobs();
  const seen = await unwrap(client.api.GET('/v1/deposits'));
  expect(seen).toMatchObject({ owedMsat: '0', deposits: [{ txid, state: 'seen', sats: '70000', confirmations: 0 }] });
  expect((await addressOf(client)).address).not.toBe(address);
  await chain.mine(3);
  await mediator.mediator.runJobs();
  const [credited] = (await unwrap(client.api.GET('/v1/deposits'))).deposits;
  expect(credited).toMatchObject({ state: 'credited', confirmations: 3, requiredConfirmations: 3 });
  const account = await unwrap(client.api.GET('/v1/account'));
  expect(account.availableMsat).toBe(String(TEST_MONEY + 70_000_000n));

  const other = await mediator.client();
  expect((await unwrap(other.api.GET('/v1/deposits'))).deposits).toEqual([]);
  const query = { clientId: client.clientId };
  await expect(unwrap(other.api.GET('/v1/deposits', { params: { query } }))).rejects.toThrow(failure('auth.not-yours'));
  const chief = await admin();
  expect((await unwrap(chief.GET('/v1/deposits', { params: { query } }))).deposits).toHaveLength(1);
  await expect(unwrap(chief.POST('/v1/deposits/address', { body: {} }))).rejects.toThrow(failure('auth.required'));
});

test('twenty addresses that nothing came to, and no more', async () => {
  const client = await mediator.client();
  const given = new Set<string>();
  for (let count = 0; count < 20; count += 1) given.add((await addressOf(client, true)).address);
  expect(given.size).toBe(20);
  await expect(addressOf(client, true)).rejects.toThrow(failure('deposit.too-many-addresses'));
  expect(given).toContain((await addressOf(client)).address);
  expect((await addressOf(await mediator.client())).address).not.toBe('');
});

test('a mediator without a node takes no deposits, says so, and does everything else', async () => {
  const plain = await startTestMediator();
  try {
    const client = await plain.client();
    await expect(addressOf(client)).rejects.toThrow(failure('deposit.off'));
    expect(await unwrap(client.api.GET('/v1/deposits'))).toEqual({ deposits: [], owedMsat: '0' });
    await plain.mediator.runJobs();
  } finally {
    await plain.close();
  }
});

test('a key of another network stops the start with a sentence', async () => {
  const key = testAccountKey(11);
  await expect(startTestMediator({ rail: chain.rail, network: 'mainnet', deposits: { key } })).rejects.toThrow(
    failure('wallet-key.wrong-network'),
  );
});
