/** What must never stand in a log is replaced, whoever put it there; and what JSON cannot say is made readable. */
import { stdSerializers } from 'pino';

const REDACTED = '[redacted]';
const MAX_DEPTH = 8;

/** A field is secret when its name ends with one of these, in any case; `-` and `_` may stand between words. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'grants?',
  'mnemonic',
  'passphrase',
  'password',
  'private[-_]?key',
  'key[-_]?pem',
  'secret',
  'secret[-_]?key',
  'data[-_]?key',
  'chunk[-_]?id[-_]?key',
  'mask[-_]?key',
  'gear[-_]?key',
  'seed',
  'signature',
  'token',
  'words',
].join('|');
const SECRET_NAME = new RegExp(`(?:${SECRET_NAMES})$`, 'i');
const SECRET_FIELD = new RegExp(`(?:${SECRET_NAMES})":`, 'i');
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/gi;

/**
 * The last step before a line is written, so that no child logger, serialiser or error gets around it: the values of
 * secret fields and the passwords of `scheme://user:password@host` are replaced. Takes and returns one line of JSON.
 */
export function redactLine(line: string): string {
  const withoutUrls = line.includes('://') ? line.replaceAll(URL_PASSWORD, `$1:${REDACTED}@`) : line;
  if (!SECRET_FIELD.test(withoutUrls)) return withoutUrls;
  const redact = (name: string, value: unknown): unknown =>
    name !== '' && value !== null && SECRET_NAME.test(name) ? REDACTED : value;
  return `${JSON.stringify(JSON.parse(withoutUrls, redact))}\n`;
}

/**
 * A copy with errors, bytes, dates, big integers, sets and maps as something that reads well in JSON; other class
 * instances stay, for serialisers.
 */
export function toReadable<T extends object>(fields: T): Record<string, unknown> {
  return readableMembers(fields, 0, new Set([fields]));
}

function readable(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date || value instanceof URL) return value.toJSON();
  if (above.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return '[too deep]';
  above.add(value);
  const copy = readableObject(value, depth, above);
  above.delete(value);
  return copy;
}

function readableObject(value: object, depth: number, above: Set<object>): unknown {
  if (Array.isArray(value)) return value.map((item) => readable(item, depth + 1, above));
  if (value instanceof Set) return [...value].map((item) => readable(item, depth + 1, above));
  if (value instanceof Map) return readableMembers(Object.fromEntries(value) as object, depth, above);
  if (isError(value)) return readableMembers({ ...stdSerializers.err(value) }, depth, above);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
  return isPlain ? readableMembers(value, depth, above) : value;
}

function readableMembers(value: object, depth: number, above: Set<object>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, readable(member, depth + 1, above)]));
}

function isError(value: object): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
}
