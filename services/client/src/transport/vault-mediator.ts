/** The mediator as one vault sees it: the typed client, with errors of the catalogue and patience for short absences. */
import { type MediatorApi, unwrap } from '@holdfast/http-api';
import type { Clock, Logger } from '@holdfast/platform';
import { HoldfastError, MAX_PACKS_PER_LOCATE, type PackId, toHex, type VaultId } from '@holdfast/protocol';
import type { PackPlaces, VaultMediator } from '../ports.ts';
import { makeReadKeys, type ReadKeys, type ReadKeysOptions } from './read-keys.ts';
import { withRetries } from './retry.ts';

export interface VaultMediatorOptions {
  readonly api: MediatorApi;
  readonly vaultId: VaultId;
  readonly reading: ReadKeysOptions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal?: AbortSignal;
  /** Waits between attempts. Default: half a minute in all. */
  readonly retryDelaysMs?: readonly number[];
}

const RETRY_DELAYS_MS = [250, 500, 1000, 2000, 4000, 8000, 16_000];
const PACKS_PER_PAGE = 1000;
const AGREEMENTS_PER_PAGE = 200;

export function createVaultMediator(options: VaultMediatorOptions): VaultMediator {
  const { api, vaultId, reading, clock, logger } = options;
  const path = { vaultId };
  const patiently = <T>(attempt: () => Promise<T>): Promise<T> =>
    withRetries(
      {
        clock,
        signal: options.signal,
        delaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS,
        onRetry: (error, delayMs) => logger.warn({ code: error.code, delayMs }, 'the mediator is away; trying again'),
      },
      attempt,
    );

  return {
    getVault: () => patiently(() => unwrap(api.GET('/v1/vaults/{vaultId}', { params: { path } }))),
    hasAgreements: () => patiently(() => hasAgreements(api, toHex(reading.signingKey.publicKey), vaultId)),
    async putMandate(mandate) {
      const body = { mandate };
      await patiently(() => unwrap(api.PUT('/v1/vaults/{vaultId}/mandate', { params: { path }, body })));
    },
    getAccount: () => patiently(() => unwrap(api.GET('/v1/account'))),
    quote: (sizeBytes, terms) =>
      patiently(() =>
        unwrap(api.POST('/v1/quotes', { body: { bytes: sizeBytes, ...(terms === undefined ? {} : { terms }) } })),
      ),
    openUpload: (sizeBytes, avoidNodes = []) =>
      patiently(() =>
        unwrap(
          api.POST('/v1/vaults/{vaultId}/uploads', {
            params: { path },
            body: { bytes: sizeBytes, ...(avoidNodes.length === 0 ? {} : { avoidNodes: [...avoidNodes] }) },
          }),
        ),
      ),
    async closeUpload(uploadId) {
      await patiently(() =>
        unwrap(api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', { params: { path: { vaultId, uploadId } } })),
      );
    },
    async commitPacks(uploadId, packs) {
      const body = { uploadId, packs: packs.map((pack) => ({ ...pack, receipts: [...pack.receipts] })) };
      await patiently(() => unwrap(api.POST('/v1/vaults/{vaultId}/packs', { params: { path }, body })));
    },
    async *listPacks() {
      let after: PackId | undefined;
      for (;;) {
        const query = { limit: PACKS_PER_PAGE, ...(after === undefined ? {} : { after }) };
        const { packIds } = await patiently(() =>
          unwrap(api.GET('/v1/vaults/{vaultId}/packs', { params: { path, query } })),
        );
        yield* packIds;
        if (packIds.length < PACKS_PER_PAGE) return;
        after = packIds.at(-1)!;
      }
    },
    async locatePacks(packIds) {
      const places: PackPlaces[] = [];
      for (let at = 0; at < packIds.length; at += MAX_PACKS_PER_LOCATE) {
        const keys = makeReadKeys(reading, clock.nowMs());
        const body = { packIds: packIds.slice(at, at + MAX_PACKS_PER_LOCATE), readKeys: keys.token };
        const answer = await patiently(() =>
          unwrap(api.POST('/v1/vaults/{vaultId}/packs/locate', { params: { path }, body })),
        );
        places.push(...placesOf(answer, keys));
      }
      return places;
    },
    async dropPacks(drop) {
      await patiently(() => unwrap(api.POST('/v1/vaults/{vaultId}/packs/drop', { params: { path }, body: { drop } })));
    },
    async getHead() {
      try {
        const answer = await patiently(() => unwrap(api.GET('/v1/vaults/{vaultId}/head', { params: { path } })));
        return answer.head;
      } catch (error) {
        if (error instanceof HoldfastError && error.code === 'head.missing') return undefined;
        throw error;
      }
    },
    async putHead(head) {
      await patiently(() => unwrap(api.PUT('/v1/vaults/{vaultId}/head', { params: { path }, body: { head } })));
    },
  };
}

type LocateAnswer = {
  packs: readonly (Omit<PackPlaces, 'shards'> & {
    shards: readonly { nodeId: string; root: string; lost: boolean }[];
  })[];
  nodes: readonly { nodeId: string; addresses: readonly string[]; grant: string; online: boolean }[];
};

function placesOf({ packs, nodes }: LocateAnswer, { seeds }: ReadKeys): PackPlaces[] {
  const byId = new Map(
    nodes.map(({ nodeId, addresses, grant, online }, index) => {
      const readSeed = seeds[index % seeds.length]!;
      return [nodeId, { target: { nodeId, addresses, grant, readSeed }, online }];
    }),
  );
  return packs.map((pack) => ({
    ...pack,
    shards: pack.shards.map(({ nodeId, root, lost }) => {
      const { target, online } = byId.get(nodeId) ?? { target: { nodeId, addresses: [], grant: '' }, online: false };
      return { target, root, lost, online };
    }),
  }));
}

async function hasAgreements(api: MediatorApi, clientId: string, vaultId: VaultId): Promise<boolean> {
  for (let after: string | undefined; ;) {
    const query = { limit: AGREEMENTS_PER_PAGE, ...(after === undefined ? {} : { after }) };
    const params = { path: { clientId }, query };
    const { agreements } = await unwrap(api.GET('/v1/clients/{clientId}/agreements', { params }));
    if (agreements.some((one) => one.vaultId === vaultId && one.state !== 'ended')) return true;
    if (agreements.length < AGREEMENTS_PER_PAGE) return false;
    after = agreements.at(-1)!.agreementId;
  }
}
