/** What the parts of the client share: its keys and configuration, and the ports to the mediator and to storage nodes. */
import type { VaultKeys } from '@holdfast/codec';
import type { MediatorApi, MediatorSchemas } from '@holdfast/http-api';
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import type {
  ClientId,
  Network,
  NodeId,
  PackId,
  SigningContext,
  SigningKey,
  UploadId,
  VaultId,
} from '@holdfast/protocol';
import type { Dispatcher } from 'undici';
import type { Catalog } from './catalog/index.ts';

type Schemas = MediatorSchemas['schemas'];
export type Terms = Schemas['Terms'];
export type Quote = Schemas['Quote'];
export type Vault = Schemas['Vault'];
export type Upload = Schemas['Upload'];
export type GrantedNode = Schemas['GrantedNode'];
export type PackLocation = Schemas['PackLocation'];
export type Account = Schemas['Account'];

/** All secrets of a client, each 32 bytes; made from the 24 words by `@holdfast/keys`. */
export interface ClientKeys extends VaultKeys {
  /** Seed of the Ed25519 identity. */
  readonly identitySeed: Uint8Array;
}

/** `config.json` in the client's home. */
export interface ClientConfig {
  readonly version: 1;
  /** `holdfast://host:port#fingerprint` */
  readonly mediator: string;
  readonly caPem: string;
  /** The mediator's public key, 64 hex digits. */
  readonly mediatorId: string;
  readonly network: Network;
  /** 32 hex digits. */
  readonly vaultId: VaultId;
  /** Drawn once per machine: 32 hex digits. */
  readonly machineId: string;
  /** Absolute paths of the watched directories. */
  readonly directories: readonly string[];
}

/** Everything a use case needs. */
export interface ClientContext {
  /** Where the client keeps its state: config.json, keystore, catalog.sqlite, lock. */
  readonly home: string;
  readonly config: ClientConfig;
  readonly keys: ClientKeys;
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly clientId: ClientId;
  readonly vaultId: VaultId;
  /** The typed client of the mediator; signs in at the first call and again when the session ends. */
  readonly mediatorApi: MediatorApi;
  /** The same in the words of a vault, with retries while the mediator is away. */
  readonly mediator: VaultMediator;
  readonly nodes: NodeTransport;
  /** Pins the CA and checks `holdfast:node:<id>`; kept alive. */
  nodeDispatcher(nodeId: NodeId): Dispatcher;
  /** Opened at first use. */
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}

/** One pack for the mediator's commit. */
export interface CommitItem {
  /** The signed pack-commit. */
  readonly commit: string;
  /** Of this pack, 64 hex digits. */
  readonly maskKey: string;
  /** By shard index. */
  readonly receipts: readonly string[];
}

/** The mediator as one vault sees it. Every call throws the catalogue's error; short absences are waited out. */
export interface VaultMediator {
  getVault(): Promise<Vault>;
  /** Whether there is an agreement that still runs, so that nodes keep what is stored. */
  hasAgreements(): Promise<boolean>;
  /** @param mandate as it was signed. */
  putMandate(mandate: string): Promise<void>;
  /** The client's money. */
  getAccount(): Promise<Account>;
  quote(sizeBytes: number, terms?: Terms): Promise<Quote>;
  /** @param avoidNodes nodes that just failed. */
  openUpload(sizeBytes: number, avoidNodes?: readonly NodeId[]): Promise<Upload>;
  closeUpload(uploadId: UploadId): Promise<void>;
  /** At most MAX_PACKS_PER_COMMIT; all or none. */
  commitPacks(uploadId: UploadId, packs: readonly CommitItem[]): Promise<void>;
  /** Ids of all committed packs, ascending. */
  listPacks(): AsyncIterable<PackId>;
  /** Places and get grants; unknown packs are left out. Any number of ids: asked for in batches. */
  locatePacks(packIds: readonly PackId[]): Promise<PackPlaces[]>;
  /** @param drop the signed pack-drop. */
  dropPacks(drop: string): Promise<void>;
  /** The signed head; undefined when the vault has none. */
  getHead(): Promise<string | undefined>;
  /** @throws HoldfastError `head.conflict` */
  putHead(head: string): Promise<void>;
}

/** Where one can send requests under one grant. */
export interface NodeTarget {
  readonly nodeId: NodeId;
  /** `host:port`, best first. */
  readonly addresses: readonly string[];
  readonly grant: string;
  /** Seed of the key that the grant names as its holder. Without it the holder is the client itself. */
  readonly readSeed?: Uint8Array;
}

/** A pack's shards with the get grants of their nodes. */
export interface PackPlaces {
  readonly packId: PackId;
  readonly dataShards: number;
  readonly parityShards: number;
  readonly shardLengthBytes: number;
  /** By shard index. */
  readonly shards: readonly ShardPlace[];
}

export interface ShardPlace {
  readonly target: NodeTarget;
  readonly root: string;
  /** The node reported or was found to have lost it. */
  readonly lost: boolean;
  readonly online: boolean;
}

export interface ShardName {
  readonly packId: PackId;
  readonly shardIndex: number;
}

export interface ByteRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface GetShardOptions {
  /** Without it the whole shard. */
  readonly range?: ByteRange;
  /** Where to put the bytes; must be exactly as long as what is asked for. Without it a buffer of its own. */
  readonly into?: Uint8Array;
  readonly signal?: AbortSignal;
}

/** Signed requests to storage nodes. One attempt each; a node's addresses are tried in order. Bytes are not checked against roots. */
export interface NodeTransport {
  /** Resolves with the receipt, which was checked: signed by that node for that shard, length and root. */
  putShard(
    target: NodeTarget,
    shard: ShardName & { readonly uploadId: UploadId; readonly root: string; readonly body: Uint8Array },
    signal?: AbortSignal,
  ): Promise<string>;
  /** @param lengthBytes of the whole shard: another length is refused. */
  getShard(target: NodeTarget, shard: ShardName, lengthBytes: number, options?: GetShardOptions): Promise<Uint8Array>;
  headShard(target: NodeTarget, shard: ShardName, signal?: AbortSignal): Promise<{ lengthBytes: number; root: string }>;
  putHeadCopy(target: NodeTarget, vaultId: VaultId, head: string, signal?: AbortSignal): Promise<void>;
  getHeadCopy(target: NodeTarget, vaultId: VaultId, signal?: AbortSignal): Promise<string>;
  addShardMaps(target: NodeTarget, vaultId: VaultId, commits: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Commits after that pack id, at most 1000. */
  listShardMaps(target: NodeTarget, vaultId: VaultId, after?: PackId, signal?: AbortSignal): Promise<string[]>;
  close(): Promise<void>;
}
