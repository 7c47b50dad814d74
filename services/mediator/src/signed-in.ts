/** For commands beside a running mediator: signs in to it as admin, with the key in its data directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MediatorApi, withSignedInApi } from '@holdfast/http-api';
import {
  type Listen,
  mediatorUri,
  pinnedConnectOptions,
  PlatformError,
  systemClock,
  systemErrorCode,
} from '@holdfast/platform';
import { createSigningKey, type Network, toHex } from '@holdfast/protocol';
import { Agent } from 'undici';

export interface RunningMediator {
  readonly dataDir: string;
  readonly listen: Listen;
  readonly network: Network;
}

export interface SignedIn {
  readonly api: MediatorApi;
  /** The public key, hex. */
  readonly adminId: string;
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
  const signingKey = createSigningKey(fromHexFile(await readKey(join(dataDir, 'admin.key'))));
  const connect = pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) });
  const dispatcher = new Agent({ connect, headersTimeout: timeoutMs });
  const host = ['0.0.0.0', '::'].includes(listen.host) ? 'localhost' : listen.host;
  const baseUrl = `https://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
  try {
    const signing = { network, mediatorId };
    const nowMs = systemClock.nowMs();
    const signedIn = { baseUrl, dispatcher, signing, signingKey, role: 'admin', nowMs, timeoutMs } as const;
    return await withSignedInApi(signedIn, (api) => use({ api, adminId: toHex(signingKey.publicKey) }));
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
