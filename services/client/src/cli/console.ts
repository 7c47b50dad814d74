/** Where a command speaks: results for people or JSON lines on standard output, everything else on standard error. */
import type { Readable } from 'node:stream';

export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export type InputStream = Readable & { readonly isTTY?: boolean; setRawMode?: (on: boolean) => unknown };

export interface ConsoleOptions {
  readonly input: InputStream;
  readonly output: OutputStream;
  readonly errors: OutputStream;
  /** The command's name, for results. */
  readonly command: string;
  readonly json: boolean;
  readonly jsonProgress: boolean;
  readonly quiet: boolean;
  /** NO_COLOR is set. */
  readonly noColor: boolean;
}

export type JsonFields = Readonly<Record<string, unknown>>;

export class Console {
  readonly options: ConsoleOptions;
  readonly isJson: boolean;
  #writeNote: ((text: string) => void) | undefined;

  constructor(options: ConsoleOptions) {
    this.options = options;
    this.isJson = options.json;
  }

  /** Somebody can answer a question: it is asked on standard error. */
  get isInteractive(): boolean {
    return this.options.input.isTTY === true && this.options.errors.isTTY === true;
  }

  /** Bars only where somebody can see them move. */
  get showsProgress(): boolean {
    return this.options.errors.isTTY === true && !this.options.quiet;
  }

  /** What the command was asked for. With `--json`, `result` says it instead. */
  say(text = ''): void {
    if (!this.isJson) this.options.output.write(`${text}\n`);
  }

  /** What is nice to know: left out with `--quiet` and with `--json`. */
  note(text = ''): void {
    if (!this.isJson && !this.options.quiet) this.options.output.write(`${text}\n`);
  }

  /** What somebody should see in any case: on standard error, or as an event. */
  warn(text: string, event: string, fields: JsonFields = {}): void {
    if (this.isJson) this.event(event, { ...fields, message: text });
    else this.ask(`${text}\n`);
  }

  /** Straight to standard error, for questions and their explanations. */
  ask(text: string): void {
    if (this.#writeNote === undefined) this.options.errors.write(text);
    else this.#writeNote(text);
  }

  /** While a bar is drawn on standard error, it decides where lines go. */
  redirectNotes(write: ((text: string) => void) | undefined): void {
    this.#writeNote = write;
  }

  /** Something that happened on the way: a JSON line, nothing for people. */
  event(event: string, fields: JsonFields = {}): void {
    if (this.isJson) this.#line({ type: 'event', event, ...fields });
  }

  progress(fields: JsonFields): void {
    if (this.options.jsonProgress) this.#line({ type: 'progress', command: this.options.command, ...fields });
  }

  /** The one line that says how it went. */
  result(fields: JsonFields): void {
    if (this.isJson) this.#line({ type: 'result', command: this.options.command, ...fields });
  }

  error(fields: JsonFields): void {
    this.#line({ type: 'error', command: this.options.command, ...fields });
  }

  bold(text: string): string {
    return this.#styled(1, text);
  }
  dim(text: string): string {
    return this.#styled(2, text);
  }
  red(text: string): string {
    return this.#styled(31, text);
  }
  green(text: string): string {
    return this.#styled(32, text);
  }

  #styled(code: number, text: string): string {
    const isColoured = this.options.output.isTTY === true && !this.options.noColor;
    return isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  }

  #line(fields: JsonFields): void {
    this.options.output.write(`${JSON.stringify(fields, plainValue)}\n`);
  }
}

/** Amounts are text, bytes are hex: numbers in JSON lose digits above 2^53. */
function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}
