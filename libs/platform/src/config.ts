/**
 * Configuration is read once, from the environment, into a typed frozen object; a bad or unknown key stops the start.
 */
import { readFileSync } from 'node:fs';
import { parseSetting, problem, type SettingType } from './config-values.ts';
import { errorText, PlatformError } from './errors.ts';

interface SettingBase {
  /** The environment variable's name. */
  readonly env: string;
  /** One line for the help table. */
  readonly help: string;
  /** Never printed; may also be given as a file's name in `<env>_FILE`. */
  readonly secret?: boolean;
  /** Stops the start when there is no value. Only with `default: null`. */
  readonly required?: boolean;
}

/** `default: null` means "not set": the value's type then includes null, unless the setting is `required`. */
export type Setting =
  | (SettingBase & { readonly type: 'string'; readonly default: string | null })
  | (SettingBase & { readonly type: 'url'; readonly default: string | null; readonly protocols?: readonly string[] })
  /** An absolute path; `~/` and relative paths are resolved. */
  | (SettingBase & { readonly type: 'path'; readonly default: string | null })
  | (SettingBase & { readonly type: 'bool'; readonly default: boolean | null })
  | (SettingBase & {
      readonly type: 'int';
      readonly default: number | null;
      readonly min?: number;
      readonly max?: number;
    })
  | (SettingBase & {
      readonly type: 'number';
      readonly default: number | null;
      readonly min?: number;
      readonly max?: number;
    })
  /** `10 GB`, `512MiB` or plain bytes → bytes. */
  | (SettingBase & {
      readonly type: 'bytes';
      readonly default: number | null;
      readonly min?: number;
      readonly max?: number;
    })
  /** `250ms`, `90s`, `1h30m`, `30d` → milliseconds. */
  | (SettingBase & {
      readonly type: 'duration';
      readonly default: number | null;
      readonly min?: number;
      readonly max?: number;
    })
  /** Comma-separated. */
  | (SettingBase & { readonly type: 'list'; readonly default: readonly string[] | null })
  | (SettingBase & { readonly type: 'enum'; readonly values: readonly string[]; readonly default: string | null });

export type Settings = Readonly<Record<string, Setting>>;

type SetValue<S extends Setting> = S extends { type: 'enum'; values: readonly (infer V)[] }
  ? V
  : S['type'] extends 'bool'
    ? boolean
    : S['type'] extends 'int' | 'number' | 'bytes' | 'duration'
      ? number
      : S['type'] extends 'list'
        ? readonly string[]
        : string;

type SettingValue<S extends Setting> = S extends { required: true }
  ? SetValue<S>
  : S['default'] extends null
    ? SetValue<S> | null
    : SetValue<S>;

export interface ConfigDefinition<S extends Settings> {
  readonly settings: S;
  /** A set variable that begins with one of these and is not a setting stops the start. */
  readonly ownPrefixes: readonly string[];
  /** Except for those that begin with one of these: they belong to others. */
  readonly foreignPrefixes: readonly string[];
}

export type ConfigValues<S extends Settings> = { readonly [K in keyof S]: SettingValue<S[K]> };

/**
 * Values that win over the environment: typed, or text as it would stand in the environment. `undefined` is no
 * override.
 */
export type ConfigOverrides<S extends Settings> = {
  readonly [K in keyof S]?: SettingValue<S[K]> | string | undefined;
};

