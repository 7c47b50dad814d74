/** What the node registry needs of a store and of the network. */
export type NodeStanding = 'vetting' | 'active' | 'suspended' | 'disqualified' | 'leaving';
/** As shown: a node in good standing that was not reached yet is `unreached`. */
export type NodeState = 'unreached' | NodeStanding;

export interface NodeRecord {
  readonly nodeId: string;
  readonly operator: string;
  readonly region: string;
  /** `host:port`, best first. */
  readonly addresses: readonly string[];
  /** The network that it counts for under the rule of one node per /24; empty before it was reached. */
  readonly subnet: string;
  readonly priceSatPerTbMonth: bigint;
  readonly egressSatPerTb: bigint;
  readonly capacityBytes: number;
  readonly storedBytes: number;
  readonly reservedBytes: number;
  readonly reportedFreeBytes: number | null;
  readonly state: NodeState;
  readonly lastSeenAtMs: number;
}

export interface Registration {
  readonly nodeId: string;
  readonly operator: string;
  readonly region: string;
  readonly addresses: readonly string[];
  readonly priceSatPerTbMonth: bigint;
  readonly egressSatPerTb: bigint;
  readonly capacityBytes: number;
  readonly signedAtMs: number;
}

export interface IssuedCertificate {
  /** SHA-256 of its DER. */
  readonly fingerprint: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

export interface Heartbeat {
  readonly version: string;
  readonly freeBytes: number;
  readonly carriedOutOrder: number;
}

export interface ShardName {
  readonly clientId: string;
  readonly packId: string;
  readonly shardIndex: number;
}

export type Order = { readonly order: number; readonly clientId: string } & (
  | { readonly kind: 'committed'; readonly uploadId: string; readonly shards: readonly ShardName[] }
  | { readonly kind: 'delete'; readonly shards: readonly ShardName[] }
  | { readonly kind: 'discard-upload'; readonly uploadId: string }
);

export interface NodeStore {
  /**
   * Adds or changes the node and adds the certificate, of which only the newest `maxCertificates` stay valid. Changed addresses have to be reached
   * again. False when a newer registration is in force.
   */
  register(
    registration: Registration,
    certificate: IssuedCertificate,
    nowMs: number,
    maxCertificates: number,
  ): Promise<boolean>;
  /** The node of a certificate that is neither revoked nor expired at `nowMs`. */
  findCertificate(fingerprint: string, nowMs: number): Promise<{ nodeId: string } | undefined>;
  find(nodeId: string): Promise<NodeRecord | undefined>;
  /** By price, then id; after the node named `after`. */
  list(page: { after?: string; limit: number }): Promise<NodeRecord[]>;
  /** Notes what a check found; does nothing when the addresses changed meanwhile. */
  setReached(
    nodeId: string,
    addresses: readonly string[],
    outcome: { isReached: boolean; subnet: string },
  ): Promise<void>;
  heartbeat(nodeId: string, heartbeat: Heartbeat, nowMs: number, maxOrders: number): Promise<Order[]>;
  /** Those after that one, oldest first: as many as one message carries. */
  ordersAfter(nodeId: string, order: number, maxOrders: number): Promise<Order[]>;
  /** The node has carried out all up to this one. */
  carriedOut(nodeId: string, order: number): Promise<void>;
  /** Marks those of the shards lost that this node holds. Resolves to their number. */
  reportLosses(nodeId: string, shards: readonly ShardName[], nowMs: number): Promise<number>;
}

export interface ProbeOutcome {
  readonly reachable: boolean;
  /** Why not. */
  readonly detail?: string;
}

/** Connects to `ip:port` and asks who is there. */
export type Probe = (target: { nodeId: string; ip: string; port: number }) => Promise<ProbeOutcome>;

/** The IP addresses of a host name; of an IP address, itself. */
export type Resolve = (host: string) => Promise<string[]>;
