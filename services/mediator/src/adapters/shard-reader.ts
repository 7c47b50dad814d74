/**
 * Reads shards at nodes' data addresses just as a client does: the same grant, signed requests, headers and TLS. What a
 * node sees of the two is compared in test/journeys/checks-like-reads.test.ts.
 */
import { isIP, type LookupFunction } from 'node:net';
import { type Clock, errorText, nodeUri, pinnedConnectOptions, type Randomness } from '@holdfast/platform';
import {
  createSigningKey,
  shardPath,
  signRequest,
  type SigningContext,
  type SigningKey,
  toHex,
} from '@holdfast/protocol';
import { Agent } from 'undici';
import type { ReadShard } from '../challenges/index.ts';
import { grantRead } from '../custody/index.ts';
import { isAllowedIp, parseHostPort, type Resolve, type SubnetRule } from '../nodes/index.ts';

export interface ShardReaderOptions {
  readonly caPem: string;
  readonly signer: { readonly context: SigningContext; readonly key: SigningKey };
  readonly resolve: Resolve;
  readonly subnetRule: SubnetRule;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly grantTtlMs: number;
  /** For a connection, and for each silence in an answer. Default 15 s. */
  readonly timeoutMs?: number;
}

type Read = Parameters<ReadShard>[0];
type Answer = Awaited<ReturnType<ReadShard>>;
type Range = NonNullable<Read['ranges']>[number];

/** All of a reading together may take so many times as long. */
const WHOLE_TIMES = 8;

const unreachable = (detail: string): Answer => ({ kind: 'unreachable', detail: detail.slice(0, 200) });
const wrong = (detail: string): Answer => ({ kind: 'wrong', detail });

export function createShardReader(options: ShardReaderOptions): ReadShard {
  return async (read) => {
    const lookup = await findLookup(options, read.address);
    if (typeof lookup !== 'function') return lookup;
    const timeoutMs = options.timeoutMs ?? 15_000;
    const dispatcher = new Agent({
      connect: {
        ...pinnedConnectOptions({ caPem: options.caPem, expectUri: nodeUri(read.nodeId) }),
        timeout: timeoutMs,
        lookup,
      },
      allowH2: false,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      // What sends more than was asked for is no node of ours.
      maxResponseSize: read.shardLengthBytes,
    });
    try {
      const reader = openReader(options, read);
      const signal = AbortSignal.timeout(WHOLE_TIMES * timeoutMs);
      const parts: Uint8Array[] = [];
      for (const range of read.ranges ?? [undefined]) {
        const part = await readPart(dispatcher, read, range, reader, signal);
        if (!(part instanceof Uint8Array)) return part;
        parts.push(part);
      }
      return { kind: 'bytes', parts };
    } catch (error) {
      return unreachable(errorText(error));
    } finally {
      await dispatcher.destroy();
    }
  };
}

async function readPart(
  dispatcher: Agent,
  read: Read,
  range: Range | undefined,
  proofs: () => Record<string, string>,
  signal: AbortSignal,
): Promise<Uint8Array | Answer> {
  const { shard, shardLengthBytes } = read;
  const place = range && `${range.fromByte}-${range.fromByte + range.lengthBytes - 1}`;
  const answer = await dispatcher.request({
    origin: `https://${read.address}`,
    method: 'GET',
    path: shardPath(shard.packId, shard.shardIndex),
    headers: { ...(place === undefined ? {} : { range: `bytes=${place}` }), ...proofs() },
    signal,
  });
  const { statusCode, headers, body } = answer;
  if (statusCode !== 206 && statusCode !== 200) {
    await body.dump();
    return { kind: 'refused', detail: `It answered ${statusCode}.` };
  }
  const bytes = new Uint8Array(await body.arrayBuffer());
  const expected = place === undefined ? undefined : `bytes ${place}/${shardLengthBytes}`;
  if (headers['content-range'] !== expected) return wrong(`It answered ${statusCode} with another range.`);
  const lengthBytes = range?.lengthBytes ?? shardLengthBytes;
  return bytes.length === lengthBytes ? bytes : wrong(`${bytes.length} bytes instead of ${lengthBytes}.`);
}

/** The mediator connects nowhere where it would not let a node be; what it looked at is what it connects to. */
async function findLookup(
  { resolve, subnetRule }: ShardReaderOptions,
  address: string,
): Promise<LookupFunction | Answer> {
  const { host } = parseHostPort(address);
  const ips = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
  const [ip] = ips;
  if (ip === undefined) return unreachable('The name could not be resolved.');
  if (!ips.every((one) => isAllowedIp(one, subnetRule))) return unreachable('The address is not allowed.');
  const family = isIP(ip);
  return (_, { all }, callback) => {
    if (all === true) callback(null, [{ address: ip, family }]);
    else callback(null, ip, family);
  };
}

/** A client asks for its grants a moment, or some minutes, before it uses them. */
const YOUNGEST_GRANT_MS = 5;
const OLDEST_GRANT_MS = 300_000;

/** The headers of one request after the other, under a grant for a key that was made for it. */
function openReader(options: ShardReaderOptions, { nodeId, shard, shardLengthBytes }: Read) {
  const { signer, clock, randomness, grantTtlMs: ttlMs } = options;
  const key = createSigningKey(randomness.bytes(32));
  const holder = toHex(key.publicKey);
  const drawn = new DataView(randomness.bytes(4).buffer).getUint32(0) / 2 ** 32;
  const ageMs = Math.round(YOUNGEST_GRANT_MS * (OLDEST_GRANT_MS / YOUNGEST_GRANT_MS) ** drawn);
  const { clientId } = shard;
  const issuedAtMs = clock.nowMs() - ageMs;
  const grant = grantRead(signer, { nodeId, clientId, holder, shardBytes: shardLengthBytes, issuedAtMs, ttlMs });
  const path = shardPath(shard.packId, shard.shardIndex);
  return () => signRequest(signer.context, key, { nodeId, grant, method: 'GET', path, nowMs: clock.nowMs() });
}
