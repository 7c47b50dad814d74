/** Questions on the terminal whose answers may be seen. */
import { createInterface } from 'node:readline';
import { fail } from '@holdfast/protocol';
import type { Console } from './console.ts';

/** One line. @throws HoldfastError `client.interrupted` on Ctrl-C or at the input's end */
export const askLine = (console: Console, question: string, signal: AbortSignal): Promise<string> =>
  askLines(console, question, () => true, signal);

/**
 * For what cannot be undone. False: whoever sits there does not want it.
 * @throws HoldfastError `client.usage` where nobody does
 */
export async function askConsent(
  console: Console,
  { sentence, question }: { readonly sentence: string; readonly question: string },
  signal: AbortSignal,
): Promise<boolean> {
  if (!console.isInteractive) {
    const detail = `${sentence} Nobody is here to be asked; say it with --yes.`;
    throw fail('client.usage', { detail, command: console.options.command });
  }
  const answer = await askLine(console, `${question} Type yes: `, signal);
  return answer.trim().toLowerCase() === 'yes';
}

/** Lines until there are enough of them, for words that may be pasted at once. Errors as `askLine`. */
export async function askLines(
  console: Console,
  question: string,
  isEnough: (text: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const { input, errors } = console.options;
  const lines = createInterface({ input, output: errors as unknown as NodeJS.WritableStream, terminal: true, signal });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const typed: string[] = [];
  lines.setPrompt(question);
  lines.on('line', (line) => {
    typed.push(line);
    if (isEnough(typed.join('\n'))) {
      resolve(typed.join('\n'));
      lines.close();
    } else {
      lines.setPrompt('> ');
      lines.prompt();
    }
  });
  // In a terminal's raw mode Ctrl-C comes as a key, not as a signal; without a listener it closes the interface.
  lines.once('close', () => reject(fail('client.interrupted')));
  lines.prompt();
  return promise;
}
