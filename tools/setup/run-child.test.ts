import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

const module = fileURLToPath(new URL('./run-child.mjs', import.meta.url));

/** Starts a process that runs `program` through runChild and prints what became of it. */
function start(program: string, ...args: string[]) {
  const script = `
    const { runChild } = await import(${JSON.stringify(module)});
    console.log('result', await runChild(${JSON.stringify(program)}, ${JSON.stringify(args)}, process.env));`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  parent.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  parent.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const ended = new Promise<string>((resolve) => parent.on('close', () => resolve(output)));
  const printed = (text: string) =>
    new Promise<void>((resolve) => parent.stdout.on('data', () => output.includes(text) && resolve()));
  return { parent, ended, printed };
}

const COUNTS_SIGNALS = `
  let count = 0;
  const note = (signal) => { count++; if (count === 1) setTimeout(() => { console.log(signal, count); process.exit(3); }, 200); };
  process.on('SIGTERM', note).on('SIGINT', note);
  setInterval(() => {}, 1000);
  console.log('listening');`;

describe('a command run in our place', () => {
  test('its exit code is ours', async () => {
    expect(await start('sh', '-c', 'exit 7').ended).toContain('result 7');
  });

  test('the signal that ended it is known', async () => {
    expect(await start('sh', '-c', 'kill -KILL $$').ended).toContain('result SIGKILL');
  });

  test('a command that is not there says so', async () => {
    const output = await start('holdfast-no-such-command').ended;
    expect(output).toContain('holdfast-no-such-command is not a command of this workspace');
    expect(output).toContain('result 127');
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s sent to us, even twice at once, reaches it once', async (signal) => {
    const { parent, ended, printed } = start(process.execPath, '-e', COUNTS_SIGNALS);
    await printed('listening');
    parent.kill(signal);
    parent.kill(signal);
    const output = await ended;
    expect(output).toContain(`${signal} 1\n`);
    expect(output).toContain('result 3');
  });
});
