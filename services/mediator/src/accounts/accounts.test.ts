import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import { createSeededRandomness } from '@holdfast/platform';
import { type Role, signIn, signMessage, toHex } from '@holdfast/protocol';
import { freshId, keyFrom, signInAs, startTestMediator, type TestMediator } from '../testing/test-mediator.ts';
import { checkNonce, createNonce } from './nonces.ts';

const admin = keyFrom('the admin');
let mediator: TestMediator;
beforeAll(async () => {
  mediator = await startTestMediator({ adminKeys: [toHex(admin.publicKey)] });
});
afterAll(() => mediator.close());

const failure = (code: string): unknown => expect.objectContaining({ code });
const apiWith = (session: string) =>
  createMediatorApi({ baseUrl: mediator.mediator.baseUrl, dispatcher: mediator.dispatcher, session: () => session });
const vaultsWith = (session: string) => unwrap(apiWith(session).GET('/v1/vaults'));

describe('signing in', () => {
  const tokenFor = async (changes: { nonce?: string; signedAtMs?: number; role?: Role; signer?: string } = {}) => {
    const key = keyFrom('somebody');
    const nonce = changes.nonce ?? (await unwrap(mediator.api.POST('/v1/sign-in/nonces'))).nonce;
    const { role = 'client', signedAtMs = mediator.clock.nowMs() } = changes;
    const body = { publicKey: toHex(key.publicKey), role, nonce, signedAtMs };
    return signMessage(signIn, mediator.context, body, changes.signer === undefined ? key : keyFrom(changes.signer));
  };
  const post = (token: string) => unwrap(mediator.api.POST('/v1/sign-in', { body: { signIn: token } }));

  test('gives a session that is good for an hour, and then no more', async () => {
    const { session, role, expiresAtMs } = await post(await tokenFor());
    expect(role).toBe('client');
    expect(expiresAtMs).toBe(mediator.clock.nowMs() + 3_600_000);
    expect(await vaultsWith(session)).toEqual({ vaults: [] });
    await mediator.clock.advance(3_599_999);
    expect(await vaultsWith(session)).toEqual({ vaults: [] });
    await mediator.clock.advance(1);
    await expect(vaultsWith(session)).rejects.toThrow(failure('auth.session-expired'));
  });

  test('uses its nonce up, also when two try at once', async () => {
    const token = await tokenFor();
    const outcomes = await Promise.allSettled([post(token), post(token), post(token)]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(post(token)).rejects.toThrow(failure('auth.nonce-unknown'));
  });

  test('wants a nonce of this mediator that is not too old', async () => {
    await expect(post(await tokenFor({ nonce: freshId() }))).rejects.toThrow(failure('auth.nonce-unknown'));
    const late = await tokenFor();
    await mediator.clock.advance(120_001);
    await expect(post(late)).rejects.toThrow(failure('auth.nonce-unknown'));
  });

  test('wants the right signature, now, and a role that the key may have', async () => {
    await expect(post(await tokenFor({ signer: 'another' }))).rejects.toThrow(failure('message.bad-signature'));
    await expect(post(await tokenFor({ signedAtMs: 1_000 }))).rejects.toThrow(failure('message.clock-skew'));
    await expect(post(await tokenFor({ role: 'admin' }))).rejects.toThrow(failure('auth.role-refused'));
    await expect(signInAs(mediator, admin, 'admin')).resolves.toBeTruthy();
  });
});

test('a session ends when its holder says so', async () => {
  const session = await signInAs(mediator, keyFrom('leaver'), 'client');
  const other = await signInAs(mediator, keyFrom('leaver'), 'client');
  await unwrap(apiWith(session).DELETE('/v1/sign-in'));
  await expect(vaultsWith(session)).rejects.toThrow(failure('auth.session-expired'));
  await expect(vaultsWith(other)).resolves.toEqual({ vaults: [] });
});

test('a route for clients does not open to an operator or an admin', async () => {
  for (const [key, role] of [
    [keyFrom('an operator'), 'operator'],
    [admin, 'admin'],
  ] as const) {
    await expect(vaultsWith(await signInAs(mediator, key, role))).rejects.toThrow(failure('auth.required'));
  }
});

test('an account keeps a bounded number of sessions: the newest', async () => {
  const key = keyFrom('busy');
  const first = await signInAs(mediator, key, 'client');
  await mediator.clock.advance(1);
  let last = '';
  for (let count = 0; count < 64; count += 1) last = await signInAs(mediator, key, 'client');
  await expect(vaultsWith(first)).rejects.toThrow(failure('auth.session-expired'));
  await expect(vaultsWith(last)).resolves.toEqual({ vaults: [] });
});

test('a nonce is good for its key and its time only', () => {
  const randomness = createSeededRandomness('nonces');
  const [key, other] = [randomness.bytes(32), randomness.bytes(32)];
  const nonce = createNonce(key, 1_000, randomness);
  expect(nonce).toMatch(/^[0-9a-f]{64}$/);
  expect(createNonce(key, 1_000, randomness)).not.toBe(nonce);
  expect(checkNonce(key, nonce, 999)).toBe(1_000);
  expect(checkNonce(key, nonce, 1_000)).toBeUndefined();
  expect(checkNonce(other, nonce, 999)).toBeUndefined();
  for (let digit = 0; digit < nonce.length; digit += 1) {
    const changed = nonce.slice(0, digit) + (nonce[digit] === '0' ? '1' : '0') + nonce.slice(digit + 1);
    expect(checkNonce(key, changed, 0)).toBeUndefined();
  }
});
