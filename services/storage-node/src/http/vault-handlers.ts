/** Copies of heads and shard maps. */
import type { StorageNodeOperations } from '@holdfast/http-api';
import type { Handlers } from '@holdfast/http-api/server';
import type { FastifyRequest } from 'fastify';
import type { Access } from '../grants/index.ts';
import type { VaultCopies } from '../vault-copies/index.ts';

type VaultHandlers = Pick<
  Handlers<StorageNodeOperations>,
  'getHeadCopy' | 'putHeadCopy' | 'listShardMaps' | 'addShardMaps'
>;

export function createVaultHandlers(options: {
  readonly copies: VaultCopies;
  readonly accessOf: (request: FastifyRequest) => Access;
}): VaultHandlers {
  const { copies } = options;
  const clientOf = (request: FastifyRequest): string => options.accessOf(request).grant.clientId;
  return {
    async getHeadCopy({ params, request }) {
      return { head: copies.head(clientOf(request), params.vaultId) };
    },
    async putHeadCopy({ params, body, request }) {
      copies.putHead(clientOf(request), params.vaultId, body.head);
    },
    async listShardMaps({ params, query, request }) {
      return { commits: copies.shardMaps(clientOf(request), params.vaultId, query.after) };
    },
    async addShardMaps({ params, body, request }) {
      await copies.addShardMaps(clientOf(request), params.vaultId, body.commits);
    },
  };
}
