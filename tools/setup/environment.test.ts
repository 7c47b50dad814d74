import { describe, expect, test } from '@jest/globals';
import { childEnvironment, installEnvironment, pnpmNetworkSettings } from './environment.mjs';
import { workspaceAt } from './workspace.mjs';

const workspace = workspaceAt('/a clone');
const command = { program: 'node', long: false };

describe('the environment of a command', () => {
  test('the workspace’s Node and tools come first on the PATH', () => {
    const { PATH } = childEnvironment({ PATH: '/usr/bin', HOME: '/' }, workspace, command);
    expect(PATH).toBe('/a clone/.tools/bin:/a clone/node_modules/.bin:/usr/bin');
  });

  test('sources are run, what the caller set stays, and nothing is said twice', () => {
    const once = childEnvironment({ HOME: '/', NODE_OPTIONS: '--max-old-space-size=99' }, workspace, command);
    const twice = childEnvironment(once, workspace, command);
    expect(once['NODE_OPTIONS']).toBe(
      '--max-old-space-size=99 --conditions=@holdfast/source --disable-warning=ExperimentalWarning',
    );
    expect(twice['NODE_OPTIONS']).toBe(once['NODE_OPTIONS']);
  });

  test('only jest gets the flag for modules in a vm', () => {
    const flagged = childEnvironment({ HOME: '/' }, workspace, { program: 'jest', long: false });
    expect(flagged['NODE_OPTIONS']).toContain('--experimental-vm-modules');
    expect(childEnvironment({}, workspace, command)['NODE_OPTIONS']).not.toContain('vm-modules');
  });

  test.each([undefined, '', 'relative/path', '/no/such/home'])('HOME %p is replaced', (home) => {
    const env = home === undefined ? {} : { HOME: home };
    expect(childEnvironment(env, workspace, command)['HOME']).toBe('/a clone/.tools/home');
  });

  test('a HOME that can be entered is left alone', () => {
    expect(childEnvironment({ HOME: '/' }, workspace, command)['HOME']).toBe('/');
  });

  test('the long variants are asked for in one variable', () => {
    expect(childEnvironment({}, workspace, { ...command, long: true })['HOLDFAST_LONG']).toBe('1');
    expect(childEnvironment({}, workspace, command)).not.toHaveProperty('HOLDFAST_LONG');
  });
});

describe('the environment of an installer', () => {
  test('everything it writes lies in the clone, and an outer production setting does not reach it', () => {
    const env = installEnvironment({ NODE_ENV: 'production', HOME: '/', NODE_OPTIONS: '--x' }, workspace);
    expect(env).not.toHaveProperty('NODE_ENV');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
    const places = Object.entries(env).filter(([key]) => /_dir$|_cache$|^XDG_/.test(key));
    expect(places.length).toBeGreaterThan(5);
    for (const [, place] of places) expect(place).toMatch(/^\/a clone\/\.tools\//);
  });

  test('npm’s registry, certificate and proxy reach pnpm', () => {
    const printed =
      'registry=http://mirror.example/\ncafile=/etc/ca.pem\nproxy=null\nhttps-proxy=http://p:1\nstrict-ssl=true\n';
    expect(pnpmNetworkSettings(printed, {})).toEqual({
      pnpm_config_registry: 'http://mirror.example/',
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      HTTPS_PROXY: 'http://p:1',
    });
  });

  test('what is set in the environment wins over npm’s configuration', () => {
    const env = {
      pnpm_config_registry: 'http://mine.example/',
      NODE_EXTRA_CA_CERTS: '/mine.pem',
      https_proxy: 'http://q:2',
    };
    expect(pnpmNetworkSettings('registry=http://other.example/\ncafile=/o.pem\nhttps-proxy=http://p:1', env)).toEqual(
      {},
    );
  });
});
