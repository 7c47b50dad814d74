/** The mediator as the node's operator asks it: signed in with the node's key for as long as that takes. */
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import { type SigningContext, signIn, signMessage } from '@holdfast/protocol';
import { Agent } from 'undici';
import type { NodeIdentity, PinnedMediator } from './registration/index.ts';

export interface OperatorSessionOptions extends PinnedMediator {
  readonly baseUrl: string;
  readonly identity: Pick<NodeIdentity, 'nodeId' | 'signingKey'>;
  readonly signing: SigningContext;
  readonly nowMs: () => number;
}

const TIMEOUT_MS = 30_000;

/** @throws HoldfastError what the mediator refuses, `remote.unreachable` when it is away */
export async function asOperator<T>(
  options: OperatorSessionOptions,
  use: (api: MediatorApi) => Promise<T>,
): Promise<T> {
  const { baseUrl, caPem, mediatorId, identity, signing, nowMs } = options;
  const dispatcher = new Agent({ connect: pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) }) });
  try {
    const open = createMediatorApi({ baseUrl, dispatcher, timeoutMs: TIMEOUT_MS });
    const { nonce } = await unwrap(open.POST('/v1/sign-in/nonces'));
    const body = { publicKey: identity.nodeId, role: 'operator', nonce, signedAtMs: nowMs() } as const;
    const token = signMessage(signIn, signing, body, identity.signingKey);
    const { session } = await unwrap(open.POST('/v1/sign-in', { body: { signIn: token } }));
    const api = createMediatorApi({ baseUrl, dispatcher, timeoutMs: TIMEOUT_MS, session: () => session });
    const outcome = await use(api);
    await unwrap(api.DELETE('/v1/sign-in'));
    return outcome;
  } finally {
    await dispatcher.close();
  }
}