/** `config.invalid`, with every problem found, each a sentence. */
export class ConfigError extends PlatformError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super(
      'config.invalid',
      `The configuration has ${count}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
      'Correct the environment and start again; --help lists every setting.',
    );
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Declares a service's settings; `ownPrefixes` is `['HOLDFAST_']` unless told otherwise. */
export function defineConfig<const S extends Settings>(
  settings: S,
  options: { ownPrefixes?: readonly string[]; foreignPrefixes?: readonly string[] } = {},
): ConfigDefinition<S> {
  return {
    settings,
    ownPrefixes: options.ownPrefixes ?? ['HOLDFAST_'],
    foreignPrefixes: options.foreignPrefixes ?? [],
  };
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting: override, then environment, then default. An empty variable counts as not set. Throws
 * ConfigError.
 */
export function readConfig<const S extends Settings>(
  definition: ConfigDefinition<S>,
  env: Environment,
  overrides: ConfigOverrides<S> = {},
): ConfigValues<S> {
  const problems = unknownVariables(definition, env);
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(definition.settings)) {
    try {
      values[key] = readSetting(setting, env, overrides[key]);
    } catch (error) {
      problems.push(errorText(error));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as ConfigValues<S>;
}

function readSetting(setting: Setting, env: Environment, override: unknown): unknown {
  if (override === null && !setting.required) return null;
  if (override !== undefined && override !== null) {
    const value = typeof override === 'string' ? parseSetting(setting, override, env['HOME']) : override;
    return freezeList(value);
  }
  const text = textFromEnvironment(setting, env);
  if (text !== undefined) return freezeList(parseSetting(setting, text, env['HOME']));
  if (setting.required) {
    throw problem(`${setting.env} must be set: ${setting.help}`);
  }
  if (setting.default === null) return null;
  return setting.type === 'path' ? parseSetting(setting, setting.default, env['HOME']) : freezeList(setting.default);
}

function freezeList(value: unknown): unknown {
  return Array.isArray(value) ? Object.freeze([...(value as unknown[])]) : value;
}

function textFromEnvironment(setting: Setting, env: Environment): string | undefined {
  const text = env[setting.env] || undefined;
  if (!setting.secret) return text;
  const fileVariable = `${setting.env}_FILE`;
  const path = env[fileVariable] || undefined;
  if (path === undefined) return text;
  if (text !== undefined) throw problem(`${setting.env} and ${fileVariable} are both set; keep only one of them.`);
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw problem(`${fileVariable} names a file that cannot be read (${errorText(error)}).`, error);
  }
}

function unknownVariables<S extends Settings>(definition: ConfigDefinition<S>, env: Environment): string[] {
  const known = new Set<string>();
  for (const setting of Object.values(definition.settings)) {
    known.add(setting.env);
    if (setting.secret) known.add(`${setting.env}_FILE`);
  }
  const startsWithAny = (name: string, prefixes: readonly string[]): boolean =>
    prefixes.some((prefix) => name.startsWith(prefix));
  return Object.keys(env)
    .filter((name) => env[name] !== undefined && !known.has(name))
    .filter((name) => startsWithAny(name, definition.ownPrefixes) && !startsWithAny(name, definition.foreignPrefixes))
    .sort()
    .map((name) => {
      const near = nearestWord(name, [...known]);
      return `${name} is not a setting of this program${near === undefined ? '.' : `; did you mean ${near}?`}`;
    });
}

/** The candidate at the least edit distance, when that is at most a third of the word's length. */
function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.floor(word.length / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/**
 * The help table: one block per setting with its variable, type, default and help text. With `values`, the effective
 * value of each is shown too, secrets only as "set" or "not set".
 */
export function describeConfig<S extends Settings>(definition: ConfigDefinition<S>, values?: ConfigValues<S>): string {
  const lines: string[] = [];
  for (const [key, setting] of Object.entries(definition.settings)) {
    const type = setting.type === 'enum' ? setting.values.join('|') : setting.type;
    const note = setting.required ? 'required' : `default: ${shownDefault(setting)}`;
    const file = setting.secret ? `, or ${setting.env}_FILE` : '';
    lines.push(`${setting.env}${file}  (${type}; ${note})`, `    ${setting.help}`);
    if (values !== undefined) lines.push(`    now: ${shownValue(setting, values[key as keyof S])}`);
  }
  return `${lines.join('\n')}\n`;
}

function shownDefault(setting: Setting): string {
  if (setting.default === null) return 'none';
  return setting.secret ? '(hidden)' : shownText(setting.default);
}

function shownValue(setting: Setting, value: unknown): string {
  if (setting.secret) return value === null || value === '' ? '(not set)' : '(set)';
  return value === null ? '(not set)' : shownText(value);
}

function shownText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '(empty)' : value.join(',');
  return value === '' ? '(empty)' : String(value);
}

export type { SettingType };
