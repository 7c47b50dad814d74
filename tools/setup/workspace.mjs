/** Where things lie in this clone, and whether its set-up is the one that the lockfiles ask for. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Below 24.9 a CommonJS package that requires an ES module fails under jest. */
const OLDEST_RUNTIME = [24, 9];

/**
 * @typedef {object} Workspace
 * @property {string} root the clone
 * @property {string} tools `.tools/`: runtimes, stores, caches
 * @property {string} bin holds `node` and `pnpm`
 * @property {string} stamp written last by a set-up that succeeded; holds its key
 */

/**
 * @param {string} root
 * @returns {Workspace}
 */
export function workspaceAt(root) {
  const tools = join(root, '.tools');
  return { root, tools, bin: join(tools, 'bin'), stamp: join(tools, 'stamp') };
}

/**
 * Whether the Node that runs this script can run the workspace too.
 * @param {string} version as in `process.versions.node`
 */
function servesAsRuntime(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_RUNTIME;
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/**
 * The machine's own Node where it can run the workspace; undefined where one has to be brought, also when this script
 * runs in the one that was brought: a command that is started by another one finds that first on its PATH.
 * @param {Workspace} workspace
 * @param {{ execPath: string, versions: { node: string } }} running the Node that runs this script
 */
export function systemNode({ tools }, { execPath, versions } = process) {
  return servesAsRuntime(versions.node) && !execPath.startsWith(tools + sep) ? execPath : undefined;
}

/**
 * The manifest and lock of pnpm and Node 24 for this platform; where there is none, only pnpm is brought, unlocked.
 * @param {Workspace} workspace
 */
export function runtimeManifest({ root }) {
  return join(root, 'tools', 'runtime', `${process.platform}-${process.arch}`);
}

/**
 * Names the directory of pnpm and Node 24, so that a newer lock never touches one that is in use.
 * @param {Workspace} workspace
 */
export function runtimeKey(workspace) {
  const lock = join(runtimeManifest(workspace), 'package-lock.json');
  const hash = createHash('sha256').update(existsSync(lock) ? readFileSync(lock) : '');
  const own = systemNode(workspace) === undefined ? 'node' : 'pnpm';
  return `${own}-${hash.update(`${process.platform}-${process.arch}`).digest('hex').slice(0, 12)}`;
}

/**
 * Changes whenever a set-up would come out differently: other locks, another platform, another place (pnpm writes
 * absolute paths), another runtime.
 * @param {Workspace} workspace
 */
export function setUpKey(workspace) {
  const hash = createHash('sha256');
  for (const name of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    hash.update(readFileSync(join(workspace.root, name))).update('\0');
  }
  const runtime = systemNode(workspace) ?? 'own';
  return hash.update(JSON.stringify([workspace.root, runtime, runtimeKey(workspace)])).digest('hex');
}

/**
 * @param {Workspace} workspace
 * @returns {boolean}
 */
export function isReady(workspace) {
  try {
    if (readFileSync(workspace.stamp, 'utf8') !== setUpKey(workspace)) return false;
  } catch {
    return false;
  }
  const parts = [join(workspace.bin, 'node'), join(workspace.root, 'node_modules', '.modules.yaml')];
  if (!parts.every((part) => existsSync(part))) return false;
  try {
    // The launchers compare this time with the lockfiles' and only ask here when the stamp is the older one.
    utimesSync(workspace.stamp, new Date(), new Date());
  } catch {
    // Somebody else's clone, which we may only read: they ask here each time.
  }
  return true;
}
