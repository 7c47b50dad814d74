/** A command that signs: a PSBT on its standard input, the signed one on its standard output. It holds the keys, we do not. */
import { spawn } from 'node:child_process';
import { foreignEnvironment } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import type { PayoutSigner } from '../../payouts/index.ts';

export interface SignerCommandOptions {
  /** For the shell, so that it can be written as on a terminal. */
  readonly command: string;
  /** Default: a minute; a person with a hardware wallet may need more. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
/** A PSBT of the heaviest standard transaction stays far below. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const MAX_COMPLAINT = 300;

export const createSignerCommand = ({ command, timeoutMs = TIMEOUT_MS }: SignerCommandOptions): PayoutSigner => ({
  sign: async (psbt) => {
    const answer = (await run(command, `${psbt}\n`, timeoutMs)).trim();
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(answer)) throw failed('it did not answer with a PSBT in base64.');
    return answer;
  },
});

function run(command: string, input: string, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // A group of its own, so that what the command starts ends with it.
  const child = spawn(command, {
    shell: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: foreignEnvironment(),
  });
  const chunks: Buffer[] = [];
  let length = 0;
  let complaint = '';
  let problem: string | undefined;
  const end = (why: string): void => {
    problem ??= why;
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // gone already
    }
  };
  const timer = setTimeout(() => end(`it took longer than ${timeoutMs} ms.`), timeoutMs);
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_OUTPUT_BYTES) end('it answered too much.');
    else chunks.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString('utf8')).slice(0, MAX_COMPLAINT);
  });
  child.on('error', (error) => {
    clearTimeout(timer);
    reject(failed(error.message));
  });
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    if (problem !== undefined) reject(failed(problem));
    else if (code !== 0) reject(failed(`it ended with ${code ?? signal}: ${complaint.trim()}`));
    else resolve(Buffer.concat(chunks).toString('utf8'));
  });
  // A command that ends without reading says so by its code.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return promise;
}

const failed = (detail: string) => fail('payout.signer-failed', { detail });
