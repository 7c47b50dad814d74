import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { EXIT_CODES } from '@holdfast/protocol';
import { Command } from 'commander';
import { runProgram } from './program.ts';
import { cliConfig } from './settings.ts';
import { VERBS } from './verbs.ts';

const page = readFileSync(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
/** By heading, as in `holdfast backup`. */
const sections = new Map(
  page.split(/^#{2,3} /m).map((text) => [text.split('\n', 1)[0]!.replaceAll('`', ''), text] as const),
);

const noRun = (): never => {
  throw new TypeError('help runs nothing');
};

/** What is shown, and the code with which commander ends. */
async function show(...argv: string[]): Promise<{ text: string; code: string | undefined }> {
  let text = '';
  const output = { write: (piece: string) => (text += piece) };
  const code = await runProgram({ argv, output, runVerb: noRun }).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  return { text, code };
}

async function optionsOf(name: string): Promise<string[]> {
  const command = new Command(name);
  const { define } = await VERBS.find((verb) => verb.name === name)!.load();
  define(command, () => Promise.resolve());
  return command.options.map(({ flags }) => flags);
}

describe('help', () => {
  test('without arguments: the first steps', async () => {
    const { text, code } = await show();
    expect(code).toBeUndefined();
    expect(text).toContain('holdfast init --mediator holdfast://HOST:PORT#FINGERPRINT');
  });

  test('lists every command, and no line is wider than 120 columns', async () => {
    const { text, code } = await show('--help');
    expect(code).toBe('commander.helpDisplayed');
    for (const { name, summary } of VERBS) expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  });

  test.each(VERBS.map(({ name }) => [name]))('%s: explains itself', async (name) => {
    const { text, code } = await show(name, '--help');
    expect(code).toBe('commander.helpDisplayed');
    expect(text).toMatch(new RegExp(`^Usage: holdfast ${name}`));
    expect(text).toContain('--json');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
    expect((await show('help', name)).text).toBe(text);
  });

  test('the version', async () => {
    expect((await show('--version')).text).toMatch(/^holdfast \d+\.\d+\.\d+\n$/);
  });

  test('an unknown option alone is wrong usage', async () => {
    expect((await show('--frobnicate')).code).toBe('commander.unknownOption');
  });
});

describe('docs/cli.md', () => {
  test.each(VERBS.map(({ name }) => [name]))('%s: every option is there, and what its result holds', async (name) => {
    const section = sections.get(`holdfast ${name}`);
    for (const flags of await optionsOf(name)) {
      for (const flag of flags.split(', ')) expect(section).toContain(flag.startsWith('--') ? flag : `\`${flag}`);
    }
    expect(section).toMatch(/^Result: `/m);
  });

  test('no option is there that does not exist', async () => {
    for (const { name } of VERBS) {
      const known = (await optionsOf(name)).join(' ');
      const rows = sections.get(`holdfast ${name}`)!.matchAll(/^\| (`-.*?) \|/gm);
      for (const [, row] of rows) {
        for (const [, flag] of row!.matchAll(/`(--?[a-zA-Z-]+)/g))
          expect([name, known]).toEqual([name, expect.stringContaining(flag!)]);
      }
    }
  });

  test('every variable and every exit status', () => {
    for (const { env } of Object.values(cliConfig.settings))
      expect(sections.get('Environment')).toContain(`\`${env}\``);
    const documented = [...sections.get('Exit status')!.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual(Object.values(EXIT_CODES).toSorted((a, b) => a - b));
  });
});
