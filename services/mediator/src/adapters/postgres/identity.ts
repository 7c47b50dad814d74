/** Makes sure that this database belongs to this mediator. */
import { createHmac } from 'node:crypto';
import { PlatformError } from '@holdfast/platform';
import type { SigningContext } from '@holdfast/protocol';
import type { Database } from './database.ts';
import { identity } from './schema.ts';

/** @throws PlatformError `mediator.wrong-database`, `mediator.wrong-mask-key` */
export async function claimDatabase(database: Database, context: SigningContext, maskKey: Uint8Array): Promise<void> {
  const maskKeyCheck = createHmac('sha256', maskKey).update('holdfast mask key check').digest('hex');
  await database
    .insert(identity)
    .values({ mediatorId: context.mediatorId, network: context.network, maskKeyCheck })
    .onConflictDoNothing();
  const [owner] = await database.select().from(identity);
  if (owner?.mediatorId !== context.mediatorId || owner.network !== context.network) {
    throw new PlatformError(
      'mediator.wrong-database',
      `The database belongs to mediator ${owner?.mediatorId} on ${owner?.network}, not to ${context.mediatorId} on ${context.network}.`,
      'Start with the data directory (keys) and HOLDFAST_NETWORK that this database was made with, or use another database.',
    );
  }
  if (owner.maskKeyCheck !== maskKeyCheck) {
    throw new PlatformError(
      'mediator.wrong-mask-key',
      'The file maskkey.key is not the one that the mask keys in this database were sealed under.',
      'Put the right file back from the backup of the data directory.',
    );
  }
}
