/** The storage node's settings. */
import { readFile } from 'node:fs/promises';
import {
  type Clock,
  type ConfigValues,
  defineConfig,
  invalidSetting,
  LOG_LEVELS,
  parseListen,
} from '@holdfast/platform';
import { NETWORKS } from '@holdfast/protocol';
import { DEFAULTS, type StorageNodeOptions } from './options.ts';

export const nodeConfig = defineConfig(
  {
    dataDir: {
      env: 'HOLDFAST_NODE_DATA_DIR',
      type: 'path',
      default: '~/.holdfast-node',
      help: 'Keys, shards and state. Keep a copy of identity.key: it is the node’s name.',
    },
    mediator: {
      env: 'HOLDFAST_NODE_MEDIATOR',
      type: 'string',
      default: null,
      help: 'The mediator’s address: holdfast://host:port#fingerprint.',
    },
    mediatorFile: {
      env: 'HOLDFAST_NODE_MEDIATOR_FILE',
      type: 'path',
      default: null,
      help: 'Instead of the address: a file that holds it; it may appear up to a minute after the start.',
    },
    listen: {
      env: 'HOLDFAST_NODE_LISTEN',
      type: 'string',
      default: '127.0.0.1:7800',
      help: 'host:port for clients and the mediator (HTTPS).',
    },
    addresses: {
      env: 'HOLDFAST_NODE_ADDRESSES',
      type: 'list',
      default: [],
      help: 'host:port under which others reach it, best first. Not set: where it listens.',
    },
    opsListen: {
      env: 'HOLDFAST_NODE_OPS_LISTEN',
      type: 'string',
      default: '127.0.0.1:7801',
      help: 'host:port for /healthz, /readyz and /metrics (plain HTTP, keep it private); off: none.',
    },
    operator: {
      env: 'HOLDFAST_NODE_OPERATOR',
      type: 'string',
      default: null,
      required: true,
      help: 'A name of yours, the same on all your nodes.',
    },
    region: { env: 'HOLDFAST_NODE_REGION', type: 'string', default: 'unknown', help: 'Where it stands, such as eu.' },
    price: {
      env: 'HOLDFAST_NODE_PRICE',
      type: 'int',
      default: null,
      required: true,
      min: 0,
      help: 'Price in satoshi per terabyte (10^12 bytes) and month.',
    },
    egressPrice: {
      env: 'HOLDFAST_NODE_EGRESS_PRICE',
      type: 'int',
      default: 0,
      min: 0,
      help: 'Price in satoshi per terabyte that clients fetch; 0: free.',
    },
    capacityBytes: {
      env: 'HOLDFAST_NODE_CAPACITY',
      type: 'bytes',
      default: null,
      required: true,
      min: 1_000_000,
      help: 'How much of the disk the shards may take, such as 500GB.',
    },
    diskMarginBytes: {
      env: 'HOLDFAST_NODE_DISK_MARGIN',
      type: 'bytes',
      default: DEFAULTS.diskMarginBytes,
      min: 0,
      help: 'Bytes of the disk that stay free for everything else, whatever the capacity.',
    },
    payoutAddress: {
      env: 'HOLDFAST_NODE_PAYOUT_ADDRESS',
      type: 'string',
      default: null,
      help: 'Where it is paid: an address of the mediator’s Bitcoin network. A change takes effect only after a delay.',
    },
    network: {
      env: 'HOLDFAST_NETWORK',
      type: 'enum',
      values: NETWORKS,
      default: 'regtest',
      help: 'The Bitcoin network that all signatures are bound to: the mediator’s.',
    },
    heartbeatMs: {
      env: 'HOLDFAST_NODE_HEARTBEAT',
      type: 'duration',
      default: DEFAULTS.heartbeatMs,
      min: 100,
      help: 'How often it asks the mediator for orders.',
    },
    io: {
      env: 'HOLDFAST_NODE_IO',
      type: 'enum',
      values: ['direct', 'buffered'],
      default: DEFAULTS.io,
      help: 'direct: past the page cache where the file system can (half the CPU). buffered: through it.',
    },
    maxUploads: {
      env: 'HOLDFAST_NODE_MAX_UPLOADS',
      type: 'int',
      default: DEFAULTS.maxUploads,
      min: 1,
      max: 512,
      help: 'Uploads at once; each takes 1.1 MB of memory.',
    },
    maxDownloads: {
      env: 'HOLDFAST_NODE_MAX_DOWNLOADS',
      type: 'int',
      default: DEFAULTS.maxDownloads,
      min: 1,
      max: 512,
      help: 'Downloads at once; each takes 0.5 MB of memory.',
    },
    maxConnections: {
      env: 'HOLDFAST_NODE_MAX_CONNECTIONS',
      type: 'int',
      default: DEFAULTS.maxConnections,
      min: 8,
      help: 'Connections at once.',
    },
    scrubEveryMs: {
      env: 'HOLDFAST_NODE_SCRUB_EVERY',
      type: 'duration',
      default: DEFAULTS.scrubEveryMs,
      min: 60_000,
      help: 'Rest between two passes over all shards.',
    },
    scrubBytesPerSecond: {
      env: 'HOLDFAST_NODE_SCRUB_RATE',
      type: 'bytes',
      default: DEFAULTS.scrubBytesPerSecond,
      min: 0,
      help: 'Bytes per second that the scrub reads; 0: no scrub.',
    },
    logLevel: {
      env: 'HOLDFAST_NODE_LOG_LEVEL',
      type: 'enum',
      values: LOG_LEVELS,
      default: 'info',
      help: 'How much is logged.',
    },
  },
  { ownPrefixes: ['HOLDFAST_NODE_'] },
);

