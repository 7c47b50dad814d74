/** Mandates: signed once, renewed in time with the same terms, and believed only with the client's own signature. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { createSigningKey, mandate, openMessage, signMessage } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { changeMandate, keepMandate, mandatedTerms, readMandate } from './mandate.ts';

const DAY_MS = 86_400_000;
const START_MS = 1_800_000_000_000;
let network: FakeNetwork;
let clock: ReturnType<typeof createSimulatedClock>;
let client: ClientContext;

beforeEach(async () => {
  network = await startFakeNetwork({ nodes: 1, policy: { dataShards: 1, parityShards: 1 } });
  clock = createSimulatedClock(START_MS);
  const { mediatorApi: _, ...context } = Object.getOwnPropertyDescriptors(network.newClient());
  client = Object.defineProperties({}, { ...context, clock: { value: clock } }) as ClientContext;
});
afterEach(() => network.close());

const vault = () => network.mediator.getVault();
const inForce = async () => readMandate(client, await vault());
const keep = async () => keepMandate(client, await vault());

test('a backup signs the default one where there is none, and leaves one alone that lasts', async () => {
  await keep();
  const first = network.mediator.mandate;
  expect(await inForce()).toMatchObject({
    sequence: 1,
    dataShards: 1,
    monthlyLimitMsat: 100_000_000n,
    maxPriceSatPerTbMonth: 100_000n,
    expiresAtMs: START_MS + 365 * DAY_MS,
  });
  await clock.advance(100 * DAY_MS);
  await keep();
  expect(network.mediator.mandate).toBe(first);
});

test('before it expires it is signed again, with the terms that it had', async () => {
  await changeMandate(client, await vault(), {
    monthlyLimitSats: 7n,
    maxPriceSatPerTbMonth: 900n,
    regions: ['eu'],
    avoidOperators: ['carol'],
  });
  const before = await inForce();
  await clock.advance(200 * DAY_MS);
  await keep();
  const nowMs = clock.nowMs();
  expect(await inForce()).toEqual({
    ...before,
    sequence: 2,
    signedAtMs: nowMs,
    expiresAtMs: nowMs + 365 * DAY_MS,
  });
});

test('a change touches nothing else', async () => {
  await changeMandate(client, await vault(), { regions: ['eu'] });
  const after = await changeMandate(client, await vault(), { monthlyLimitSats: 0n });
  expect(after).toMatchObject({ sequence: 2, regions: ['eu'], monthlyLimitMsat: 0n, maxPriceSatPerTbMonth: 100_000n });
  expect(await inForce()).toEqual(after);
});

test('one that somebody else signed, or that is about another vault, is not renewed', async () => {
  await keep();
  const own = openMessage(mandate, client.signing, network.mediator.mandate!);
  const stranger = createSigningKey(new Uint8Array(32).fill(3));
  const shows = async (token: string) => ({
    ...(await vault()),
    mandate: { ...(await vault()).mandate!, mandate: token },
  });
  const ofStranger = { ...own, clientId: Buffer.from(stranger.publicKey).toString('hex') };
  const forged = await shows(signMessage(mandate, client.signing, ofStranger, stranger));
  await expect(keepMandate(client, forged)).rejects.toThrow('mandate of another vault');
  const elsewhere = signMessage(mandate, client.signing, { ...own, vaultId: 'ab'.repeat(16) }, client.signingKey);
  await expect(changeMandate(client, await shows(elsewhere), {})).rejects.toThrow('mandate of another vault');
  expect((await inForce())?.sequence).toBe(1);
});

test('quotes go by the mandate, and before there is one by that which the first backup will sign', async () => {
  const policy = { dataShards: 1, parityShards: 1 };
  const opened = { ...(await vault()), terms: { policy, regions: ['eu'] } };
  const first = { policy, maxPriceSatPerTbMonth: '100000', regions: ['eu'], avoidOperators: [] };
  expect(mandatedTerms(client, opened)).toEqual(first);
  await keepMandate(client, opened);
  expect(mandatedTerms(client, { ...(await vault()), terms: {} })).toEqual(first);
  await changeMandate(client, await vault(), { maxPriceSatPerTbMonth: 900n, regions: [], avoidOperators: ['carol'] });
  // What the vault was opened with does not count any more.
  expect(mandatedTerms(client, { ...(await vault()), terms: opened.terms })).toEqual({
    policy,
    maxPriceSatPerTbMonth: '900',
    regions: [],
    avoidOperators: ['carol'],
  });
});
