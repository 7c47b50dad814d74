/** The mediator's settings. */
import { type ConfigValues, defineConfig, invalidSetting, LOG_LEVELS, parseListen } from '@holdfast/platform';
import { NETWORKS } from '@holdfast/protocol';
import { challengeRules } from './challenges/index.ts';
import { moneyRules } from './ledger/index.ts';
import { DEFAULTS, type MediatorOptions } from './options.ts';
import { depositSettings, toDepositSettings } from './deposit-config.ts';
import { payoutSettings, toPayoutSettings } from './payout-config.ts';
import { railSettings, toBitcoinSettings } from './rail-config.ts';

export const mediatorConfig = defineConfig(
  {
    dataDir: {
      env: 'HOLDFAST_MEDIATOR_DATA_DIR',
      type: 'path',
      default: '~/.holdfast-mediator',
      help: 'Keys, and the embedded database. Back it up: without its keys nobody can trust this mediator any more.',
    },
    databaseUrl: {
      env: 'DATABASE_URL',
      type: 'url',
      protocols: ['postgres:', 'postgresql:'],
      default: null,
      secret: true,
      help: 'Postgres 15 or newer. Not set: an embedded one in the data directory.',
    },
    redisUrl: {
      env: 'REDIS_URL',
      type: 'url',
      protocols: ['redis:', 'rediss:'],
      default: null,
      secret: true,
      help: 'Redis 6.2 or newer for the queue that wakes workers. Not set: the queue lies in the database.',
    },
    works: {
      env: 'HOLDFAST_MEDIATOR_WORKS',
      type: 'enum',
      values: ['here', 'workers'],
      default: 'here',
      help: 'workers: leaves what happens by the clock to processes of their own (holdfast-mediator worker).',
    },
    challengeDeadlineMs: {
      env: 'HOLDFAST_MEDIATOR_CHALLENGE_DEADLINE',
      type: 'duration',
      default: null,
      min: 200,
      help: 'How long a node has to answer a challenge. Not set: five minutes, at most a third of the period.',
    },
    challengeLeaves: {
      env: 'HOLDFAST_MEDIATOR_CHALLENGE_LEAVES',
      type: 'int',
      default: challengeRules().drawnLeaves,
      min: 1,
      max: 2_000,
      help: 'Leaves drawn from all bytes of a node in each challenge.',
    },
    listen: {
      env: 'HOLDFAST_MEDIATOR_LISTEN',
      type: 'string',
      default: '127.0.0.1:7700',
      help: 'host:port of the API (HTTPS).',
    },
    publicAddress: {
      env: 'HOLDFAST_MEDIATOR_PUBLIC_ADDRESS',
      type: 'string',
      default: null,
      help: 'host:port by which clients and nodes reach it. Not set: where it listens.',
    },
    opsListen: {
      env: 'HOLDFAST_MEDIATOR_OPS_LISTEN',
      type: 'string',
      default: '127.0.0.1:7701',
      help: 'host:port for /healthz, /readyz and /metrics (plain HTTP, keep it private); off: none.',
    },
    addressFile: {
      env: 'HOLDFAST_MEDIATOR_ADDRESS_FILE',
      type: 'path',
      default: null,
      help: 'Once it is ready, the holdfast:// address is written there.',
    },
    network: {
      env: 'HOLDFAST_NETWORK',
      type: 'enum',
      values: NETWORKS,
      default: 'regtest',
      help: 'The Bitcoin network that all signatures are bound to.',
    },
    subnetRule: {
      env: 'HOLDFAST_MEDIATOR_SUBNET_RULE',
      type: 'enum',
      values: ['public', 'local'],
      default: 'public',
      help: 'public: nodes of the internet, at most one of a set per /24. local: one loopback or compose network.',
    },
    adminKeys: {
      env: 'HOLDFAST_MEDIATOR_ADMIN_KEYS',
      type: 'list',
      default: [],
      help: 'Public keys (64 hex digits each) that may sign in as admin.',
    },
    periodMs: {
      env: 'HOLDFAST_MEDIATOR_PERIOD',
      type: 'duration',
      default: DEFAULTS.periodMs,
      min: 1_000,
      help: 'How often nodes are challenged and paid. A database keeps the length that it was begun with.',
    },
    commissionPpm: {
      env: 'HOLDFAST_MEDIATOR_COMMISSION_PPM',
      type: 'int',
      default: moneyRules().commissionPpm,
      min: 0,
      max: 1_000_000,
      help: 'The mediator’s share of what nodes earn, in millionths; every quote shows it.',
    },
    welcomeSats: {
      env: 'HOLDFAST_MEDIATOR_WELCOME_SATS',
      type: 'int',
      default: null,
      min: 1,
      help: 'For trying it out, on regtest only: so much is credited to each client at its first sign-in.',
    },
    sessionTtlMs: {
      env: 'HOLDFAST_MEDIATOR_SESSION_TTL',
      type: 'duration',
      default: DEFAULTS.sessionTtlMs,
      min: 60_000,
      help: 'How long a session lasts.',
    },
    uploadTtlMs: {
      env: 'HOLDFAST_MEDIATOR_UPLOAD_TTL',
      type: 'duration',
      default: DEFAULTS.uploadTtlMs,
      min: 60_000,
      help: 'How long the grants of an upload last.',
    },
    uncommittedGraceMs: {
      env: 'HOLDFAST_MEDIATOR_UNCOMMITTED_GRACE',
      type: 'duration',
      default: DEFAULTS.uncommittedGraceMs,
      min: 60_000,
      help: 'After the grants’ expiry, when nodes are told to delete what was never committed.',
    },
    offlineAfterMs: {
      env: 'HOLDFAST_MEDIATOR_OFFLINE_AFTER',
      type: 'duration',
      default: DEFAULTS.offlineAfterMs,
      min: 1_000,
      help: 'A node not heard of for this long counts as offline.',
    },
    ...railSettings,
    ...depositSettings,
    ...payoutSettings,
    logLevel: {
      env: 'HOLDFAST_MEDIATOR_LOG_LEVEL',
      type: 'enum',
      values: LOG_LEVELS,
      default: 'info',
      help: 'How much is logged.',
    },
  },
  {
    // A brake on money that is misspelt must not be one that is silently not set.
    ownPrefixes: [
      'HOLDFAST_MEDIATOR_',
      'HOLDFAST_PAYOUT_',
      'HOLDFAST_MAX_FEE_',
      'HOLDFAST_FALLBACK_FEE_',
      'HOLDFAST_HOT_WALLET_',
      'HOLDFAST_SIGNER_',
      'HOLDFAST_DEPOSIT_',
      'HOLDFAST_LARGE_DEPOSIT_',
    ],
  },
);

