/** What must never stand in a log is replaced by its field's name, at any depth. */
import { stdSerializers } from 'pino';

export const REDACTED = '[redacted]';
const TOO_DEEP = '[too deep]';
const MAX_DEPTH = 8;

/** Compared with the field's name in lower case without `-` and `_`: equal to it, or its end. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'grant',
  'grants',
  'mnemonic',
  'passphrase',
  'password',
  'privatekey',
  'keypem',
  'secret',
  'secretkey',
  'datakey',
  'chunkidkey',
  'maskkey',
  'gearkey',
  'seed',
  'signature',
  'token',
  'words',
];

function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
  return SECRET_NAMES.some((secret) => plain.endsWith(secret));
}

/** A copy of the fields without secrets, raw bytes or cycles; the argument stays as it is. */
export function redact<T>(fields: T): T {
  return redactValue(fields, 0, new Set()) as T;
}

function redactValue(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof URL) return value.href;
  if (above.has(value)) return '[circular]';
  if (depth >= MAX_DEPTH) return TOO_DEEP;
  above.add(value);
  const copy = redactMembers(value instanceof Error ? stdSerializers.err(value) : value, depth, above);
  above.delete(value);
  return copy;
}

function redactMembers(value: object, depth: number, above: Set<object>): unknown {
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1, above));
  if (value instanceof Map || value instanceof Set) return redactValue([...value], depth, above);
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const isEmpty = member === undefined || member === null;
    copy[name] = !isEmpty && isSecretName(name) ? REDACTED : redactValue(member, depth + 1, above);
  }
  return copy;
}

/** Cuts the password out of every `scheme://user:password@host`. */
export function redactUrls(line: string): string {
  if (!line.includes('://')) return line;
  return line.replaceAll(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/gi, `$1:${REDACTED}@`);
}
