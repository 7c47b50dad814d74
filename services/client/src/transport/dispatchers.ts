/** Connections: one undici Agent per node, which pins the mediator's CA and checks the node's id. */
import { pinnedConnectOptions } from '@holdfast/platform';
import { mediatorUri, type NodeId, nodeUri } from '@holdfast/protocol';
import { Agent, type Dispatcher } from 'undici';
import { CONNECT_TIMEOUT_MS, STALL_TIMEOUT_MS } from './connecting.ts';

export interface DispatcherOptions {
  readonly caPem: string;
  /** Connections kept to one node. Default 2. */
  readonly connectionsPerNode?: number;
  /** A node that neither takes nor sends a byte for so long is given up. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

const KEEP_ALIVE_MS = 60_000;

const pinnedAgent = (caPem: string, expectUri: string, connections: number, stallTimeoutMs: number): Agent =>
  new Agent({
    connect: { ...pinnedConnectOptions({ caPem, expectUri }), timeout: CONNECT_TIMEOUT_MS },
    allowH2: false,
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: stallTimeoutMs,
    bodyTimeout: stallTimeoutMs,
  });

export const createMediatorDispatcher = (caPem: string, mediatorId: string): Agent =>
  pinnedAgent(caPem, mediatorUri(mediatorId), 4, STALL_TIMEOUT_MS);

/** The agents of all nodes that were spoken to; each thread has its own. */
export class NodeDispatchers {
  readonly #options: DispatcherOptions;
  readonly #agents = new Map<NodeId, Agent>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  get(nodeId: NodeId): Dispatcher {
    let agent = this.#agents.get(nodeId);
    if (agent === undefined) {
      const { caPem, connectionsPerNode = 2, stallTimeoutMs = STALL_TIMEOUT_MS } = this.#options;
      agent = pinnedAgent(caPem, nodeUri(nodeId), connectionsPerNode, stallTimeoutMs);
      this.#agents.set(nodeId, agent);
    }
    return agent;
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }
}
