/** A console whose streams are kept in memory, with or without a terminal on their other end. */
import { PassThrough } from 'node:stream';
import { Console, type ConsoleOptions } from '../console.ts';

export interface TestConsoleOptions {
  readonly isTerminal: boolean;
  readonly columns?: number;
  readonly json?: boolean;
  readonly jsonProgress?: boolean;
  readonly quiet?: boolean;
}

export interface TestConsole {
  readonly console: Console;
  /** What somebody types. */
  readonly input: PassThrough;
  output(): string;
  errors(): string;
  /** Standard output as JSON lines. */
  lines(): unknown[];
}

export function createTestConsole(options: TestConsoleOptions): TestConsole {
  const { isTerminal, columns = 80, json = false, jsonProgress = false, quiet = false } = options;
  const input = Object.assign(new PassThrough(), { isTTY: isTerminal });
  const output = captured(isTerminal, columns);
  const errors = captured(isTerminal, columns);
  const consoleOptions: ConsoleOptions = {
    input,
    output: output.stream,
    errors: errors.stream,
    command: 'test',
    json: json || jsonProgress,
    jsonProgress,
    quiet,
    noColor: true,
  };
  return {
    console: new Console(consoleOptions),
    input,
    output: output.text,
    errors: errors.text,
    lines: () =>
      output
        .text()
        .split('\n')
        .filter((line) => line !== '')
        .map((line): unknown => JSON.parse(line)),
  };
}

function captured(isTTY: boolean, columns: number): { stream: PassThrough & { isTTY: boolean }; text: () => string } {
  const pieces: Buffer[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY, columns, rows: 24 });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  return { stream, text: () => Buffer.concat(pieces).toString('utf8') };
}
