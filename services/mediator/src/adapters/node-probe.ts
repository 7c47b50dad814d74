/** Connects to a node over pinned TLS and asks for its status: the reachability check's arm into the network. */
import { lookup } from 'node:dns/promises';
import { createStorageNodeApi, unwrap } from '@holdfast/http-api';
import { errorText, nodeUri, pinnedConnectOptions } from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import { Agent } from 'undici';
import type { Probe, Resolve } from '../nodes/index.ts';

export interface ProbeOptions {
  readonly caPem: string;
  readonly mediatorId: string;
  /** For a connection and its answer. Default 5 s. */
  readonly timeoutMs?: number;
  /** Probes at once; more wait. Default 16. */
  readonly maxConcurrent?: number;
}

/** A status is a few hundred bytes; what sends more is no node. */
const MAX_ANSWER_BYTES = 16_384;

export function createProbe(options: ProbeOptions): Probe {
  const timeoutMs = options.timeoutMs ?? 5_000;
  const withTurn = createTurns(options.maxConcurrent ?? 16);
  return ({ nodeId, ip, port }) =>
    withTurn(async () => {
      const dispatcher = new Agent({
        connect: { ...pinnedConnectOptions({ caPem: options.caPem, expectUri: nodeUri(nodeId) }), timeout: timeoutMs },
        maxResponseSize: MAX_ANSWER_BYTES,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      const baseUrl = `https://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
      try {
        const api = createStorageNodeApi({ baseUrl, dispatcher, timeoutMs });
        const status = await unwrap(api.GET('/v1/status'), 'The storage node');
        if (status.nodeId !== nodeId) return { reachable: false, detail: 'Another node answers there.' };
        if (status.mediatorId !== options.mediatorId) {
          return { reachable: false, detail: 'The node there works for another mediator.' };
        }
        return { reachable: true };
      } catch (error) {
        return { reachable: false, detail: detailOf(error) };
      } finally {
        await dispatcher.destroy();
      }
    });
}

const detailOf = (error: unknown): string =>
  (error instanceof HoldfastError ? (error.params['detail'] ?? error.message) : errorText(error)).slice(0, 200);

function createTurns(max: number): <T>(run: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve));
    running += 1;
    try {
      return await run();
    } finally {
      running -= 1;
      waiting.shift()?.();
    }
  };
}

export const resolveHost: Resolve = async (host) => {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
};
