/** How often one address, and one signed-in party, may ask. */
import rateLimit from '@fastify/rate-limit';
import { fail } from '@holdfast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface RateLimits {
  /** Requests per minute from one address to operations that anybody may call. */
  readonly openPerMinute: number;
  /** Requests per minute from one address in all (also those that are refused). */
  readonly addressPerMinute: number;
  /** Requests per minute of one party, wherever it asks from. */
  readonly partyPerMinute: number;
}

export interface RateGuard {
  readonly checkOpen: (request: FastifyRequest) => Promise<void>;
  readonly checkAddress: (request: FastifyRequest) => Promise<void>;
  /** @param party who was authenticated. */
  readonly checkParty: (request: FastifyRequest, party: string) => Promise<void>;
}

const PARTY = Symbol('party');
const WINDOW_MS = 60_000;
/** Addresses and parties remembered at once; the least recently seen are forgotten first. */
const REMEMBERED = 20_000;

/** Registers the counters; every check throws `limit.rate` when there were too many. */
export async function createRateGuard(app: FastifyInstance, limits: RateLimits): Promise<RateGuard> {
  await app.register(rateLimit, { global: false, cache: REMEMBERED });
  const byNetwork = (request: FastifyRequest): string => networkOf(request.ip);
  const limiter = (max: number, keyGenerator = byNetwork) => {
    const check = app.createRateLimit({ max, timeWindow: WINDOW_MS, keyGenerator });
    return async (request: FastifyRequest): Promise<void> => {
      const outcome = await check(request);
      if (outcome.isAllowed || !outcome.isExceeded) return;
      throw fail('limit.rate', { limit: `${max} a minute`, retryAfterSeconds: Math.max(1, outcome.ttlInSeconds) });
    };
  };
  const checkParty = limiter(limits.partyPerMinute, (request) => (request as { [PARTY]?: string })[PARTY] ?? '');
  return {
    checkOpen: limiter(limits.openPerMinute),
    checkAddress: limiter(limits.addressPerMinute),
    checkParty: async (request, party) => {
      Object.assign(request, { [PARTY]: party });
      await checkParty(request);
    },
  };
}

const IPV6_PREFIX_GROUPS = 4;

/** What counts as one address: an IPv4 address; of IPv6 the /64, of which whoever has one address has them all. */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined || !ip.includes(':')) return mapped ?? ip;
  const [head = '', tail] = ip.split('%', 1)[0]!.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return `${[...left, ...zeros, ...right].slice(0, IPV6_PREFIX_GROUPS).join(':')}::/64`;
}
