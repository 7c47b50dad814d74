/** The settings of the Bitcoin node: where it is, and what to pay where it has no estimate. */
import { invalidSetting } from '@holdfast/platform';
import type { BitcoinSettings } from './options.ts';

export const railSettings = {
  bitcoinRpcUrl: {
    env: 'BITCOIN_RPC_URL',
    type: 'url',
    protocols: ['http:', 'https:'],
    default: null,
    secret: true,
    help: 'Bitcoin Core 28 or newer with its wallet enabled: http://user:password@host:port, or without user and password beside a cookie file. Not set: no money comes or goes over the chain.',
  },
  bitcoinCookieFile: {
    env: 'BITCOIN_RPC_COOKIE_FILE',
    type: 'path',
    default: null,
    help: 'The node’s .cookie file, read anew for each question: the node writes another one at each start.',
  },
  fallbackFeeRateSatPerVb: {
    env: 'HOLDFAST_FALLBACK_FEE_RATE_SAT_PER_VB',
    type: 'int',
    default: 5,
    min: 1,
    max: 10_000,
    help: 'What is paid while the node has no estimate: on regtest, and for the first hours of a new node.',
  },
} as const;

interface RailConfig {
  readonly bitcoinRpcUrl: string | null;
  readonly bitcoinCookieFile: string | null;
  readonly fallbackFeeRateSatPerVb: number;
}

/** @throws PlatformError `config.invalid` unless user and password come from exactly one place */
export function toBitcoinSettings(config: RailConfig): BitcoinSettings | undefined {
  const { bitcoinRpcUrl: rpcUrl, bitcoinCookieFile: cookieFile, fallbackFeeRateSatPerVb } = config;
  if (rpcUrl === null) {
    if (cookieFile === null) return undefined;
    throw invalidSetting('BITCOIN_RPC_COOKIE_FILE is set and BITCOIN_RPC_URL is not: set both.');
  }
  const isNamed = new URL(rpcUrl).username !== '';
  if (isNamed && cookieFile !== null) {
    throw invalidSetting('BITCOIN_RPC_URL has a user, and BITCOIN_RPC_COOKIE_FILE is set too: leave one of them out.');
  }
  if (!isNamed && cookieFile === null) {
    throw invalidSetting('BITCOIN_RPC_URL has no user and password: put them in, or set BITCOIN_RPC_COOKIE_FILE.');
  }
  return {
    rpcUrl,
    ...(cookieFile !== null && { cookieFile }),
    fallbackSatPerKvb: BigInt(fallbackFeeRateSatPerVb) * 1_000n,
  };
}
