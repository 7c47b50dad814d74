/** Opens a client: configuration, keys, connections, catalog, all in one context for the use cases. */
import { join } from 'node:path';
import {
  acquireFileLock,
  type Clock,
  createSilentLogger,
  type FileLock,
  type Logger,
  PlatformError,
  type Randomness,
  systemClock,
  systemRandomness,
} from '@holdfast/platform';
import { createSigningKey, fail, mediatorBaseUrl, parseMediatorAddress, toHex } from '@holdfast/protocol';
import { Catalog } from './catalog/index.ts';
import { readClientConfig } from './config/index.ts';
import type { ClientConfig, ClientContext, ClientKeys } from './ports.ts';
import {
  createMediatorDispatcher,
  createNodeTransport,
  createSignedInApi,
  createVaultMediator,
  NodeDispatchers,
} from './transport/index.ts';

export interface OpenClientOptions {
  readonly home: string;
  /** From the keystore or the 24 words. */
  readonly keys: ClientKeys;
  /** Default: read from the home. */
  readonly config?: ClientConfig;
  readonly clock?: Clock;
  readonly randomness?: Randomness;
  readonly logger?: Logger;
  /** Ends the waits between retries. */
  readonly signal?: AbortSignal;
  /** Waits before a call to the mediator is tried again. */
  readonly mediatorRetryDelaysMs?: readonly number[];
  /** A node that neither takes nor sends a byte for so long is given up. */
  readonly stallTimeoutMs?: number;
}

export interface OpenClient extends ClientContext {
  close(): Promise<void>;
}

/** Talks to nobody yet: the mediator is signed in to at the first call. @throws HoldfastError `client.not-set-up` */
export async function openClient(options: OpenClientOptions): Promise<OpenClient> {
  const { home, keys, clock = systemClock, randomness = systemRandomness, logger = createSilentLogger() } = options;
  const config = options.config ?? (await readClientConfig(home));
  const signingKey = createSigningKey(keys.identitySeed);
  const signing = { network: config.network, mediatorId: config.mediatorId };
  const mediatorDispatcher = createMediatorDispatcher(config.caPem, config.mediatorId);
  const baseUrl = mediatorBaseUrl(parseMediatorAddress(config.mediator));
  const mediatorApi = createSignedInApi({ baseUrl, dispatcher: mediatorDispatcher, signing, signingKey, clock });
  const dispatchers = new NodeDispatchers({
    caPem: config.caPem,
    ...(options.stallTimeoutMs === undefined ? {} : { stallTimeoutMs: options.stallTimeoutMs }),
  });
  const nodes = createNodeTransport({ dispatchers, signing, signingKey, nowMs: () => clock.nowMs() });
  const mediator = createVaultMediator({
    api: mediatorApi,
    vaultId: config.vaultId,
    reading: { signing, signingKey, randomness },
    clock,
    logger,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.mediatorRetryDelaysMs === undefined ? {} : { retryDelaysMs: options.mediatorRetryDelaysMs }),
  });
  let catalog: Catalog | undefined;

  return {
    home,
    config,
    keys,
    signing,
    signingKey,
    clientId: toHex(signingKey.publicKey),
    vaultId: config.vaultId,
    mediatorApi,
    mediator,
    nodes,
    nodeDispatcher: (nodeId) => dispatchers.get(nodeId),
    get catalog() {
      catalog ??= new Catalog(join(home, 'catalog.sqlite'));
      return catalog;
    },
    clock,
    randomness,
    logger,
    async close() {
      catalog?.close();
      await Promise.all([nodes.close(), mediatorDispatcher.destroy()]);
    },
  };
}

/**
 * Whoever changes the vault or the configuration holds this lock: one process at a time in one home.
 * @throws HoldfastError `client.locked`
 */
export function lockHome(home: string): FileLock {
  try {
    return acquireFileLock(join(home, 'lock'));
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'file.locked') throw error;
    throw fail('client.locked', { path: home, pid: /process (\d+)/.exec(error.message)?.[1] ?? '?' }, error);
  }
}
