/**
 * For tests: a cluster that is made once and copied wherever a new one is wanted. Making one costs a second of CPU, a copy a
 * twentieth of it. All copies have one password, and an identity that Postgres thinks is unique: no real data goes into one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, PlatformError, systemErrorCode } from '../errors.ts';

/** Where tests keep the template: whoever starts them makes that directory, and removes it in the end. */
export const templateDirectory = (): string | undefined => process.env['EMBEDDED_POSTGRES_TEMPLATE'];

const READY = 'ready';

/** The password of the copy, which did not exist before; undefined where there is nothing to copy yet. */
export async function copyTemplate(directory: string | undefined, cluster: string): Promise<string | undefined> {
  if (directory === undefined) return undefined;
  const ready = join(directory, READY);
  try {
    const password = await readFile(join(ready, 'password'), 'utf8');
    await copyTree(join(ready, 'cluster'), cluster);
    return password;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Of those who come at the same time, one is taken. No server may have started on the cluster yet. */
export async function keepAsTemplate(directory: string | undefined, cluster: string, password: string): Promise<void> {
  if (directory === undefined) return;
  const making = await mkdtemp(join(directory, 'making-'));
  try {
    await copyTree(cluster, join(making, 'cluster'));
    await writeFile(join(making, 'password'), password, { mode: 0o600 });
    await rename(making, join(directory, READY));
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
  }
}

/** With owners and modes, which Postgres looks at; Node's own copy leaves the owners out. */
async function copyTree(source: string, target: string): Promise<void> {
  const copying = spawn('cp', ['-Rp', source, target], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  copying.stderr.on('data', (piece) => (said += String(piece)));
  const [status] = await once(copying, 'close').catch((error: unknown) => [errorText(error)]);
  if (status === 0) return;
  const problem = `The database cluster ${source} could not be copied: ${said.trim() || String(status)}`;
  throw new PlatformError('postgres.init-failed', problem, 'Check space and permissions of the temporary directory.');
}
