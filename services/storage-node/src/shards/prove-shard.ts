/** What a challenge asks of a shard: the hashes beside it, and single groups; and a second look at what could not be shown. */
import { fromHex, GROUP_BYTES, type ShardReader } from '@holdfast/protocol';
import { diskError, isMediumError, readFull } from './file-io.ts';
import { createPiecePool } from './piece-pool.ts';
import { recordLoss } from './read-shard.ts';
import { scrubOne } from './scrub.ts';
import type { ShardName } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';

/**
 * Reads for one challenge after the other, through one buffer: a group that it gives is good until the next is asked for.
 * What is missing or damaged is undefined; what cannot be read just now is `node.disk`.
 */
export function createProofReader({ files }: StoreContext): ShardReader {
  const piece = createPiecePool(GROUP_BYTES, 1, 0).take();
  return {
    async hashesOf(name) {
      const found = await files.readTrailer(name).catch((error: unknown) => {
        throw diskError(error);
      });
      if (found.state !== 'whole') return undefined;
      const { groupHashes, record } = found.shard;
      return { groupHashes, root: fromHex(record.root, 32) };
    },
    async readGroup(name, groupIndex) {
      try {
        const found = await files.open(name, 'direct');
        if (found.state !== 'whole') return undefined;
        try {
          const count = await readFull(found.shard.fd, piece, groupIndex * GROUP_BYTES);
          return count === GROUP_BYTES ? piece : undefined;
        } finally {
          found.shard.close();
        }
      } catch (error) {
        if (isMediumError(error)) return undefined;
        throw diskError(error);
      }
    },
  };
}

/** Looks at the whole shard now, and records its loss when it is missing or damaged. */
export async function examineShard(context: StoreContext, name: ShardName): Promise<void> {
  if (await context.files.has(name)) await scrubOne(context, name);
  else if (context.records.isCommitted(name)) await recordLoss(context, name, 'its file is missing');
}
