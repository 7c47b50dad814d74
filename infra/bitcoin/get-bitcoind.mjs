/**
 * Finds a `bitcoind` for regtest: on the PATH, or unpacked from Debian's packages into `.tools/bitcoin`, without touching
 * the system and without privileges. What it unpacks is for tests and for trying Holdfast out; on a network with real
 * money, install Bitcoin Core.
 *
 *   node infra/bitcoin/get-bitcoind.mjs    prints the program's path; else one line with the reason, and exit code 3
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
import { capture, root } from '../../tools/lib/run.mjs';
import { acquireLock } from '../../tools/setup/lock.mjs';

const HOME = join(root, '.tools', 'bitcoin');
const UNPACKED = join(HOME, 'node', 'bitcoind');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Debian has no package of Bitcoin Core itself; this one has all that regtest needs. */
const PACKAGE = 'bitcoin-knots';
/** The first release that has it. Everything is taken from there, so that program and libraries fit each other. */
const SUITE = 'forky';

/** @typedef {{ path: string } | { reason: string }} Found */

/** @returns {Promise<Found>} */
export async function getBitcoind() {
  const installed = onPath('bitcoind') ?? (isProgram(UNPACKED) ? UNPACKED : undefined);
  if (installed !== undefined) return { path: installed };
  const why = unable();
  if (why !== undefined) return { reason: `bitcoind is not on the PATH, and ${why}` };
  mkdirSync(HOME, { recursive: true });
  const lock = await acquireLock(join(HOME, 'lock'));
  try {
    const problem = isProgram(UNPACKED) ? undefined : await unpack();
    return problem === undefined
      ? { path: UNPACKED }
      : { reason: `bitcoind is not on the PATH, and Debian’s ${PACKAGE} could not be unpacked: ${problem}` };
  } finally {
    lock.release();
  }
}

/** @returns {string | undefined} why Debian's packages are of no use on this machine */
function unable() {
  if (process.platform !== 'linux') return 'Debian’s packages run on Linux only: install Bitcoin Core.';
  if (onPath('apt-get') === undefined || onPath('dpkg') === undefined) {
    return 'this is not Debian, whose packages could be unpacked: install Bitcoin Core.';
  }
  return existsSync(KEYRING) ? undefined : `${KEYRING} is missing, by which Debian’s packages are checked.`;
}

/**
 * Downloads the node and the libraries that it is linked to, checked by apt as always, and unpacks them side by side.
 * @returns {Promise<string | undefined>} what went wrong
 */