export type MediatorConfig = ConfigValues<(typeof mediatorConfig)['settings']>;

/** @throws PlatformError `config.invalid` for an address or key that is none */
export function toOptions(config: MediatorConfig): MediatorOptions {
  const wrongKey = config.adminKeys.find((key) => !/^[0-9a-f]{64}$/.test(key));
  if (wrongKey !== undefined)
    throw invalidSetting(`"${wrongKey}" in HOLDFAST_MEDIATOR_ADMIN_KEYS is not 64 hex digits.`);
  if (config.welcomeSats !== null && config.network !== 'regtest') {
    throw invalidSetting(
      'HOLDFAST_MEDIATOR_WELCOME_SATS is for HOLDFAST_NETWORK=regtest only: elsewhere money is real.',
    );
  }
  const bitcoin = toBitcoinSettings(config);
  const deposits = toDepositSettings(config);
  return {
    dataDir: config.dataDir,
    ...(config.databaseUrl !== null && { databaseUrl: config.databaseUrl }),
    listen: parseListen('HOLDFAST_MEDIATOR_LISTEN', config.listen),
    ...(config.publicAddress !== null && { publicAddress: config.publicAddress }),
    ...(config.opsListen !== 'off' && { opsListen: parseListen('HOLDFAST_MEDIATOR_OPS_LISTEN', config.opsListen) }),
    network: config.network,
    subnetRule: config.subnetRule,
    adminKeys: config.adminKeys,
    periodMs: config.periodMs,
    ...(config.welcomeSats !== null && { welcomeSats: config.welcomeSats }),
    money: { commissionPpm: config.commissionPpm },
    challenges: {
      drawnLeaves: config.challengeLeaves,
      ...(config.challengeDeadlineMs !== null && { deadlineMs: config.challengeDeadlineMs }),
    },
    ...(config.redisUrl !== null && { redisUrl: config.redisUrl }),
    scheduling: config.works === 'here' ? 'queue' : 'workers',
    ...(bitcoin !== undefined && { bitcoin }),
    ...(deposits !== undefined && { deposits }),
    payouts: toPayoutSettings(config),
    sessionTtlMs: config.sessionTtlMs,
    uploadTtlMs: config.uploadTtlMs,
    uncommittedGraceMs: config.uncommittedGraceMs,
    offlineAfterMs: config.offlineAfterMs,
  };
}
