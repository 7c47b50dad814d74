/** Backs up the watched directories: one snapshot of all of them. */
import { availableParallelism } from 'node:os';
import { fail, HoldfastError, shortId } from '@holdfast/protocol';
import { keepYoungSpaceSmall } from '../pipeline/malloc.ts';
import type { ClientContext } from '../ports.ts';
import { lockHome } from '../session.ts';
import { keepMandate } from '../vault/index.ts';
import { BackupRun } from './backup-run.ts';
import type { BackupOptions } from './options.ts';
import type { BackupReport } from './report.ts';

export type { CopyFailure } from './node-copies.ts';
export type { BackupOptions } from './options.ts';
export type { BackupEvent, BackupProgress, BackupReport, Issue } from './report.ts';

/** More would not fit the memory that a backup may take. */
const MOST_WORKERS = 2;

/**
 * @param directories absolute paths; default: those of the configuration
 * @throws HoldfastError `client.locked`, `client.no-directories`, `client.no-money`, `client.interrupted`, and whatever mediator and nodes
 *   refuse. What was committed until then stays, and is not sent again by the next backup.
 */
export async function backup(
  context: ClientContext,
  options: Partial<BackupOptions> & { readonly directories?: readonly string[] } = {},
): Promise<BackupReport> {
  const directories = options.directories ?? context.config.directories;
  if (directories.length === 0) throw fail('client.no-directories');
  const workers = Math.max(1, Math.min(options.workers ?? MOST_WORKERS, availableParallelism()));
  keepYoungSpaceSmall();
  const lock = lockHome(context.home);
  try {
    const vault = await context.mediator.getVault();
    // What was stored would count as stored, though every node has deleted it.
    if (vault.packCount > 0 && !(await context.mediator.hasAgreements())) {
      throw fail('vault.given-up', { vaultId: shortId(vault.vaultId) });
    }
    await keepMandate(context, vault);
    return await new BackupRun(context, { ...options, workers }, vault).run(directories);
  } catch (error) {
    throw withoutMoney(context, error) ?? error;
  } finally {
    lock.release();
  }
}

/** In satoshi, and with the client's id: whoever credits it has to know it. */
function withoutMoney({ clientId }: ClientContext, error: unknown): HoldfastError | undefined {
  if (!(error instanceof HoldfastError) || error.code !== 'money.insufficient') return undefined;
  const { neededMsat = '0', availableMsat = '0' } = error.params;
  const neededSats = (BigInt(neededMsat) + 999n) / 1000n;
  const availableSats = BigInt(availableMsat) / 1000n;
  return fail(
    'client.no-money',
    { neededSats, availableSats, missingSats: neededSats - availableSats, clientId },
    error,
  );
}
