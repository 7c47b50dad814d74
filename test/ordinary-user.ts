/** Root may read everything, so what permissions do must be tried as somebody else: as nobody, or as we are. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, lchownSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliUser } from './cli-process.ts';

export const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 } as const;

/** Whom to run a child process as; empty when this process is no root itself. */
export const ordinaryUser: { readonly uid?: number; readonly gid?: number } = isRoot ? NOBODY : {};

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const MAIN = 'services/client/src/main.ts';

/** Somebody who can run the command line, although nobody may enter the clone: then of a copy under the temporary directory. */
export function createCliUser(): CliUser & { remove(): void } {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-installed-'));
  chmodSync(copy, 0o755);
  const remove = (): void => rmSync(copy, { recursive: true, force: true });
  try {
    const compileCache = join(copy, 'compile-cache');
    mkdirSync(compileCache);
    giveAway(compileCache);
    if (canRun(process.execPath, join(ROOT, MAIN))) return { ...ordinaryUser, compileCache, remove };
    const node = join(copy, 'node');
    copyFileSync(process.execPath, node);
    for (const name of ['package.json', 'libs', 'services', 'node_modules']) copyTree(join(ROOT, name), copy);
    return { ...ordinaryUser, node, main: join(copy, MAIN), compileCache, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function canRun(node: string, main: string): boolean {
  const command = ['-c', 'test -x "$1" && test -r "$2"', 'sh', node, main];
  return spawnSync('/bin/sh', command, { ...ordinaryUser, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** By hard links where source and copy are on one file system. */
function copyTree(source: string, directory: string): void {
  if (spawnSync('cp', ['-al', source, directory]).status === 0) return;
  const { status, stderr } = spawnSync('cp', ['-a', source, directory], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${source} was not copied: ${stderr}`);
}

/** Gives all that is there to the ordinary user. */
export function giveAway(path: string): void {
  const { uid, gid } = ordinaryUser;
  if (uid === undefined || gid === undefined) return;
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
  lchownSync(path, uid, gid);
}
