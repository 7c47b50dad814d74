/** The mediator's CA: fetched once under its fingerprint, then kept, so that the node can start while the mediator is away. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  certificateFingerprint,
  certificateUri,
  fetchPinnedCa,
  type Logger,
  parseIdentityUri,
  PlatformError,
  systemErrorCode,
  writeFileDurably,
} from '@holdfast/platform';
import { fail, type MediatorAddress, type MediatorId } from '@holdfast/protocol';
import { retryDelayMs } from './retry.ts';

export interface PinnedMediator {
  readonly caPem: string;
  readonly mediatorId: MediatorId;
}

export interface OpenCaOptions {
  readonly dataDir: string;
  readonly address: MediatorAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly fetchCa?: typeof fetchPinnedCa;
}

const CA_FILE = 'ca.pem';

/** Waits for a mediator that is away as long as it takes. @throws HoldfastError `node.bad-data-dir`; PlatformError `tls.*` */
export async function openPinnedCa(options: OpenCaOptions): Promise<PinnedMediator> {
  const path = join(options.dataDir, CA_FILE);
  const kept = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (kept !== undefined) {
    if (certificateFingerprint(kept) !== options.address.caFingerprint) {
      throw fail('node.bad-data-dir', { detail: 'it belongs to a node of another mediator' });
    }
    return { caPem: kept, mediatorId: mediatorIdOf(kept) };
  }
  const caPem = await fetchPatiently(options);
  const mediatorId = mediatorIdOf(caPem);
  await writeFileDurably(path, caPem);
  return { caPem, mediatorId };
}

function mediatorIdOf(caPem: string): MediatorId {
  const identity = parseIdentityUri(certificateUri(caPem) ?? '');
  if (identity?.role === 'mediator') return identity.publicKeyHex;
  throw fail('node.bad-data-dir', { detail: `${CA_FILE} is not the CA of a mediator` });
}

async function fetchPatiently({
  address,
  clock,
  logger,
  signal,
  fetchCa = fetchPinnedCa,
}: OpenCaOptions): Promise<string> {
  const { host, port, caFingerprint } = address;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return (await fetchCa({ host, port, fingerprint: caFingerprint })).caPem;
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'tls.unreachable') throw error;
      const delayMs = retryDelayMs(attempt);
      logger.warn({ err: error, delayMs }, 'the mediator is away; trying again');
      await clock.sleep(delayMs, signal);
    }
  }
}
