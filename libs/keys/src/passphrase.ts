/** Where a passphrase comes from: a file, a command, or a person at a terminal; in this order. */
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { fail } from '@holdfast/protocol';
import { askSecret, type Terminal } from './ask-secret.ts';

export interface PassphraseSources {
  /** HOLDFAST_PASSPHRASE_FILE: the file's text without one newline at its end. */
  readonly file?: string | null;
  /** HOLDFAST_PASSPHRASE_COMMAND: run by /bin/sh; its standard output without one newline at its end. */
  readonly command?: string | null;
  /** Asked last; leave it out where nobody can answer. */
  readonly terminal?: Terminal;
  /** Default `Passphrase: `. */
  readonly prompt?: string;
  /** A new passphrase is asked for twice. */
  readonly confirm?: boolean;
}

export interface Passphrase {
  readonly passphrase: string;
  /** Sentences for the user, such as that others can read the file. */
  readonly warnings: readonly string[];
}

const LONGEST_BYTES = 64 * 1024;
const OTHERS_CAN_READ = 0o077;

/**
 * @throws HoldfastError `passphrase.missing` (no source, or no terminal), `passphrase.empty`, `passphrase.unreadable`
 * (file), `passphrase.command-failed`, `passphrase.mismatch` (confirmation), `passphrase.cancelled` (Ctrl-C, Ctrl-D)
 */
export async function resolvePassphrase(sources: PassphraseSources): Promise<Passphrase> {
  const found = await firstSource(sources);
  if (found.passphrase === '') throw fail('passphrase.empty');
  return found;
}

async function firstSource(sources: PassphraseSources): Promise<Passphrase> {
  if (sources.file) return readPassphraseFile(sources.file);
  if (sources.command) return { passphrase: await runPassphraseCommand(sources.command), warnings: [] };
  if (sources.terminal?.input.isTTY !== true) throw fail('passphrase.missing');
  const passphrase = await askSecret(sources.terminal, sources.prompt ?? 'Passphrase: ');
  if (sources.confirm && passphrase !== '') {
    const again = await askSecret(sources.terminal, 'The same again: ');
    if (again !== passphrase) throw fail('passphrase.mismatch');
  }
  return { passphrase, warnings: [] };
}

async function readPassphraseFile(path: string): Promise<Passphrase> {
  try {
    await using file = await open(path, 'r');
    const { mode, uid } = await file.stat();
    const buffer = Buffer.alloc(LONGEST_BYTES + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length > LONGEST_BYTES) break;
    }
    const isOpenToOthers = (mode & OTHERS_CAN_READ) !== 0 && uid === process.getuid?.();
    const warnings = isOpenToOthers ? [`Other users can read ${path}; close it: chmod 600 ${path}`] : [];
    return { passphrase: textOf(buffer.subarray(0, length)), warnings };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw fail('passphrase.unreadable', { path, detail }, error);
  }
}

/** What the command says to standard error goes to ours: it may be asking for a password itself. */
async function runPassphraseCommand(command: string): Promise<string> {
  const shell = spawn('/bin/sh', ['-c', command], { stdio: ['inherit', 'pipe', 'inherit'] });
  const pieces: Buffer[] = [];
  let length = 0;
  shell.stdout.on('data', (piece: Buffer) => {
    length += piece.length;
    pieces.push(piece);
    // Whatever the shell runs then fails at its next write.
    if (length > LONGEST_BYTES) shell.stdout.destroy();
  });
  const end = await new Promise<string | undefined>((resolve) => {
    shell.once('error', (error) => resolve(error.message));
    shell.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit status ${code}`)));
  });
  if (end !== undefined && length <= LONGEST_BYTES) throw fail('passphrase.command-failed', { detail: end });
  try {
    return textOf(Buffer.concat(pieces));
  } catch (error) {
    throw fail('passphrase.command-failed', { detail: error instanceof Error ? error.message : 'not text' }, error);
  }
}

/** Bytes that are not UTF-8 would silently become another passphrase. */
function textOf(bytes: Uint8Array): string {
  if (bytes.length > LONGEST_BYTES) throw new RangeError(`it is longer than ${LONGEST_BYTES} bytes`);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r?\n$/, '');
}
