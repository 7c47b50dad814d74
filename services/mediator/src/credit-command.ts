/** `holdfast-mediator credit`: signs in as admin with the key in the data directory, and credits a client. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import {
  mediatorUri,
  pinnedConnectOptions,
  PlatformError,
  systemClock,
  systemErrorCode,
  systemRandomness,
} from '@holdfast/platform';
import { createSigningKey, isPartyId, type Network, signIn, signMessage, toHex } from '@holdfast/protocol';
import { Agent } from 'undici';
import type { Listen } from './options.ts';

export const CREDIT_HELP = `holdfast-mediator credit CLIENT_ID SATS --note TEXT [--reference TEXT]

Credits a client, on the machine where the mediator runs and with its settings. The ledger keeps the note, and books the
same reference once. The client sees its id with: holdfast balance
`;

export interface CreditRequest {
  readonly clientId: string;
  readonly sats: bigint;
  readonly note: string;
  readonly reference: string;
}

/** @throws PlatformError `config.invalid` */
export function readCreditArguments(args: readonly string[]): CreditRequest {
  const { values, positionals } = parse(args);
  const [clientId = '', sats = '', ...more] = positionals;
  if (!isPartyId(clientId)) throw wrong(`The client's id has 64 hex digits, not "${clientId}".`);
  if (!/^[1-9][0-9]{0,14}$/.test(sats)) throw wrong(`The amount is a whole number of satoshi, not "${sats}".`);
  if (more.length > 0) throw wrong(`"${more[0]}" is one word too many.`);
  if (values.note === undefined || values.note === '') throw wrong('--note says why the client is credited.');
  const reference = values.reference ?? toHex(systemRandomness.bytes(16));
  return { clientId, sats: BigInt(sats), note: values.note, reference };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { note: { type: 'string' }, reference: { type: 'string' } },
      allowPositionals: true,
    });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

const wrong = (problem: string): PlatformError =>
  new PlatformError('config.invalid', problem, 'holdfast-mediator credit --help shows how it is called.');

export interface RunningMediator {
  readonly dataDir: string;
  readonly listen: Listen;
  readonly network: Network;
}

/** Resolves to what the client has available then, in msat. @throws HoldfastError, PlatformError `mediator.not-here` */
export async function requestCredit(
  { dataDir, listen, network }: RunningMediator,
  { clientId, sats, note, reference }: CreditRequest,
): Promise<{ booked: boolean; availableMsat: bigint }> {
  const caPem = await readKey(join(dataDir, 'ca.pem'));
  const mediatorId = toHex(createSigningKey(fromHexFile(await readKey(join(dataDir, 'mediator.key')))).publicKey);
  const key = createSigningKey(fromHexFile(await readKey(join(dataDir, 'admin.key'))));
  const dispatcher = new Agent({ connect: pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) }) });
  const host = ['0.0.0.0', '::'].includes(listen.host) ? 'localhost' : listen.host;
  const baseUrl = `https://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
  try {
    const open = createMediatorApi({ baseUrl, dispatcher });
    const { nonce } = await unwrap(open.POST('/v1/sign-in/nonces'));
    const body = { publicKey: toHex(key.publicKey), role: 'admin', nonce, signedAtMs: systemClock.nowMs() } as const;
    const token = signMessage(signIn, { network, mediatorId }, body, key);
    const { session } = await unwrap(open.POST('/v1/sign-in', { body: { signIn: token } }));
    const api = createMediatorApi({ baseUrl, dispatcher, session: () => session });
    const credit = { clientId, amountMsat: String(sats * 1000n), reference, note };
    const { booked, availableMsat } = await unwrap(api.POST('/v1/admin/credits', { body: credit }));
    await unwrap(api.DELETE('/v1/sign-in'));
    return { booked, availableMsat: BigInt(availableMsat) };
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
