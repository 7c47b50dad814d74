/** The environment that a command of the workspace runs in: its Node and tools first on the PATH, sources not dist. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

const FLAGS = ['--conditions=@holdfast/source', '--disable-warning=ExperimentalWarning'];

/** jest runs ES modules through the vm module, which Node still hides behind a flag. */
const FLAGS_FOR_JEST = ['--experimental-vm-modules'];

/**
 * @param {NodeJS.ProcessEnv} env the environment we were started with
 * @param {import('./workspace.mjs').Workspace} workspace
 * @param {{ program: string, long: boolean }} command
 * @returns {NodeJS.ProcessEnv}
 */
export function childEnvironment(env, workspace, command) {
  const flags = command.program === 'jest' ? [...FLAGS, ...FLAGS_FOR_JEST] : FLAGS;
  return {
    ...env,
    ...homeFor(env, workspace),
    PATH: [workspace.bin, join(workspace.root, 'node_modules', '.bin'), env['PATH']].filter(Boolean).join(delimiter),
    NODE_OPTIONS: withFlags(env['NODE_OPTIONS'], flags),
    XDG_CACHE_HOME: join(workspace.tools, 'cache'),
    // Compiled code is kept: the tests start hundreds of processes and threads.
    NODE_COMPILE_CACHE: env['NODE_COMPILE_CACHE'] ?? join(workspace.tools, 'compile-cache'),
    ...(command.long ? { HOLDFAST_LONG: '1' } : {}),
  };
}

/**
 * An unset, empty or relative HOME makes tools write into whatever directory they stand in, and one that may not be
 * entered makes them fail: give them one in `.tools/`.
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./workspace.mjs').Workspace} workspace
 * @returns {{ HOME?: string }}
 */
function homeFor(env, workspace) {
  const home = env['HOME'] ?? '';
  return isAbsolute(home) && mayEnter(home) ? {} : { HOME: join(workspace.tools, 'home') };
}

/** @param {string} directory */
function mayEnter(directory) {
  try {
    accessSync(directory, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string | undefined} existing
 * @param {string[]} flags
 */
function withFlags(existing, flags) {
  const present = (existing ?? '').split(/\s+/).filter(Boolean);
  return [...present, ...flags.filter((flag) => !present.includes(flag))].join(' ');
}

/**
 * What npm and pnpm are run with: stores, caches and state of their own in `.tools/`, and none of the settings of an
 * outer `npm run` that would change which packages are installed.
 * @param {NodeJS.ProcessEnv} env
 * @param {import('./workspace.mjs').Workspace} workspace
 * @returns {NodeJS.ProcessEnv}
 */
export function installEnvironment(env, workspace) {
  const { NODE_ENV: _production, NODE_OPTIONS: _options, ...rest } = env;
  const inTools = (/** @type {string} */ name) => join(workspace.tools, name);
  return {
    ...rest,
    ...homeFor(env, workspace),
    CI: 'true',
    npm_config_cache: inTools('npm-cache'),
    npm_config_update_notifier: 'false',
    pnpm_config_cache_dir: inTools('pnpm-cache'),
    pnpm_config_state_dir: inTools('pnpm-state'),
    pnpm_config_store_dir: inTools('pnpm-store'),
    XDG_CACHE_HOME: inTools('cache'),
    XDG_DATA_HOME: inTools('data'),
    XDG_STATE_HOME: inTools('state'),
  };
}

/**
 * npm's network settings in the words that pnpm understands, so that a registry set for npm serves both.
 * @param {string} npmConfig what `npm config get registry cafile …` printed: one `key=value` a line
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function pnpmNetworkSettings(npmConfig, env) {
  const settings = new Map(
    npmConfig.split('\n').flatMap((line) => {
      const [, key, value] = /^([a-z-]+)=(.*)$/.exec(line.trim()) ?? [];
      return key === undefined || value === undefined || ['', 'null', 'undefined'].includes(value)
        ? []
        : [[key, value]];
    }),
  );
  /** @type {NodeJS.ProcessEnv} */
  const result = {};
  const offer = (/** @type {string} */ name, /** @type {string | undefined} */ value) => {
    if (value !== undefined && env[name] === undefined) result[name] = value;
  };
  offer('pnpm_config_registry', settings.get('registry'));
  offer('NODE_EXTRA_CA_CERTS', settings.get('cafile'));
  if (settings.get('strict-ssl') === 'false') offer('pnpm_config_strict_ssl', 'false');
  if (env['https_proxy'] === undefined) offer('HTTPS_PROXY', settings.get('https-proxy') ?? settings.get('proxy'));
  if (env['http_proxy'] === undefined) offer('HTTP_PROXY', settings.get('proxy'));
  if (env['no_proxy'] === undefined) offer('NO_PROXY', settings.get('noproxy'));
  return result;
}
