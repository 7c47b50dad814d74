import { afterAll, describe, expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { askSecret, resolvePassphrase, type Terminal } from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-passphrase-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface FakeTerminal extends Terminal {
  readonly input: PassThrough & { isTTY: boolean; setRawMode: (on: boolean) => void };
  shown(): string;
  readonly modes: boolean[];
}

function fakeTerminal(isTTY = true): FakeTerminal {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => void modes.push(on) });
  const output = new PassThrough();
  let shown = '';
  output.on('data', (piece) => (shown += String(piece)));
  return { input, output, modes, shown: () => shown };
}

function fileWith(content: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, `${Math.random()}`);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

describe('a file', () => {
  test.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret\n\n', 'secret\n'],
    ['secret', 'secret'],
    ['  spaces and a tab\t \n', '  spaces and a tab\t '],
    ['ключ\n', 'ключ'],
  ])('%j gives %j', async (content, passphrase) => {
    expect(await resolvePassphrase({ file: fileWith(content) })).toEqual({ passphrase, warnings: [] });
  });

  test.each([0o640, 0o604, 0o644])('that others can read (%o) works with a warning', async (mode) => {
    const file = fileWith('secret\n', mode);
    const found = await resolvePassphrase({ file });
    expect(found.passphrase).toBe('secret');
    expect(found.warnings).toEqual([expect.stringContaining(`chmod 600 ${file}`)]);
  });

  test('that is missing, empty, not text or huge is refused with a sentence', async () => {
    await expect(resolvePassphrase({ file: join(directory, 'none') })).rejects.toMatchObject({
      code: 'passphrase.unreadable',
    });
    await expect(resolvePassphrase({ file: directory })).rejects.toMatchObject({ code: 'passphrase.unreadable' });
    await expect(resolvePassphrase({ file: fileWith('\n') })).rejects.toMatchObject({ code: 'passphrase.empty' });
    await expect(resolvePassphrase({ file: fileWith(new Uint8Array([0x61, 0xff, 0xfe])) })).rejects.toMatchObject({
      code: 'passphrase.unreadable',
    });
    await expect(resolvePassphrase({ file: fileWith('x'.repeat(70_000)) })).rejects.toMatchObject({
      code: 'passphrase.unreadable',
    });
  });
});

describe('a command', () => {
  test('gives its output without one newline', async () => {
    expect(await resolvePassphrase({ command: "printf 'from a command\\n'" })).toEqual({
      passphrase: 'from a command',
      warnings: [],
    });
  });

  test.each([
    ['that fails', 'echo half; exit 3', 'passphrase.command-failed'],
    ['that does not exist', 'holdfast-no-such-command 2>&-', 'passphrase.command-failed'],
    ['that says nothing', 'true', 'passphrase.empty'],
    ['that does not end talking', 'yes', 'passphrase.command-failed'],
    ['that says no text', "printf '\\377'", 'passphrase.command-failed'],
  ])('%s is refused', async (_case, command, code) => {
    await expect(resolvePassphrase({ command })).rejects.toMatchObject({ code });
  });

  test('comes after a file and before a terminal', async () => {
    const terminal = fakeTerminal();
    const file = fileWith('from a file\n');
    expect((await resolvePassphrase({ file, command: 'echo b', terminal })).passphrase).toBe('from a file');
    expect((await resolvePassphrase({ command: 'echo b', terminal })).passphrase).toBe('b');
    expect(terminal.shown()).toBe('');
  });
});

describe('a person', () => {
  test('is asked without echo, and the terminal is as it was afterwards', async () => {
    const terminal = fakeTerminal();
    const asked = resolvePassphrase({ terminal, prompt: 'Say: ' });
    terminal.input.write('se');
    terminal.input.write('cret\r');
    expect((await asked).passphrase).toBe('secret');
    expect(terminal.shown()).toBe('Say: \n');
    expect(terminal.modes).toEqual([true, false]);
  });

  test.each([
    ['secret\n', 'secret'],
    ['secreX\u007ft\r', 'secret'],
    ['wrong\u0015secret\r', 'secret'],
    ['\u007f\u0008secret\r', 'secret'],
    ['sec\u0001\u001bret\r', 'secret'],
    ['zo\u00e9😀\u007f\r', 'zo\u00e9'],
  ])('typing %j gives %j', async (typed, passphrase) => {
    const terminal = fakeTerminal();
    const asked = askSecret(terminal, '');
    for (const byte of Buffer.from(typed)) terminal.input.write(Buffer.from([byte]));
    expect(await asked).toBe(passphrase);
  });

  test.each(['\u0003', 'half\u0003', '\u0004'])('cancels with %j', async (typed) => {
    const terminal = fakeTerminal();
    const asked = askSecret(terminal, '');
    terminal.input.write(typed);
    await expect(asked).rejects.toMatchObject({ code: 'passphrase.cancelled' });
    expect(terminal.modes).toEqual([true, false]);
  });

  test('that goes away cancels', async () => {
    const terminal = fakeTerminal();
    const asked = askSecret(terminal, '');
    terminal.input.end('half');
    await expect(asked).rejects.toMatchObject({ code: 'passphrase.cancelled' });
  });

  test('confirms a new one, also when both answers come at once', async () => {
    for (const newline of ['\r', '\n', '\r\n']) {
      const terminal = fakeTerminal();
      terminal.input.write(`same${newline}same${newline}`);
      expect((await resolvePassphrase({ terminal, confirm: true })).passphrase).toBe('same');
    }
    const terminal = fakeTerminal();
    terminal.input.write('one\rtwo\r');
    await expect(resolvePassphrase({ terminal, confirm: true })).rejects.toMatchObject({ code: 'passphrase.mismatch' });
  });

  test('gives an empty one: refused without asking again', async () => {
    const terminal = fakeTerminal();
    terminal.input.write('\r');
    await expect(resolvePassphrase({ terminal, confirm: true })).rejects.toMatchObject({ code: 'passphrase.empty' });
  });

  test('is not asked where there is no terminal', async () => {
    await expect(resolvePassphrase({ terminal: fakeTerminal(false) })).rejects.toMatchObject({
      code: 'passphrase.missing',
    });
    await expect(resolvePassphrase({})).rejects.toMatchObject({ code: 'passphrase.missing' });
    await expect(resolvePassphrase({ file: '', command: null })).rejects.toMatchObject({ code: 'passphrase.missing' });
  });
});
