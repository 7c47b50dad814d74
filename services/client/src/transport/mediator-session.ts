/** The typed client of the mediator, signed in: a session is opened at the first call and renewed when it ends. */
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import type { Clock } from '@holdfast/platform';
import { signIn, type SigningContext, type SigningKey, signMessage, toHex } from '@holdfast/protocol';
import type { Dispatcher } from 'undici';

export interface MediatorSessionOptions {
  readonly baseUrl: string;
  readonly dispatcher: Dispatcher;
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly clock: Clock;
}

/** A session with less time left than this is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;
const UNAUTHORIZED = 401;

export function createSignedInApi(options: MediatorSessionOptions): MediatorApi {
  const { clock, signingKey } = options;
  const plain = createMediatorApi(options);
  let session: { readonly token: string; readonly expiresAtMs: number } | undefined;
  let signingIn: Promise<void> | undefined;

  const openSession = async (): Promise<void> => {
    const { nonce } = await unwrap(plain.POST('/v1/sign-in/nonces'));
    const body = { publicKey: toHex(signingKey.publicKey), role: 'client', nonce, signedAtMs: clock.nowMs() } as const;
    const token = signMessage(signIn, options.signing, body, signingKey);
    const answer = await unwrap(plain.POST('/v1/sign-in', { body: { signIn: token } }));
    session = { token: answer.session, expiresAtMs: answer.expiresAtMs };
  };
  const ensureSession = async (): Promise<string> => {
    if (session === undefined || session.expiresAtMs - RENEW_BEFORE_MS < clock.nowMs()) {
      signingIn ??= openSession().finally(() => {
        signingIn = undefined;
      });
      await signingIn;
    }
    return session!.token;
  };

  const api = createMediatorApi(options);
  const sent = new Map<string, Request>();
  api.use({
    async onRequest({ request, id }) {
      request.headers.set('authorization', `Bearer ${await ensureSession()}`);
      sent.set(id, request.clone());
      return request;
    },
    async onResponse({ response, options: { fetch }, id }) {
      const again = sent.get(id);
      sent.delete(id);
      if (response.status !== UNAUTHORIZED || again === undefined) return undefined;
      // The session was ended early (a restart, a sign-out elsewhere): open one and send the very same request again.
      await response.body?.cancel();
      session = undefined;
      again.headers.set('authorization', `Bearer ${await ensureSession()}`);
      return fetch(again);
    },
    onError({ id }) {
      sent.delete(id);
    },
  });
  return api;
}