export type NodeConfig = ConfigValues<(typeof nodeConfig)['settings']>;

/** @throws PlatformError `config.invalid` for an address that is none */
export function toOptions(config: NodeConfig, mediator: string): StorageNodeOptions {
  for (const address of config.addresses) parseListen('HOLDFAST_NODE_ADDRESSES', address);
  return {
    dataDir: config.dataDir,
    mediator,
    listen: parseListen('HOLDFAST_NODE_LISTEN', config.listen),
    ...(config.addresses.length > 0 && { addresses: config.addresses }),
    operator: config.operator,
    region: config.region,
    priceSatPerTbMonth: BigInt(config.price),
    egressSatPerTb: BigInt(config.egressPrice),
    capacityBytes: config.capacityBytes,
    diskMarginBytes: config.diskMarginBytes,
    network: config.network,
    ...(config.payoutAddress !== null && { payoutAddress: config.payoutAddress }),
    ...(config.opsListen !== 'off' && { opsListen: parseListen('HOLDFAST_NODE_OPS_LISTEN', config.opsListen) }),
    heartbeatMs: config.heartbeatMs,
    io: config.io,
    maxUploads: config.maxUploads,
    maxDownloads: config.maxDownloads,
    maxConnections: config.maxConnections,
    scrubEveryMs: config.scrubEveryMs,
    scrubBytesPerSecond: config.scrubBytesPerSecond,
    processMetrics: true,
  };
}

const FILE_WAIT_MS = 60_000;
const FILE_LOOK_MS = 250;

/** The mediator's address, from its setting or its file. @throws PlatformError `config.invalid` */
export async function readMediatorAddress(config: NodeConfig, clock: Clock): Promise<string> {
  const { mediator, mediatorFile } = config;
  if ((mediator === null) === (mediatorFile === null)) {
    throw invalidSetting('Set either HOLDFAST_NODE_MEDIATOR or HOLDFAST_NODE_MEDIATOR_FILE.');
  }
  if (mediatorFile === null) return mediator!;
  const endMs = clock.nowMs() + FILE_WAIT_MS;
  for (;;) {
    const text = await readFile(mediatorFile, 'utf8').catch(() => '');
    if (text.trim() !== '') return text.trim();
    if (clock.nowMs() >= endMs) throw invalidSetting(`${mediatorFile} did not appear within a minute.`);
    await clock.sleep(FILE_LOOK_MS);
  }
}
