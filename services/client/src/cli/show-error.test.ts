import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { fail } from '@holdfast/protocol';
import { CommanderError } from 'commander';
import { describeError, showError } from './show-error.ts';
import { createTestConsole } from './testing/test-console.ts';

const quiet = { argv: [], debug: false };

function systemError(): unknown {
  try {
    return readFileSync('/no/such/file');
  } catch (error) {
    return error;
  }
}

describe('what is said', () => {
  test('errors of the catalogue: sentence, code, next step and exit status', () => {
    const screen = createTestConsole({ isTerminal: false });
    const exitCode = showError(screen.console, fail('client.no-snapshot', { snapshot: 'abcd' }), quiet);
    expect(exitCode).toBe(2);
    expect(screen.output()).toBe('');
    expect(screen.errors()).toBe(
      'holdfast: There is no snapshot abcd. [client.no-snapshot]\nSee holdfast snapshots; a path that looks like one begins with ./ or /.\n',
    );
  });

  test('as one JSON line on standard output', () => {
    const screen = createTestConsole({ isTerminal: false, json: true });
    expect(showError(screen.console, fail('client.locked', { pid: 12, path: '/h' }), quiet)).toBe(5);
    expect(screen.errors()).toBe('');
    expect(screen.lines()).toEqual([
      {
        type: 'error',
        command: 'test',
        code: 'client.locked',
        message: 'Another holdfast (process 12) is at work in /h.',
        next: 'Wait for it to end.',
        exitCode: 5,
        params: { pid: '12', path: '/h' },
      },
    ]);
  });

  test('files that are missing are the usage’s fault', () => {
    expect(describeError(systemError())).toEqual({
      code: 'ENOENT',
      message: '/no/such/file: no such file or directory.',
      next: 'Check the path.',
      exitCode: 2,
    });
  });

  test('something unexpected tells one line, its stack only for who debugs', () => {
    const odd = new TypeError('x is not a function\nand more');
    expect(describeError(odd)).toMatchObject({
      code: 'internal.unexpected',
      message: 'Something unexpected happened: x is not a function.',
      exitCode: 1,
    });
    const screen = createTestConsole({ isTerminal: false });
    showError(screen.console, odd, { argv: [], debug: true });
    expect(screen.errors()).toContain('show-error.test.ts');
  });
});

describe('wrong usage', () => {
  test('names the command whose help tells more', () => {
    const error = new CommanderError(
      1,
      'commander.unknownOption',
      "error: unknown option '--polcy'\n(Did you mean --policy?)",
    );
    expect(describeError(error, ['--json', 'quote', '--polcy', '4+4'])).toMatchObject({
      code: 'client.usage',
      message: "Unknown option '--polcy'; did you mean --policy?",
      next: 'See holdfast quote --help.',
      exitCode: 2,
    });
  });

  test('of no command at all', () => {
    const screen = createTestConsole({ isTerminal: false });
    const error = new CommanderError(
      1,
      'commander.unknownCommand',
      "error: unknown command 'bakcup'\n(Did you mean backup?)",
    );
    expect(showError(screen.console, error, { argv: ['bakcup'], debug: false })).toBe(2);
    expect(screen.errors()).toBe(
      "holdfast: Unknown command 'bakcup'; did you mean backup? [client.usage]\nSee holdfast --help.\n",
    );
  });
});
