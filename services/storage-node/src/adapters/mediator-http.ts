/** What the node asks of the mediator over HTTPS, beside their link: its pinned CA, and the node's certificate once there is one. */
import { createMediatorApi, type MediatorApi, unwrap } from '@holdfast/http-api';
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import type { MediatorId } from '@holdfast/protocol';
import { Agent } from 'undici';
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

export interface MediatorHttp extends RegistrationPort {
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
    close: () => line.agent.destroy(),
  };
}
