/** Reads ranges of shards at nodes' data addresses, with a grant and a signed request as a client would send them. */
import { isIP } from 'node:net';
import { type Clock, errorText, nodeUri, pinnedConnectOptions, type Randomness } from '@holdfast/platform';
import {
  createSigningKey,
  grant,
  HEADERS,
  messageHash,
  shardPath,
  signedRequest,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
  ZERO_16,
  ZERO_32,
} from '@holdfast/protocol';
import { Agent } from 'undici';
import type { ReadRange } from '../challenges/index.ts';
import { isAllowedIp, parseHostPort, type Resolve, type SubnetRule } from '../nodes/index.ts';

export interface RangeReaderOptions {
  readonly caPem: string;
  readonly signer: { readonly context: SigningContext; readonly key: SigningKey };
  readonly resolve: Resolve;
  readonly subnetRule: SubnetRule;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly grantTtlMs: number;
  /** For a connection and its answer. Default 15 s. */
  readonly timeoutMs?: number;
}

type Read = Parameters<ReadRange>[0];
type Answer = Awaited<ReturnType<ReadRange>>;

const unreachable = (detail: string): Answer => ({ kind: 'unreachable', detail: detail.slice(0, 200) });

export function createRangeReader(options: RangeReaderOptions): ReadRange {
  return async (read) => {
    const target = await findTarget(options, read.address);
    if (typeof target !== 'string') return target;
    const timeoutMs = options.timeoutMs ?? 15_000;
    const dispatcher = new Agent({
      connect: {
        ...pinnedConnectOptions({ caPem: options.caPem, expectUri: nodeUri(read.nodeId) }),
        timeout: timeoutMs,
      },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      // What sends more than was asked for is no node of ours.
      maxResponseSize: read.lengthBytes,
    });
    try {
      const path = shardPath(read.shard.packId, read.shard.shardIndex);
      const answer = await dispatcher.request({
        origin: target,
        method: 'GET',
        path,
        headers: { ...headersOf(options, read, path), range: rangeOf(read) },
        signal: AbortSignal.timeout(2 * timeoutMs),
      });
      if (answer.statusCode !== 206 && answer.statusCode !== 200) {
        await answer.body.dump();
        return { kind: 'refused', detail: `It answered ${answer.statusCode}.` };
      }
      return { kind: 'bytes', bytes: new Uint8Array(await answer.body.arrayBuffer()) };
    } catch (error) {
      return unreachable(errorText(error));
    } finally {
      await dispatcher.destroy();
    }
  };
}

const rangeOf = ({ fromByte, lengthBytes }: Read): string => `bytes=${fromByte}-${fromByte + lengthBytes - 1}`;

/** The mediator connects nowhere where it would not let a node be. */
async function findTarget({ resolve, subnetRule }: RangeReaderOptions, address: string): Promise<string | Answer> {
  const { host, port } = parseHostPort(address);
  const ips = isIP(host) === 0 ? await resolve(host).catch(() => []) : [host];
  const [ip] = ips;
  if (ip === undefined) return unreachable('The name could not be resolved.');
  if (!ips.every((one) => isAllowedIp(one, subnetRule))) return unreachable('The address is not allowed.');
  return `https://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}

/** A grant as for a restore: any pack of the client, a quota far above this range; a holder that was never seen before. */
function headersOf({ signer, clock, randomness, grantTtlMs }: RangeReaderOptions, read: Read, path: string) {
  const holderKey = createSigningKey(randomness.bytes(32));
  const holder = toHex(holderKey.publicKey);
  const nowMs = clock.nowMs();
  const { nodeId, shard } = read;
  const token = signMessage(
    grant,
    signer.context,
    {
      verb: 'get',
      clientId: shard.clientId,
      holder,
      nodeId,
      uploadId: ZERO_16,
      packIds: [],
      quotaBytes: QUOTA_READS * read.lengthBytes,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + grantTtlMs,
    },
    signer.key,
  );
  const body = {
    holder,
    nodeId,
    grantHash: messageHash(token),
    method: 'GET' as const,
    path,
    contentLength: 0,
    contentRoot: ZERO_32,
    signedAtMs: nowMs,
  };
  return { [HEADERS.grant]: token, [HEADERS.request]: signMessage(signedRequest, signer.context, body, holderKey) };
}

const QUOTA_READS = 256;
