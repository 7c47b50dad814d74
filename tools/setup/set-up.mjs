/**
 * Brings pnpm and Node 24 into `.tools/` with npm, then the workspace's packages with pnpm. Each part is made aside and
 * renamed into place, and the stamp is written last: stopped at any moment, the next run takes up from there.
 */
import { spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import { installEnvironment, pnpmNetworkSettings } from './environment.mjs';
import { explainFailure, refuseHost } from './explain.mjs';
import { acquireLock } from './lock.mjs';
import { isReady, runtimeKey, runtimeManifest, setUpKey, systemNode } from './workspace.mjs';

/** As in tools/runtime and package.json. */
const PNPM_VERSION = '12.21.0';
const NEEDED_BYTES = 1_500_000_000;
const LAST_WORDS_LINES = 15;

/** A failure with everything that is known about it. */
class SetUpFailure extends Error {}

/**
 * @param {import('./workspace.mjs').Workspace} workspace
 * @returns {Promise<string | undefined>} a sentence on what went wrong and what to do, undefined when all is in place
 */
export async function setUp(workspace) {
  const started = performance.now();
  try {
    refuseUnfitPlace(workspace);
    const lock = await acquireLock(join(workspace.tools, 'set-up.lock'), {
      onWait: (pid) =>
        say(`another set-up is running in this clone${pid === undefined ? '' : ` (process ${pid})`}; waiting for it`),
    });
    const running = endWithSignals(lock);
    try {
      if (isReady(workspace)) return undefined;
      await bringRuntime(workspace, running);
      await installPackages(workspace, running);
      rmSync(join(workspace.tools, 'npm-cache'), { recursive: true, force: true });
      writeAtomically(workspace.stamp, setUpKey(workspace));
    } finally {
      running.stopListening();
      lock.release();
    }
  } catch (error) {
    if (error instanceof SetUpFailure) return error.message;
    return explainFailure(String(error)) + ` (${/** @type {Error} */ (error).message})`;
  }
  say(`ready, in ${Math.round((performance.now() - started) / 1000)} s`);
  return undefined;
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`holdfast: ${line}\n`);
}

/** @param {import('./workspace.mjs').Workspace} workspace */
function refuseUnfitPlace({ root, tools }) {
  const header = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (process.report.getReport()).header;
  const isMusl = process.platform === 'linux' && header?.glibcVersionRuntime === undefined;
  const refusal = refuseHost({ platform: process.platform, arch: process.arch, isMusl });
  if (refusal !== undefined) throw new SetUpFailure(refusal);
  mkdirSync(join(tools, 'home'), { recursive: true });
  accessSync(root, constants.W_OK);
  accessSync(tools, constants.W_OK);
  const { bavail, bsize } = statfsSync(tools);
  const isFirst = !existsSync(join(root, 'node_modules', '.modules.yaml'));
  if (isFirst && bavail * bsize < NEEDED_BYTES) throw new SetUpFailure(explainFailure('ENOSPC'));
}

/**
 * npm brings pnpm, and Node 24 where the system's own is older, at the versions and checksums of tools/runtime.
 * Install scripts stay off: the platform's packages hold their binaries as they are.
 * @param {import('./workspace.mjs').Workspace} workspace
 * @param {Running} running
 */
async function bringRuntime(workspace, running) {
  const { tools, bin } = workspace;
  const place = join(tools, `runtime-${runtimeKey(workspace)}`);
  if (!existsSync(place)) {
    // A name of its own: an npm that outlived a killed set-up may still be writing to the last one.
    const aside = mkdtempSync(join(tools, 'runtime-unfinished-'));
    const manifest = runtimeManifest(workspace);
    if (existsSync(manifest)) cpSync(manifest, aside, { recursive: true });
    const what = systemNode(workspace) === undefined ? 'pnpm and Node 24' : 'pnpm';
    say(`first run here: bringing ${what} into .tools (up to 80 MB to fetch)`);
    // No --prefix: npm would look for its global settings there too, and miss a certificate or registry set in them.
    await run(running, 'npm', [...npmArguments(workspace, existsSync(manifest)), '--cache', join(tools, 'npm-cache')], {
      cwd: aside,
      env: installEnvironment(process.env, workspace),
    });
    chmodSync(aside, 0o755); // what mkdtemp makes is for its owner only, and other users may run this clone too
    renameSync(aside, place);
  }
  const platform = `${process.platform}-${process.arch}`;
  const modules = join(place, 'node_modules');
  const node = systemNode(workspace) ?? join(modules, `node-${platform}`, 'bin', 'node');
  const pnpm = join(modules, '@pnpm', `exe.${platform}`, 'pnpm');
  if (!existsSync(node)) {
    throw new SetUpFailure(
      `There is no Node 24 to bring for ${platform}: install Node 24.9 or newer yourself, then run the same command again.`,
    );
  }
  if (!existsSync(pnpm)) {
    throw new SetUpFailure(`npm brought no pnpm for ${platform}: remove the directory .tools and run it again.`);
  }
  mkdirSync(bin, { recursive: true });
  for (const [name, target] of Object.entries({ node, pnpm })) link(join(bin, name), target);
  for (const name of readdirSync(tools)) {
    const isOlder = name.startsWith('runtime-') && name !== basename(place);
    if (isOlder) rmSync(join(tools, name), { recursive: true, force: true });
  }
}

