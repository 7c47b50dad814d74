/** The end of an account over a mediator in memory: what renewals count for, what ended meanwhile, and going on where it stopped. */
import { beforeEach, expect, test } from '@jest/globals';
import { createSimulatedClock } from '@holdfast/platform';
import { createSigningKey, fail, mandate, openMessage, toHex } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import type { Agreement } from './agreements.ts';
import { endEverything, foretellClosing, withdrawEverything } from './close-account.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const signing = { network: 'regtest', mediatorId: 'cd'.repeat(32) } as const;
const signingKey = createSigningKey(new Uint8Array(32).fill(5));
const clientId = toHex(signingKey.publicKey);
const vaultId = 'ab'.repeat(16);
const nodeOf = (name: string): string => name.repeat(64);

type Row = Pick<Agreement, 'agreementId' | 'nodeId' | 'startPeriod' | 'endPeriod' | 'state' | 'storedBytes'>;
const row = (id: string, node: string, terms: Partial<Row> = {}): Row => ({
  agreementId: id.repeat(32),
  nodeId: nodeOf(node),
  startPeriod: 10,
  endPeriod: 20,
  state: 'active',
  storedBytes: 1_000,
  ...terms,
});

let rows: Row[];
/** Their terms are over, but the mediator has not come to say so. */
let over: Set<string>;
let availableMsat: bigint;
let mandates: string[];
let ended: string[];
let enabled: boolean;
let limitSats: bigint;
/** The connection breaks after so many agreements were ended. */
let breaksAfter: number;

beforeEach(() => {
  [rows, over, availableMsat, mandates, ended, enabled, limitSats, breaksAfter] = [
    [row('1', 'a'), row('2', 'b', { state: 'renewed' }), row('3', 'b', { startPeriod: 20, endPeriod: 30 })],
    new Set(),
    7_000_000n,
    [],
    [],
    true,
    1_000_000n,
    Infinity,
  ];
});

const chainOf = (agreementId: string): Row[] => {
  const first = rows.find((one) => one.agreementId === agreementId)!;
  return rows.filter((one) => one === first || (first.state === 'renewed' && one.startPeriod === first.endPeriod));
};

const answers: Record<string, (params: { path: { agreementId: string }; query: { after?: string } }) => unknown> = {
  'GET /v1/withdrawals': () => ({ withdrawals: [], nextSequence: 1, enabled }),
  'GET /v1/clients/{clientId}/agreements': ({ query }) => ({
    agreements: query.after === undefined ? rows.map((one) => ({ ...one, vaultId })) : [],
  }),
  'GET /v1/agreements/{agreementId}/termination': ({ path: { agreementId } }) => {
    if (over.has(agreementId)) throw fail('agreement.ended', { agreementId });
    return { releasedMsat: String(100 * chainOf(agreementId).length) };
  },
  'PUT /v1/agreements/{agreementId}/termination': ({ path: { agreementId } }) => {
    if (over.has(agreementId)) throw fail('agreement.ended', { agreementId });
    if (ended.length >= breaksAfter) throw fail('remote.unreachable', { who: 'It', address: 'x', detail: 'refused' });
    ended.push(agreementId);
    const gone = new Set(chainOf(agreementId));
    rows = rows.map((one) => (gone.has(one) ? { ...one, state: 'ended' as const } : one));
    return {};
  },
  'POST /v1/withdrawals': () => {
    const sats = availableMsat / 1_000n < limitSats ? availableMsat / 1_000n : limitSats;
    availableMsat -= sats * 1_000n;
    return { amountSats: String(sats) };
  },
};

const call =
  (method: string) =>
  async (path: string, { params }: { params?: Parameters<(typeof answers)[string]>[0] } = {}) => ({
    data: answers[`${method} ${path}`]!(params!),
    response: new Response(null, { status: 200 }),
  });

const client = {
  config: { network: 'regtest' },
  clientId,
  signing,
  signingKey,
  clock: createSimulatedClock(1_800_000_000_000),
  mediatorApi: { GET: call('GET'), PUT: call('PUT'), POST: call('POST') },
  mediator: {
    getVault: async () => ({
      vaultId,
      policy: { dataShards: 2, parityShards: 2 },
      ...(mandates.length > 0 && { mandate: { mandate: mandates.at(-1)! } }),
    }),
    putMandate: async (token: string) => void mandates.push(token),
    getAccount: async () => ({ availableMsat: String(availableMsat) }),
  },
} as unknown as ClientContext;

test('an agreement and what renewed it are one, at one node, and come back once', async () => {
  expect(await foretellClosing(client, ADDRESS.toUpperCase())).toEqual({
    address: ADDRESS,
    agreementCount: 2,
    nodeCount: 2,
    storedBytes: 2_000,
    releasedMsat: 300n,
    availableMsat: 7_000_000n,
  });
  expect(mandates).toEqual([]);
});

test('an address that will not do, or a mediator that cannot pay, is told before anything ends', async () => {
  await expect(foretellClosing(client, 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4')).rejects.toMatchObject({
    code: 'address.wrong-network',
  });
  enabled = false;
  await expect(foretellClosing(client, ADDRESS)).rejects.toMatchObject({ code: 'payout.none' });
});

test('where a term is over already, what renewed it is still foretold and ended', async () => {
  over.add('2'.repeat(32));
  expect(await foretellClosing(client, ADDRESS)).toMatchObject({ agreementCount: 2, releasedMsat: 200n });
  expect(await endEverything(client)).toBe(2);
  expect(ended).toEqual(['1'.repeat(32), '3'.repeat(32)]);
});

test('nothing is spent from the first step on, and what broke off goes on: no agreement ends twice', async () => {
  breaksAfter = 1;
  await expect(endEverything(client)).rejects.toMatchObject({ code: 'remote.unreachable' });
  expect(openMessage(mandate, signing, mandates[0]!).monthlyLimitMsat).toBe(0n);
  breaksAfter = Infinity;
  expect(await endEverything(client)).toBe(1);
  expect(ended).toEqual(['1'.repeat(32), '2'.repeat(32)]);
  expect(mandates).toHaveLength(1);
  expect(await endEverything(client)).toBe(0);
});

test('all that is worth sending is withdrawn, in parts where the mediator pays no more at once', async () => {
  limitSats = 3_000n;
  const made = await withdrawEverything(client, ADDRESS);
  expect(made.map(({ amountSats }) => amountSats)).toEqual(['3000', '3000', '1000']);
  availableMsat = 999_999n;
  expect(await withdrawEverything(client, ADDRESS)).toEqual([]);
});
