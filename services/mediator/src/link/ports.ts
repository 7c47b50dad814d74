/** What the link to the nodes asks of the domains. Whatever they refuse, they throw as an error of the catalogue. */
import type { AgreementToSign, AmendmentToSign, LinkOrder, NodeFigures, UncommittedBytes } from '@holdfast/protocol';

export interface NodesOfLink {
  /** Whose certificate that is, as long as it is neither revoked nor expired. */
  findCertificate(fingerprint: string): Promise<{ readonly nodeId: string } | undefined>;
  /** Notes that the node is up, how it is, and what it carried out. Resolves to the orders after that. */
  heartbeat(nodeId: string, state: NodeFigures & { readonly version: string }): Promise<readonly LinkOrder[]>;
}

export interface OrdersOfLink {
  /** The first of those after that one, oldest first: as many as one message carries. */
  after(nodeId: string, order: number): Promise<readonly LinkOrder[]>;
  /** The effects of all up to this one are durable at the node. */
  carriedOut(nodeId: string, order: number): Promise<void>;
  /** What the node says lay there of uploads that it was told to discard. The same again changes nothing. */
  noteUncommitted(nodeId: string, uncommitted: readonly UncommittedBytes[]): Promise<void>;
}

export interface ChallengesOfLink {
  /** Those that the node can still answer and has not. */
  openFor(nodeId: string): Promise<readonly { readonly challengeId: string; readonly token: string }[]>;
  /** The same frame again is accepted again. */
  answer(nodeId: string, frame: Uint8Array): Promise<{ readonly challengeId: string; readonly proofHash: string }>;
  /** Judged after that moment, oldest first. */
  verdictsAfter(
    nodeId: string,
    afterMs: number,
  ): Promise<readonly { readonly token: string; readonly judgedAtMs: number }[]>;
}

export interface LossesOfLink {
  /** Takes a node's signed report. The same again changes nothing. */
  report(nodeId: string, token: string): Promise<void>;
}

export interface AgreementsOfLink {
  toSign(nodeId: string): Promise<{
    readonly agreements: readonly AgreementToSign[];
    readonly amendments: readonly AmendmentToSign[];
  }>;
  signed(nodeId: string, what: 'agreement' | 'amendment', token: string): Promise<void>;
}

/** A connected node, as the processes that share the nodes see it. */
export interface ConnectedNode {
  readonly nodeId: string;
  /** Of the certificate that it showed. */
  readonly fingerprint: string;
}

export interface NewsHandlers {
  /** Something new may wait for this node. */
  onNews(nodeId: string): void;
  /** A node connected here or elsewhere at that time of its process's clock: older links of it are stale. */
  onConnected(nodeId: string, sinceMs: number): void;
  /** News may have been missed. */
  onGap(): void;
}

/** How processes tell each other that something changed. Best effort: whatever is missed is found by the slow poll. */
export interface NewsOfLink {
  listen(handlers: NewsHandlers): { stop(): Promise<void> };
  /** Tells all processes that the node has a new link since then. */
  announce(nodeId: string, sinceMs: number): Promise<void>;
  /** One look over all connected nodes: for whom orders wait, and whose certificate is no good any more. */
  look(connected: readonly ConnectedNode[]): Promise<{ readonly waiting: string[]; readonly revoked: string[] }>;
}

export interface LinkPorts {
  readonly nodes: NodesOfLink;
  readonly orders: OrdersOfLink;
  readonly losses: LossesOfLink;
  readonly news: NewsOfLink;
  readonly challenges: ChallengesOfLink;
  readonly agreements: AgreementsOfLink;
}
