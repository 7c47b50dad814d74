import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, defineConfig, describeConfig, readConfig, type Environment } from './config.ts';

const definition = defineConfig(
  {
    port: { env: 'HOLDFAST_NODE_PORT', type: 'int', default: 8443, min: 0, max: 65_535, help: 'Where it listens.' },
    home: { env: 'HOLDFAST_NODE_HOME', type: 'path', default: '~/node', help: 'Where it keeps its state.' },
    capacity: { env: 'HOLDFAST_NODE_CAPACITY', type: 'bytes', default: null, help: 'How much it rents out.' },
    period: { env: 'HOLDFAST_NODE_PERIOD', type: 'duration', default: 3_600_000, min: 1_000, help: 'How often.' },
    price: { env: 'HOLDFAST_NODE_PRICE', type: 'number', default: 1.5, help: 'How much.' },
    scrub: { env: 'HOLDFAST_NODE_SCRUB', type: 'bool', default: true, help: 'Whether it scrubs.' },
    mediator: {
      env: 'HOLDFAST_NODE_MEDIATOR',
      type: 'url',
      default: null,
      required: true,
      protocols: ['holdfast:', 'https:'],
      help: 'Whose node it is.',
    },
    regions: { env: 'HOLDFAST_NODE_REGIONS', type: 'list', default: ['eu'], help: 'Where it is.' },
    network: {
      env: 'HOLDFAST_NODE_NETWORK',
      type: 'enum',
      values: ['regtest', 'mainnet'],
      default: 'regtest',
      help: 'Which coins.',
    },
    key: { env: 'HOLDFAST_NODE_KEY', type: 'string', default: null, secret: true, help: 'Its key.' },
  },
  { ownPrefixes: ['HOLDFAST_NODE_'] },
);
const onTestEnd: (() => void)[] = [];
afterEach(() => {
  for (const end of onTestEnd.splice(0)) end();
});
const enough = { HOLDFAST_NODE_MEDIATOR: 'holdfast://m:1#ab', HOME: '/home/somebody' };

