/** Who this node is: made at the first start, kept in files that only its user can read. */
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createTlsKeyPair,
  type Randomness,
  systemErrorCode,
  type TlsKeyPair,
  writeFileDurably,
} from '@holdfast/platform';
import { createSigningKey, fail, fromHex, type NodeId, type SigningKey, toHex } from '@holdfast/protocol';

export interface NodeIdentity {
  readonly nodeId: NodeId;
  readonly signingKey: SigningKey;
  /** ECDSA P-256. */
  readonly tlsKey: TlsKeyPair;
}

/** Its loss is the loss of the node's name, shards and pay: the operator should keep a copy. */
const IDENTITY_FILE = 'identity.key';
const TLS_KEY_FILE = 'tls.key';

export async function openIdentity(dataDir: string, randomness: Randomness): Promise<NodeIdentity> {
  const seed = await readOrMake(join(dataDir, IDENTITY_FILE), async () => `${toHex(randomness.bytes(32))}\n`);
  const signingKey = createSigningKey(parseSeed(seed));
  const tlsKeyPem = await readOrMake(join(dataDir, TLS_KEY_FILE), async () => (await createTlsKeyPair()).privateKeyPem);
  return { nodeId: toHex(signingKey.publicKey), signingKey, tlsKey: keyPairOf(tlsKeyPem) };
}

function parseSeed(text: string): Uint8Array {
  const hex = text.trim();
  if (/^[0-9a-f]{64}$/.test(hex)) return fromHex(hex, 32);
  throw fail('node.bad-data-dir', { detail: `${IDENTITY_FILE} does not hold 64 hex digits` });
}

function keyPairOf(privateKeyPem: string): TlsKeyPair {
  try {
    const publicKeyPem = createPublicKey(privateKeyPem).export({ format: 'pem', type: 'spki' }) as string;
    return { privateKeyPem, publicKeyPem };
  } catch (error) {
    throw fail('node.bad-data-dir', { detail: `${TLS_KEY_FILE} holds no private key` }, error);
  }
}

async function readOrMake(path: string, make: () => Promise<string>): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    const text = await make();
    await writeFileDurably(path, text, { mode: 0o600 });
    return text;
  }
}
