/** Asking the mediator for whatever its API shows, by path: what the `show` commands of all parties have in common. */
import { type Role, signIn, type SigningContext, type SigningKey, signMessage, toHex } from '@holdfast/protocol';
import type { Dispatcher } from 'undici';
import { createMediatorApi, type MediatorApi, unwrap } from './client.ts';

/** A path of the API, with a query perhaps. */
export const isShownPath = (path: string): boolean => /^\/v1\/[\w./?=&%-]*$/.test(path);

/** `me` in a path stands for who asks. */
const withOwnId = (path: string, ownId: string): string => path.replace(/\/me(?=[/?]|$)/, `/${ownId}`);

/** What the mediator answers. @param ownId in hex. @throws HoldfastError what the mediator says is wrong */
export const getShown = (api: MediatorApi, path: string, ownId: string): Promise<unknown> =>
  // The typed client knows paths with names in them; any one that is whole already is sent as it is.
  unwrap(api.GET(withOwnId(path, ownId) as '/v1/account'));

export interface SignInOptions {
  readonly baseUrl: string;
  readonly dispatcher: Dispatcher;
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly role: Role;
  readonly nowMs: number;
  /** For each request. */
  readonly timeoutMs?: number;
}

/** Signs in for as long as `use` lasts. @throws HoldfastError */
export async function withSignedInApi<T>(options: SignInOptions, use: (api: MediatorApi) => Promise<T>): Promise<T> {
  const { signing, signingKey, role, nowMs } = options;
  const open = createMediatorApi(options);
  const { nonce } = await unwrap(open.POST('/v1/sign-in/nonces'));
  const body = { publicKey: toHex(signingKey.publicKey), role, nonce, signedAtMs: nowMs };
  const token = signMessage(signIn, signing, body, signingKey);
  const { session } = await unwrap(open.POST('/v1/sign-in', { body: { signIn: token } }));
  const api = createMediatorApi({ ...options, session: () => session });
  const outcome = await use(api);
  await unwrap(api.DELETE('/v1/sign-in'));
  return outcome;
}