async function unpack() {
  const aside = mkdtempSync(join(HOME, 'unfinished-'));
  try {
    const apt = await privateApt(join(aside, 'apt'));
    if (typeof apt === 'string') return apt;
    const update = await apt('apt-get', ['update', '-qq']);
    if (update.code !== 0) return lastLine(update.output);
    const wanted = await apt('apt-cache', [
      'depends',
      '--recurse',
      ...['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances', 'pre-depends'].map(
        (kind) => `--no-${kind}`,
      ),
      PACKAGE,
    ]);
    if (wanted.code !== 0) return lastLine(wanted.output);
    // Programs that set up users and services are of no use here; libraries are.
    const names = wanted.output.split('\n').filter((line) => /^lib[a-z0-9][a-z0-9+.-]*$/.test(line));
    const download = await apt('apt-get', ['download', '-qq', PACKAGE, ...new Set(names)]);
    if (download.code !== 0) return lastLine(download.output);
    const node = join(aside, 'node');
    mkdirSync(node);
    for (const file of readdirSync(join(aside, 'apt')).filter((entry) => entry.endsWith('.deb'))) {
      const { code, output } = await capture('dpkg', ['-x', join(aside, 'apt', file), join(node, 'root')]);
      if (code !== 0) return lastLine(output);
    }
    return await install(node);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/**
 * apt with everything of its own: one source, an empty list of installed packages, no hooks of the system's.
 * @param {string} directory made here; downloads land in it
 * @returns {Promise<string | ((program: string, args: string[]) => ReturnType<typeof capture>)>} a string: what went wrong
 */
async function privateApt(directory) {
  for (const part of ['lists/partial', 'archives/partial']) mkdirSync(join(directory, part), { recursive: true });
  const mirror = await debianMirror();
  if (mirror === undefined) return 'apt knows no mirror of Debian.';
  const source = { Types: 'deb', URIs: mirror, Suites: SUITE, Components: 'main', 'Signed-By': KEYRING };
  const lines = Object.entries(source).map(([field, value]) => `${field}: ${value}\n`);
  writeFileSync(join(directory, 'debian.sources'), lines.join(''));
  writeFileSync(join(directory, 'status'), '');
  const settings = {
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::State::Status': join(directory, 'status'),
    'Dir::Cache': directory,
    'Dir::Etc::SourceList': join(directory, 'debian.sources'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'APT::Sandbox::User': '',
    'APT::Cache::ShowOnlyFirstOr': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Debug::NoLocking': 'true',
  };
  const config = join(directory, 'apt.conf');
  const hooks = ['APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'].map((hook) => `#clear ${hook};\n`);
  const values = Object.entries(settings).map(([key, value]) => `${key} "${value}";\n`);
  writeFileSync(config, [...hooks, ...values].join(''));
  const env = { ...process.env, APT_CONFIG: config, LC_ALL: 'C.UTF-8' };
  return (program, args) => capture(program, args, { cwd: directory, env });
}

/** @returns {Promise<string | undefined>} the one that this machine takes its own packages from, if it is a Debian */
async function debianMirror() {
  const format = ['--format', '$(ORIGIN) $(SUITE) $(CREATED_BY) $(REPO_URI)'];
  const { output } = await capture('apt-get', ['indextargets', ...format]);
  const targets = output.split('\n').map((line) => line.split(' '));
  const mirrors = targets.filter(
    ([origin, suite, kind]) => origin === 'Debian' && kind === 'Packages' && !/-/.test(suite ?? ''),
  );
  return mirrors[0]?.[3];
}

/**
 * Makes `bitcoind` and `bitcoin-cli` run with the C library that came with them, wherever the directory lies, and moves
 * it to its place when they do.
 * @param {string} node
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install(node) {
  const triplets = readdirSync(join(node, 'root', 'usr', 'lib')).filter((name) => name.includes('-linux-gnu'));
  for (const program of ['bitcoind', 'bitcoin-cli']) {
    const launcher = join(node, program);
    const lines = [
      '#!/bin/sh',
      'here=$(dirname -- "$(readlink -f -- "$0")")/root',
      `libraries=$here/usr/lib/${triplets[0]}`,
      `for loader in "$libraries"/ld-linux*.so.*; do exec "$loader" --library-path "$libraries" "$here/usr/bin/${program}" "$@"; done`,
      '',
    ];
    writeFileSync(launcher, lines.join('\n'));
    chmodSync(launcher, 0o755);
  }
  const { code, output } = await capture(join(node, 'bitcoind'), ['--version']);
  if (code !== 0) return `it does not run here: ${lastLine(output)}`;
  chmodSync(node, 0o755);
  rmSync(join(HOME, 'node'), { recursive: true, force: true });
  renameSync(node, join(HOME, 'node'));
  return undefined;
}

/**
 * @param {string} program
 * @returns {string | undefined}
 */
function onPath(program) {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => isAbsolute(directory));
  return directories.map((directory) => join(directory, program)).find(isProgram);
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

/** @param {string} output */
function lastLine(output) {
  const lines = output.trim().split('\n');
  return (lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) ?? '').replace(/^E: /, '');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = await getBitcoind();
  if ('path' in found) console.log(found.path);
  else {
    console.error(found.reason);
    process.exitCode = 3;
  }
}
