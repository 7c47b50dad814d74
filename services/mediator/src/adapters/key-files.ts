/** The mediator's secrets, each in a file of its own with mode 0600 in the data directory, made at the first start. */
import { hkdfSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  type Clock,
  createCertificateAuthority,
  createDirectoryDurably,
  PlatformError,
  type Randomness,
  systemErrorCode,
  writeFileDurably,
} from '@holdfast/platform';
import { createSigningKey, type SigningKey, toHex } from '@holdfast/protocol';

export interface MediatorKeys {
  readonly mediatorId: string;
  readonly signingKey: SigningKey;
  /** May sign in as admin: of whoever can read the data directory. */
  readonly adminKey: SigningKey;
  readonly authority: CertificateAuthority;
  /** 32 bytes that mask keys are sealed under. */
  readonly maskKey: Uint8Array;
  /** 32 bytes that sign-in nonces are made with. */
  readonly nonceKey: Uint8Array;
}

/** @throws PlatformError `mediator.key-damaged` when a file is there but is not what it should be */
export async function openKeyFiles(dataDir: string, clock: Clock, randomness: Randomness): Promise<MediatorKeys> {
  await createDirectoryDurably(dataDir, 0o711);
  const seed = await openSecret(join(dataDir, 'mediator.key'), randomness);
  const adminKey = createSigningKey(await openSecret(join(dataDir, 'admin.key'), randomness));
  const maskKey = await openSecret(join(dataDir, 'maskkey.key'), randomness);
  const signingKey = createSigningKey(seed);
  const mediatorId = toHex(signingKey.publicKey);
  const authority = await openAuthority(dataDir, mediatorId, clock);
  const nonceKey = new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(), 'holdfast/v1/sign-in-nonce', 32));
  return { mediatorId, signingKey, adminKey, authority, maskKey, nonceKey };
}

async function openSecret(path: string, randomness: Randomness): Promise<Uint8Array> {
  const text = await readIfThere(path);
  if (text === undefined) {
    const secret = randomness.bytes(32);
    await writeFileDurably(path, `${toHex(secret)}\n`);
    return secret;
  }
  if (!/^[0-9a-f]{64}\n?$/.test(text)) throw damaged(path);
  return new Uint8Array(Buffer.from(text.trim(), 'hex'));
}

/** The certificate is written last: without it there was no authority yet that anybody could have seen. */
async function openAuthority(dataDir: string, mediatorId: string, clock: Clock): Promise<CertificateAuthority> {
  const certificatePath = join(dataDir, 'ca.pem');
  const keyPath = join(dataDir, 'ca.key');
  const certPem = await readIfThere(certificatePath);
  if (certPem !== undefined) {
    const keyPem = await readIfThere(keyPath);
    if (keyPem === undefined) throw damaged(keyPath);
    return { certPem, keyPem };
  }
  const authority = await createCertificateAuthority({
    name: 'Holdfast mediator',
    mediatorPublicKeyHex: mediatorId,
    nowMs: clock.nowMs(),
  });
  await writeFileDurably(keyPath, authority.keyPem);
  await writeFileDurably(certificatePath, authority.certPem, { mode: 0o644 });
  return authority;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const damaged = (path: string): PlatformError =>
  new PlatformError(
    'mediator.key-damaged',
    `${path} is missing or is not what this program wrote.`,
    'Put it back from the backup of the data directory. Without it the clients and nodes of this mediator cannot trust it any more.',
  );
