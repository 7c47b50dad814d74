/** The mediator over HTTPS: its pinned CA, and the node's certificate once there is one. */
import { createMediatorApi, type MediatorApi, type MediatorSchemas, unwrap } from '@holdfast/http-api';
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import { fail, type MediatorId } from '@holdfast/protocol';
import { Agent } from 'undici';
import type { Order, OrdersPort } from '../orders/index.ts';
import type { RegistrationPort } from '../registration/index.ts';

export interface MediatorHttpOptions {
  readonly baseUrl: string;
  readonly caPem: string;
  readonly mediatorId: MediatorId;
  /** Of the node's certificate. */
  readonly tlsKeyPem: string;
  /** A call without an answer is given up after this long. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface MediatorHttp extends OrdersPort, RegistrationPort {
  /** Breaks off what is under way. */
  close(): Promise<void>;
}

interface Line {
  readonly api: MediatorApi;
  readonly agent: Agent;
}

export function createMediatorHttp(options: MediatorHttpOptions): MediatorHttp {
  const open = (certPem?: string): Line => {
    const agent = new Agent({
      connections: 2,
      connect: pinnedConnectOptions({
        caPem: options.caPem,
        expectUri: mediatorUri(options.mediatorId),
        ...(certPem !== undefined && { certPem, keyPem: options.tlsKeyPem }),
      }),
    });
    const { baseUrl, timeoutMs = 30_000 } = options;
    return { api: createMediatorApi({ baseUrl, dispatcher: agent, timeoutMs }), agent };
  };
  let line = open();

  return {
    useCertificate(certificatePem) {
      const before = line;
      line = open(certificatePem);
      // What is under way on the old line may end.
      before.agent.close().catch(() => undefined);
    },
    register: (request) => unwrap(line.api.POST('/v1/nodes', { body: request })),
    checkReachability: () => unwrap(line.api.POST('/v1/node/reachability')),
    async heartbeat(state) {
      const { orders } = await unwrap(line.api.POST('/v1/node/heartbeat', { body: state }));
      return orders.map(orderOf);
    },
    async reportLosses(shards) {
      await unwrap(line.api.POST('/v1/node/losses', { body: { shards: shards.map((name) => ({ ...name })) } }));
    },
    close: () => line.agent.destroy(),
  };
}

function orderOf({ order, kind, shards, uploadId }: MediatorSchemas['schemas']['Order']): Order {
  if (kind === 'discard-upload' && uploadId !== undefined) return { order, kind, uploadId };
  if (kind === 'committed' && shards !== undefined) return { order, kind, shards };
  if (kind === 'delete' && shards !== undefined) return { order, kind, shards };
  throw fail('remote.unexpected', { from: 'The mediator', detail: `order ${order} is of an unknown kind` });
}
