/**
 * Finds a program that tests and benchmarks need: on the PATH, or unpacked from Debian's packages into
 * `.tools/debian/PACKAGE`, without touching the system. Needs apt set up, but no privileges.
 *
 *   node tools/debian-package.mjs PACKAGE [PROGRAM]    prints the program's path; else the reason, with exit code 3
 */
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { capture, root } from './lib/run.mjs';
import { acquireLock } from './setup/lock.mjs';

const HOME = join(root, '.tools', 'debian');

/** Package lists older than this may name files that the mirror no longer has. */
const LISTS_KEPT_MS = 24 * 3600 * 1000;

/** @typedef {{ path: string } | { reason: string }} Found */

/**
 * @param {string} name the Debian package, as in `restic`
 * @param {string} [program] what is wanted of it; the package's own name when left out
 * @returns {Promise<Found>}
 */
export async function debianProgram(name, program = name) {
  const installed = onPath(program);
  if (installed !== undefined) return { path: installed };
  const unpacked = join(HOME, name, 'bin', program);
  if (existsSync(unpacked)) return { path: unpacked };
  if (onPath('apt-get') === undefined || onPath('dpkg') === undefined) {
    return {
      reason: `${program} is not on the PATH, and this is not Debian, whose package ${name} could be unpacked.`,
    };
  }
  mkdirSync(HOME, { recursive: true });
  const lock = await acquireLock(join(HOME, 'lock'));
  try {
    const problem = existsSync(unpacked) ? undefined : await unpack(name);
    if (problem !== undefined) return { reason: `${program} is not on the PATH, and ${problem}` };
  } finally {
    lock.release();
  }
  return existsSync(unpacked)
    ? { path: unpacked }
    : { reason: `the Debian package ${name} has no program ${program}.` };
}

/**
 * @param {string} program
 * @returns {string | undefined}
 */
function onPath(program) {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => isAbsolute(directory));
  return [...directories, '/usr/sbin', '/sbin'].map((directory) => join(directory, program)).find(isProgram);
}

/** @param {string} path */
function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Downloads the package and what it depends on that the system lacks, checked by apt as always, and unpacks all of it.
 * @param {string} name
 * @returns {Promise<string | undefined>} what went wrong
 */
async function unpack(name) {
  const apt = privateApt();
  const updated = join(HOME, 'updated');
  const updatedMs = statSync(updated, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (updatedMs < Date.now() - LISTS_KEPT_MS) {
    const update = await apt(['update', '-qq']);
    if (update.code !== 0) return `Debian’s package lists could not be fetched: ${lastLine(update.output)}`;
    writeFileSync(updated, '');
  }
  rmSync(join(HOME, 'archives'), { recursive: true, force: true });
  mkdirSync(join(HOME, 'archives', 'partial'), { recursive: true });
  const download = await apt(['install', '-qq', '--download-only', '--no-install-recommends', '--yes', name]);
  if (download.code !== 0) return `Debian’s package ${name} could not be fetched: ${lastLine(download.output)}`;
  const aside = mkdtempSync(join(HOME, 'unfinished-'));
  try {
    for (const file of readdirSync(join(HOME, 'archives')).filter((entry) => entry.endsWith('.deb'))) {
      const { code, output } = await capture('dpkg', ['-x', join(HOME, 'archives', file), join(aside, 'root')]);
      if (code !== 0) return `${file} could not be unpacked: ${lastLine(output)}`;
    }
    writeLaunchers(aside);
    chmodSync(aside, 0o755);
    renameSync(aside, join(HOME, name));
  } finally {
    rmSync(aside, { recursive: true, force: true });
    rmSync(join(HOME, 'archives'), { recursive: true, force: true });
  }
  return undefined;
}

/**
 * apt with lists, caches and locks of its own, and the system's sources, keys and list of what is installed.
 * @returns {(args: string[]) => ReturnType<typeof capture>}
 */
function privateApt() {
  mkdirSync(join(HOME, 'lists', 'partial'), { recursive: true });
  const options = {
    'Dir::State::Lists': join(HOME, 'lists'),
    'Dir::Cache': HOME,
    'Dir::Cache::Archives': join(HOME, 'archives'),
    'Dir::Log': HOME,
    'Debug::NoLocking': 'true',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'APT::Update::Post-Invoke': '',
    'APT::Update::Post-Invoke-Success': '',
    'DPkg::Post-Invoke': '',
    'Acquire::Retries': '2',
  };
  // Written to a file: `-o` splits lists at spaces, and the clone's path may have some.
  const config = join(HOME, 'apt.conf');
  const lines = Object.entries(options).map(([key, value]) => `${key} "${value}";`);
  writeFileSync(
    config,
    `#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n${lines.join('\n')}\n`,
  );
  return (args) => capture('apt-get', args, { env: { ...process.env, APT_CONFIG: config, LC_ALL: 'C.UTF-8' } });
}

/**
 * A launcher for each program, which lets it find the libraries that came with it.
 * @param {string} directory
 */
function writeLaunchers(directory) {
  mkdirSync(join(directory, 'bin'));
  for (const place of ['usr/bin', 'usr/sbin', 'bin', 'sbin']) {
    const programs = join(directory, 'root', place);
    for (const program of existsSync(programs) ? readdirSync(programs) : []) {
      const launcher = join(directory, 'bin', program);
      writeFileSync(launcher, launcherFor(`${place}/${program}`));
      chmodSync(launcher, 0o755);
    }
  }
}

/** @param {string} program relative to the unpacked root */
function launcherFor(program) {
  return [
    '#!/bin/sh',
    'here=$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")/root',
    'for directory in "$here"/usr/lib/*-linux-gnu* "$here"/lib/*-linux-gnu*; do',
    '  if [ -d "$directory" ]; then LD_LIBRARY_PATH=$directory${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; fi',
    'done',
    '[ -z "${LD_LIBRARY_PATH:-}" ] || export LD_LIBRARY_PATH',
    `exec "$here/${program}" "$@"`,
    '',
  ].join('\n');
}

/** @param {string} output */
function lastLine(output) {
  const lines = output.trim().split('\n');
  return (lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '').replace(/^E: /, '');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [name, program] = process.argv.slice(2);
  if (name === undefined) {
    console.error('usage: node tools/debian-package.mjs PACKAGE [PROGRAM]');
    process.exit(2);
  }
  const found = await debianProgram(name, program);
  if ('path' in found) console.log(found.path);
  else {
    console.error(found.reason);
    process.exitCode = 3;
  }
}
