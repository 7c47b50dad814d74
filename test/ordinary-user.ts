/** Root may read everything, so what permissions do must be tried as somebody else: as nobody, or as we are. */
import { spawnSync } from 'node:child_process';
import { lchownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const isRoot = process.getuid?.() === 0;
const NOBODY = { uid: 65_534, gid: 65_534 } as const;

/** Whom to run a child process as; empty when this process is no root itself. */
export const ordinaryUser: { readonly uid?: number; readonly gid?: number } = isRoot ? NOBODY : {};

const PROGRAM = fileURLToPath(new URL('../services/client/src/main.ts', import.meta.url));

/** Why the ordinary user cannot run what is in this clone; undefined when it can. */
export function whyUnreachable(): string | undefined {
  const { status } = spawnSync('/bin/sh', ['-c', 'test -r "$1" && test -x "$2"', 'sh', PROGRAM, process.execPath], {
    ...ordinaryUser,
    cwd: '/',
    stdio: 'ignore',
  });
  return status === 0 ? undefined : 'an ordinary user cannot get to this clone';
}

/** Gives all that is there to the ordinary user. */
export function giveAway(path: string): void {
  const { uid, gid } = ordinaryUser;
  if (uid === undefined || gid === undefined) return;
  if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) giveAway(join(path, name));
  lchownSync(path, uid, gid);
}
