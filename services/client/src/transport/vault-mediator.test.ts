import { describe, expect, test } from '@jest/globals';
import type { MediatorApi } from '@holdfast/http-api';
import { type Clock, createSilentLogger, systemClock, systemRandomness } from '@holdfast/platform';
import { createSigningKey, fail, openMessage, readKeys, toHex } from '@holdfast/protocol';
import { createVaultMediator } from './vault-mediator.ts';

const VAULT_ID = 'ab'.repeat(16);
const READING = {
  signing: { network: 'regtest', mediatorId: 'cd'.repeat(32) },
  signingKey: createSigningKey(new Uint8Array(32).fill(2)),
  randomness: systemRandomness,
} as const;

/** A mediator whose answers come from a list, one a call, and a clock that only notes for how long it was slept. */
function createMediator(answers: (() => unknown)[], signal?: AbortSignal) {
  const sleptMs: number[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (ms: number) => {
      sleptMs.push(ms);
      return Promise.resolve();
    },
  };
  let calls = 0;
  const call = async (): Promise<unknown> => {
    const answer = answers[Math.min(calls, answers.length - 1)]!;
    calls += 1;
    return { data: await answer(), response: new Response(null, { status: 200 }) };
  };
  const api = { GET: call, PUT: call, POST: call, DELETE: call } as unknown as MediatorApi;
  const mediator = createVaultMediator({
    api,
    vaultId: VAULT_ID,
    reading: READING,
    clock,
    logger: createSilentLogger(),
    ...(signal === undefined ? {} : { signal }),
  });
  return { mediator, sleptMs, calls: () => calls };
}

const away = (): never => {
  throw fail('remote.unreachable', { who: 'The mediator', address: 'x', detail: 'refused' });
};

describe('a mediator that is away', () => {
  test('for a while is waited for, a little longer each time', async () => {
    const { mediator, sleptMs } = createMediator([away, away, away, () => ({ head: 'token' })]);
    expect(await mediator.getHead()).toBe('token');
    expect(sleptMs).toEqual([250, 500, 1000]);
  });

  test('for longer than half a minute is given up with what is the matter', async () => {
    const { mediator, sleptMs, calls } = createMediator([away]);
    const giveUp = mediator.commitPacks('cd'.repeat(16), []);
    await expect(giveUp).rejects.toThrow('The mediator');
    await expect(giveUp).rejects.toMatchObject({ code: 'remote.unreachable' });
    expect(calls()).toBe(sleptMs.length + 1);
    expect(sleptMs.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(30_000);
  });

  test('is not waited for when the user has enough', async () => {
    const user = new AbortController();
    const { mediator, calls } = createMediator(
      [
        () => {
          user.abort();
          return away();
        },
      ],
      user.signal,
    );
    await expect(mediator.getVault()).rejects.toMatchObject({ code: 'client.interrupted' });
    expect(calls()).toBe(1);
  });

  test('is not asked again for what it refused', async () => {
    const { mediator, calls } = createMediator([
      () => {
        throw fail('head.conflict', { sequence: 3 });
      },
    ]);
    await expect(mediator.putHead('token')).rejects.toMatchObject({ code: 'head.conflict' });
    expect(calls()).toBe(1);
  });
});

test('each node is read from under a key of its own, made for this answer', async () => {
  const nodes = Array.from({ length: 3 }, (_, at) => ({
    nodeId: `0${at}`.repeat(32),
    addresses: ['127.0.0.1:1'],
    grant: `grant ${at}`,
    online: true,
  }));
  const shards = nodes.map(({ nodeId }) => ({ nodeId, root: 'ef'.repeat(32), lost: false }));
  const asked: { readKeys: string }[] = [];
  const api = {
    POST: async (_: string, { body }: { body: { readKeys: string } }) => {
      asked.push(body);
      return { data: { packs: [{ packId: '11'.repeat(32), shards }], nodes }, response: new Response() };
    },
  } as unknown as MediatorApi;
  const mediator = createVaultMediator({
    api,
    vaultId: VAULT_ID,
    reading: READING,
    clock: systemClock,
    logger: createSilentLogger(),
  });
  const keysOf = async (): Promise<string[]> => {
    const [places] = await mediator.locatePacks(['11'.repeat(32)]);
    return places!.shards.map(({ target }) => toHex(createSigningKey(target.readSeed!).publicKey));
  };
  const first = await keysOf();
  const second = await keysOf();
  const clientId = toHex(READING.signingKey.publicKey);
  expect(new Set([...first, ...second, clientId]).size).toBe(7);
  for (const [at, keys] of [first, second].entries()) {
    const said = openMessage(readKeys, READING.signing, asked[at]!.readKeys);
    expect(said.clientId).toBe(clientId);
    expect(said.keys.slice(0, 3)).toEqual(keys);
  }
});