function problemsOf(env: Environment, overrides = {}): readonly string[] {
  try {
    readConfig(definition, env, overrides);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
}

describe('readConfig', () => {
  test('gives every default, typed and frozen', () => {
    const config = readConfig(definition, enough);
    expect(config).toEqual({
      port: 8443,
      home: '/home/somebody/node',
      capacity: null,
      period: 3_600_000,
      price: 1.5,
      scrub: true,
      mediator: 'holdfast://m:1#ab',
      regions: ['eu'],
      network: 'regtest',
      key: null,
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.regions)).toBe(true);
    const network: 'regtest' | 'mainnet' = config.network;
    const mediator: string = config.mediator;
    const capacity: number | null = config.capacity;
    expect([network, mediator, capacity]).toHaveLength(3);
  });

  test.each<[string, string, unknown]>([
    ['PORT', '0', 0],
    ['PORT', ' 443 ', 443],
    ['HOME', 'relative/dir', resolve('relative/dir')],
    ['HOME', '/a//b/../c', '/a/c'],
    ['HOME', '~', '/home/somebody'],
    ['CAPACITY', '0', 0],
    ['CAPACITY', '1.5 TB', 1_500_000_000_000],
    ['CAPACITY', '512MiB', 536_870_912],
    ['CAPACITY', '7', 7],
    ['PERIOD', '90s', 90_000],
    ['PERIOD', '1h30m', 5_400_000],
    ['PERIOD', '1d 12h', 129_600_000],
    ['PRICE', '0.25', 0.25],
    ['SCRUB', 'no', false],
    ['SCRUB', 'ON', true],
    ['REGIONS', 'eu, us ,,asia', ['eu', 'us', 'asia']],
    ['REGIONS', ' , ', []],
    ['NETWORK', 'mainnet', 'mainnet'],
    ['KEY', ' as it is ', ' as it is '],
    ['PORT', '', 8443],
  ])('%s=%s', (name, text, value) => {
    const key = name.toLowerCase() as keyof typeof definition.settings;
    expect(readConfig(definition, { ...enough, [`HOLDFAST_NODE_${name}`]: text })[key]).toEqual(value);
  });

  test.each([
    ['PORT', '70000', 'at most 65535'],
    ['PORT', '-1', 'at least 0'],
    ['PORT', '1e3', 'a whole number'],
    ['PORT', '0x10', 'a whole number'],
    ['PORT', '9007199254740993', 'a whole number'],
    ['PRICE', 'Infinity', 'a number'],
    ['PRICE', ' ', 'a number'],
    ['CAPACITY', '10 gigs', 'a size such as'],
    ['CAPACITY', '-5', 'a size such as'],
    ['PERIOD', '90', 'a time such as'],
    ['PERIOD', '1h 30', 'a time such as'],
    ['PERIOD', '5ms', 'at least 1000'],
    ['SCRUB', 'maybe', 'true or false'],
    ['MEDIATOR', 'ftp://a', 'holdfast:// or https://'],
    ['MEDIATOR', 'nonsense', 'a URL'],
    ['NETWORK', 'Regtest', 'one of regtest, mainnet'],
    ['HOME', 'a\0b', 'a path'],
  ])('%s=%j is refused: %s', (name, text, sentence) => {
    const [problem, ...others] = problemsOf({ ...enough, [`HOLDFAST_NODE_${name}`]: text });
    expect(problem).toContain(`HOLDFAST_NODE_${name} must be`);
    expect(problem).toContain(sentence);
    expect(others).toEqual([]);
  });

  test('names every problem at once', () => {
    const problems = problemsOf({
      HOME: '/',
      HOLDFAST_NODE_PORT: 'x',
      HOLDFAST_NODE_PROT: '1',
      HOLDFAST_NODE_QQQQQQQQQQQQQQ: '1',
    });
    expect(problems).toEqual([
      'HOLDFAST_NODE_PROT is not a setting of this program; did you mean HOLDFAST_NODE_PORT?',
      'HOLDFAST_NODE_QQQQQQQQQQQQQQ is not a setting of this program.',
      'HOLDFAST_NODE_PORT must be a whole number, not "x".',
      'HOLDFAST_NODE_MEDIATOR must be set: Whose node it is.',
    ]);
  });

  test('leaves alone what belongs to others', () => {
    expect(problemsOf({ ...enough, HOLDFAST_MEDIATOR_PORT: '1', PATH: '/bin' })).toEqual([]);
    const all = defineConfig({}, { foreignPrefixes: ['HOLDFAST_NODE_'] });
    expect(readConfig(all, { HOLDFAST_NODE_X: '1' })).toEqual({});
    expect(() => readConfig(all, { HOLDFAST_X: '1' })).toThrow(ConfigError);
  });

  test('overrides win, typed or as text, and null means none', () => {
    const env = { ...enough, HOLDFAST_NODE_PORT: '1', HOLDFAST_NODE_CAPACITY: '5' };
    expect(readConfig(definition, env, { port: 2 }).port).toBe(2);
    expect(readConfig(definition, env, { port: '3', period: '2s' })).toMatchObject({ port: 3, period: 2_000 });
    expect(readConfig(definition, env, { port: undefined }).port).toBe(1);
    expect(readConfig(definition, env, { capacity: null }).capacity).toBeNull();
    expect(problemsOf(env, { port: 'x' })).toHaveLength(1);
  });

  test('secrets come from files too, and never stand in a message', () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-config-'));
    onTestEnd.push(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'key');
    writeFileSync(file, 'from a file\n');
    expect(readConfig(definition, { ...enough, HOLDFAST_NODE_KEY_FILE: file }).key).toBe('from a file');
    expect(problemsOf({ ...enough, HOLDFAST_NODE_KEY_FILE: file, HOLDFAST_NODE_KEY: 'x' })[0]).toContain('both set');
    expect(problemsOf({ ...enough, HOLDFAST_NODE_KEY_FILE: `${file}.none` })[0]).toContain('cannot be read');
    expect(problemsOf({ ...enough, HOLDFAST_NODE_PORT_FILE: file })[0]).toContain('not a setting');
    const pin = defineConfig({ pin: { env: 'PIN', type: 'int', default: 0, secret: true, help: 'Secret.' } });
    expect(() => readConfig(pin, { PIN: 'hunter2' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

test('the help table shows every setting, and of secrets only whether they are set', () => {
  const values = readConfig(definition, { ...enough, HOLDFAST_NODE_KEY: 'hunter2' });
  const help = describeConfig(definition, values);
  for (const setting of Object.values(definition.settings)) {
    expect(help).toContain(setting.env);
    expect(help).toContain(setting.help);
  }
  expect(help).toContain('HOLDFAST_NODE_NETWORK  (regtest|mainnet; default: regtest)');
  expect(help).toContain('HOLDFAST_NODE_MEDIATOR  (url; required)');
  expect(help).toContain('now: (set)');
  expect(help).not.toContain('hunter2');
});
