/** One setting's text → its value, or an Error whose message names the variable and says what would be right. */
import { isAbsolute, join, resolve } from 'node:path';

export type SettingType =
  | 'string'
  | 'url'
  | 'path'
  | 'bool'
  | 'int'
  | 'number'
  | 'bytes'
  | 'duration'
  | 'list'
  | 'enum';

export interface SettingShape {
  readonly env: string;
  readonly type: SettingType;
  readonly secret?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly string[];
  readonly protocols?: readonly string[];
}

const TRUE = new Set(['1', 'true', 'yes', 'on']);
const FALSE = new Set(['0', 'false', 'no', 'off']);

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

type Parse = (setting: SettingShape, text: string, home: string | undefined) => unknown;

const PARSERS: Readonly<Record<SettingType, Parse>> = {
  string: (_setting, text) => text,
  url: parseUrl,
  path: parsePath,
  bool: parseBool,
  int: (setting, text) => within(setting, /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN, text, 'a whole number'),
  number: (setting, text) => within(setting, text === '' ? Number.NaN : Number(text), text, 'a number'),
  bytes: (setting, text) => within(setting, parseBytes(text), text, 'a size such as 500MB, 64GiB or a number of bytes'),
  duration: (setting, text) => within(setting, parseDuration(text), text, 'a time such as 250ms, 90s, 1h30m or 30d'),
  list: (_setting, text) => splitList(text),
  enum: parseEnum,
};

/** Parses the text by the setting's type. `home` replaces a leading `~/` of a path. */
export function parseSetting(setting: SettingShape, text: string, home?: string): unknown {
  return PARSERS[setting.type](setting, setting.type === 'string' ? text : text.trim(), home);
}

/** One line of a ConfigError. */
export function problem(sentence: string, cause?: unknown): Error {
  return new Error(sentence, { cause });
}

function wrong(setting: SettingShape, text: string, wanted: string): Error {
  const given = setting.secret ? 'what it is set to' : JSON.stringify(text);
  return problem(`${setting.env} must be ${wanted}, not ${given}.`);
}

function within(setting: SettingShape, value: number, text: string, wanted: string): number {
  const isWhole = setting.type === 'number' ? Number.isFinite(value) : Number.isSafeInteger(value);
  if (!isWhole) throw wrong(setting, text, wanted);
  if (setting.min !== undefined && value < setting.min) throw wrong(setting, text, `at least ${setting.min}`);
  if (setting.max !== undefined && value > setting.max) throw wrong(setting, text, `at most ${setting.max}`);
  return value;
}

function parseUrl(setting: SettingShape, text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : undefined;
  const allowed = setting.protocols;
  if (protocol === undefined || (allowed !== undefined && !allowed.includes(protocol))) {
    throw wrong(setting, text, allowed === undefined ? 'a URL' : `a URL that begins with ${allowed.join('// or ')}//`);
  }
  return text;
}

function parsePath(setting: SettingShape, text: string, home: string | undefined): string {
  if (text === '' || text.includes('\0')) throw wrong(setting, text, 'a path');
  if (text === '~' || text.startsWith('~/')) {
    if (!home) throw wrong(setting, text, 'a path without ~, because HOME is not set');
    return resolve(join(home, text.slice(1)));
  }
  return isAbsolute(text) ? resolve(text) : resolve(process.cwd(), text);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function parseEnum(setting: SettingShape, text: string): string {
  if (setting.values?.includes(text)) return text;
  throw wrong(setting, text, `one of ${setting.values?.join(', ') ?? ''}`);
}

function parseBool(setting: SettingShape, text: string): boolean {
  const lower = text.toLowerCase();
  if (TRUE.has(lower)) return true;
  if (FALSE.has(lower)) return false;
  throw wrong(setting, text, 'true or false');
}

function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  const unit = BYTE_UNITS[match?.[2]?.toLowerCase() ?? 'none'];
  return match === null || unit === undefined ? Number.NaN : Math.round(Number(match[1]) * unit);
}

function parseDuration(text: string): number {
  if (text === '0') return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d)\s*)+$/.test(text)) return Number.NaN;
  let totalMs = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(amount) * (DURATION_UNITS_MS[unit ?? ''] ?? Number.NaN);
  }
  return Math.round(totalMs);
}
