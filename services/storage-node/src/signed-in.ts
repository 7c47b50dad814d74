/** For commands beside a node: signs in to its mediator as the node's operator, with the key in its data directory. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type MediatorApi, withSignedInApi } from '@holdfast/http-api';
import {
  certificateFingerprint,
  certificateUri,
  mediatorUri,
  parseIdentityUri,
  pinnedConnectOptions,
  systemClock,
  systemErrorCode,
} from '@holdfast/platform';
import {
  createSigningKey,
  fail,
  fromHex,
  mediatorBaseUrl,
  type Network,
  parseMediatorAddress,
  type SigningContext,
  type SigningKey,
  toHex,
} from '@holdfast/protocol';
import { Agent } from 'undici';

/** What its settings say of the node. */
export interface OperatedNode {
  readonly dataDir: string;
  /** `holdfast://host:port#fingerprint` */
  readonly mediator: string;
  readonly network: Network;
}

/** Who the node is, and how its mediator is reached. */
export interface NodeAccess {
  readonly baseUrl: string;
  readonly caPem: string;
  readonly signing: SigningContext;
  readonly key: SigningKey;
}

export interface Operator {
  readonly nodeId: string;
  readonly key: SigningKey;
  readonly signing: SigningContext;
  readonly api: MediatorApi;
}

/** The session ends with `use`. @throws HoldfastError */
export async function asOperator<T>(
  { baseUrl, caPem, signing, key }: NodeAccess,
  use: (operator: Operator) => Promise<T>,
): Promise<T> {
  const connect = pinnedConnectOptions({ caPem, expectUri: mediatorUri(signing.mediatorId) });
  const dispatcher = new Agent({ connect });
  const nowMs = systemClock.nowMs();
  try {
    const signingIn = { baseUrl, dispatcher, signing, signingKey: key, role: 'operator', nowMs } as const;
    return await withSignedInApi(signingIn, (api) => use({ nodeId: toHex(key.publicKey), key, signing, api }));
  } finally {
    await dispatcher.close();
  }
}

/** From what the node keeps in its data directory. @throws HoldfastError `node.bad-data-dir` where no node has started yet */
export async function readNodeAccess({ dataDir, mediator, network }: OperatedNode): Promise<NodeAccess> {
  const address = parseMediatorAddress(mediator);
  const caPem = await readKept(dataDir, 'ca.pem');
  const ca = parseIdentityUri(certificateUri(caPem) ?? '');
  if (ca?.role !== 'mediator' || certificateFingerprint(caPem) !== address.caFingerprint) {
    throw fail('node.bad-data-dir', { detail: 'it belongs to a node of another mediator' });
  }
  const key = createSigningKey(fromHex((await readKept(dataDir, 'identity.key')).trim(), 32));
  return { baseUrl: mediatorBaseUrl(address), caPem, signing: { network, mediatorId: ca.publicKeyHex }, key };
}

async function readKept(dataDir: string, name: string): Promise<string> {
  try {
    return await readFile(join(dataDir, name), 'utf8');
  } catch (error) {
    const why = systemErrorCode(error) === 'ENOENT' ? 'no node has started there yet' : 'it cannot be read';
    throw fail('node.bad-data-dir', { detail: `${join(dataDir, name)}: ${why}` }, error);
  }
}
