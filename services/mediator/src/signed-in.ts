/** For commands beside a running mediator: signs in to it as admin, with the key in its data directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import {
  type Listen,
  mediatorUri,
  pinnedConnectOptions,
  PlatformError,
  systemClock,
  systemErrorCode,
} from '@holdfast/platform';
import { createSigningKey, type Network, signIn, signMessage, toHex } from '@holdfast/protocol';
import { Agent, type Dispatcher } from 'undici';

export interface RunningMediator {
  readonly dataDir: string;
  readonly listen: Listen;
  readonly network: Network;
}

export interface SignedIn {
  readonly api: MediatorApi;
  readonly baseUrl: string;
  readonly dispatcher: Dispatcher;
  readonly session: string;
}

const TIMEOUT_MS = 30_000;

/** The session ends with `use`. @throws HoldfastError, PlatformError `mediator.not-here` */
export async function asAdmin<T>(
  { dataDir, listen, network }: RunningMediator,
  use: (signedIn: SignedIn) => Promise<T>,
  { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const caPem = await readKey(join(dataDir, 'ca.pem'));
  const mediatorId = toHex(createSigningKey(fromHexFile(await readKey(join(dataDir, 'mediator.key')))).publicKey);
  const key = createSigningKey(fromHexFile(await readKey(join(dataDir, 'admin.key'))));
  const connect = pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) });
  const dispatcher = new Agent({ connect, headersTimeout: timeoutMs });
  const host = ['0.0.0.0', '::'].includes(listen.host) ? 'localhost' : listen.host;
  const baseUrl = `https://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
  try {
    const open = createMediatorApi({ baseUrl, dispatcher });
    const { nonce } = await unwrap(open.POST('/v1/sign-in/nonces'));
    const body = { publicKey: toHex(key.publicKey), role: 'admin', nonce, signedAtMs: systemClock.nowMs() } as const;
    const token = signMessage(signIn, { network, mediatorId }, body, key);
    const { session } = await unwrap(open.POST('/v1/sign-in', { body: { signIn: token } }));
    const api = createMediatorApi({ baseUrl, dispatcher, timeoutMs, session: () => session });
    const outcome = await use({ api, baseUrl, dispatcher, session });
    await unwrap(api.DELETE('/v1/sign-in'));
    return outcome;
  } finally {
    await dispatcher.close();
  }
}

const fromHexFile = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.trim(), 'hex'));

async function readKey(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    throw new PlatformError(
      'mediator.not-here',
      `${path} cannot be read (${code ?? String(error)}).`,
      'Run this as the mediator\u2019s user, with the same HOLDFAST_MEDIATOR_DATA_DIR, after its first start.',
    );
  }
}