/**
 * Nothing here is an optional dependency: npm would pass over a failed download of one in silence.
 * @param {import('./workspace.mjs').Workspace} workspace
 * @param {boolean} isLocked whether this platform has a lock under tools/runtime
 */
function npmArguments(workspace, isLocked) {
  const common = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-dry-run', '--loglevel=error'];
  const patience = ['--fetch-retries=3', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=5000'];
  if (!isLocked) {
    const pnpm = `@pnpm/exe.${process.platform}-${process.arch}@${PNPM_VERSION}`;
    return ['install', '--no-package-lock', '--no-save', ...common, ...patience, pnpm];
  }
  const node = systemNode(workspace) === undefined ? '--include=dev' : '--omit=dev';
  return ['ci', '--package-lock', node, ...common, ...patience];
}

/**
 * @param {import('./workspace.mjs').Workspace} workspace
 * @param {Running} running
 */
async function installPackages(workspace, running) {
  const { root, bin } = workspace;
  const env = installEnvironment(process.env, workspace);
  const keys = ['registry', 'cafile', 'https-proxy', 'proxy', 'noproxy', 'strict-ssl'];
  const network = pnpmNetworkSettings(
    await run(
      running,
      'npm',
      ['config', 'get', ...keys, '--loglevel=silent', '--cache', env['npm_config_cache'] ?? ''],
      { cwd: root, env },
    ),
    env,
  );
  say('installing the workspace’s packages');
  const path = `${bin}:${env['PATH'] ?? ''}`;
  // The lockfile was checked when it was written; checking it again would fetch the history of every package.
  await run(running, join(bin, 'pnpm'), ['install', '--frozen-lockfile', '--trust-lockfile', '--prefer-offline'], {
    cwd: root,
    env: {
      ...env,
      ...network,
      PATH: path,
      pnpm_config_confirm_modules_purge: 'false',
      pnpm_config_fetch_retries: '3',
      pnpm_config_fetch_retry_mintimeout: '1000',
      pnpm_config_fetch_retry_maxtimeout: '4000',
    },
  });
}

/**
 * @typedef {object} Running
 * @property {import('node:child_process').ChildProcess | undefined} child
 * @property {(pid: number | undefined) => void} noteInstaller
 * @property {() => void} stopListening
 */

/**
 * A set-up that is told to stop takes its installer with it before it gives the lock back.
 * @param {Awaited<ReturnType<typeof acquireLock>>} lock
 * @returns {Running}
 */
function endWithSignals({ noteInstaller, release }) {
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  /** @type {Running} */
  const running = {
    child: undefined,
    noteInstaller,
    stopListening: () => signals.forEach((signal) => process.off(signal, stop)),
  };
  /** @param {NodeJS.Signals} signal */
  function stop(signal) {
    running.stopListening();
    const end = () => {
      release();
      process.kill(process.pid, signal);
    };
    say('set-up stopped; the next run takes up from here');
    const { child } = running;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return end();
    child.removeAllListeners('close').once('close', end);
    child.kill('SIGTERM');
  }
  signals.forEach((signal) => process.on(signal, stop));
  return running;
}

/**
 * @param {Running} running
 * @param {string} program
 * @param {string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
 * @returns {Promise<string>} what it printed on stdout
 */
function run(running, program, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    running.child = child;
    running.noteInstaller(child.pid);
    let stdout = '';
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => ((stdout += text), (output += text)));
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', (error) => {
      const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT' && program === 'npm';
      const advice = 'npm is not on the PATH: install Node 20 or newer together with npm.';
      reject(missing ? new SetUpFailure(advice) : error);
    });
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      const lines = output.trimEnd().split('\n');
      process.stderr.write(`${lines.slice(-LAST_WORDS_LINES).join('\n')}\n`);
      reject(new SetUpFailure(explainFailure(signal === null ? output : `${output}\nended by ${signal}`)));
    });
  });
}

/**
 * @param {string} path
 * @param {string} target
 */
function link(path, target) {
  const aside = `${path}.new`;
  rmSync(aside, { force: true });
  symlinkSync(target.startsWith(join(path, '..', '..')) ? relative(join(path, '..'), target) : target, aside);
  renameSync(aside, path);
}

/**
 * @param {string} path
 * @param {string} text
 */
function writeAtomically(path, text) {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
