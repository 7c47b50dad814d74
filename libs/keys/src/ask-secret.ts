/** Asks a person for a secret without showing it: raw mode, no echo, the usual editing keys. */
import { StringDecoder } from 'node:string_decoder';
import { fail } from '@holdfast/protocol';

/** `{ input: process.stdin, output: process.stderr }`, or streams of a test. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?: (on: boolean) => unknown };
  readonly output: NodeJS.WritableStream;
}

const LONGEST = 1_024;
const ENTER = new Set(['\r', '\n']);
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const CTRL_W = '\u0017';
const BACKSPACE = new Set(['\u0008', '\u007f']);

type Outcome = { readonly text: string } | 'cancelled' | undefined;

/**
 * What was typed before Enter. @throws HoldfastError `passphrase.cancelled` on Ctrl-C, on Ctrl-D in an empty line, or
 * at the input's end
 */
export async function askSecret({ input, output }: Terminal, prompt: string): Promise<string> {
  // Before the question: what is typed at once would be shown otherwise.
  input.setRawMode?.(true);
  try {
    output.write(prompt);
    const outcome = await readLine(input);
    if (outcome === 'cancelled') throw fail('passphrase.cancelled');
    return outcome.text;
  } finally {
    input.setRawMode?.(false);
    input.pause();
    output.write('\n');
  }
}

function readLine(input: Terminal['input']): Promise<Exclude<Outcome, undefined>> {
  const decoder = new StringDecoder('utf8');
  let typed: string[] = [];
  return new Promise((resolve) => {
    const finish = (outcome: Exclude<Outcome, undefined>, rest: string): void => {
      input.off('data', onData);
      input.off('end', onEnd);
      input.pause();
      // The next question's answer may have been pasted along.
      if (rest !== '') input.unshift(Buffer.from(rest, 'utf8'));
      resolve(outcome);
    };
    const onEnd = (): void => finish('cancelled', '');
    const onData = (piece: Buffer | string): void => {
      const characters = Array.from(typeof piece === 'string' ? piece : decoder.write(piece));
      for (const [index, character] of characters.entries()) {
        const next = pressKey(typed, character);
        typed = next.typed;
        if (next.outcome === undefined) continue;
        const rest = characters.slice(index + 1).join('');
        finish(next.outcome, character === '\r' ? rest.replace(/^\n/, '') : rest);
        return;
      }
    };
    input.on('data', onData);
    input.once('end', onEnd);
    input.resume();
  });
}

function pressKey(typed: readonly string[], character: string): { typed: string[]; outcome: Outcome } {
  if (ENTER.has(character)) return { typed: [], outcome: { text: typed.join('') } };
  if (character === CTRL_C || (character === CTRL_D && typed.length === 0)) return { typed: [], outcome: 'cancelled' };
  if (BACKSPACE.has(character)) return { typed: typed.slice(0, -1), outcome: undefined };
  if (character === CTRL_U || character === CTRL_W) return { typed: [], outcome: undefined };
  const isControl = /\p{Cc}/u.test(character) && character !== '\t';
  return { typed: isControl || typed.length >= LONGEST ? [...typed] : [...typed, character], outcome: undefined };
}
