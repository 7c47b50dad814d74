/**
 * Everything that must hold before a change is good, tests apart.
 *
 *   npm run check                      all steps
 *   npm run check -- lint types        some of them
 *   node tools/check.mjs --summary F   also writes { passed, failed } to F
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { capture, root } from './lib/run.mjs';

const BIN = join(root, 'node_modules', '.bin');
const TOOLS_BIN = join(root, 'tools', 'node_modules', '.bin');
const CRUISED = ['libs', 'services', 'test'];

/** @typedef {{ what: string, program: string, args: string[] }} Step */

/** The longest first, so that the last ones fill the gaps. @type {Record<string, Step>} */
const STEPS = {
  types: { what: 'TypeScript', program: join(BIN, 'tsc'), args: ['-b'] },
  lint: { what: 'rules that need types, and the house’s own', program: join(BIN, 'oxlint'), args: [] },
  generated: { what: 'generated code is up to date', program: 'node', args: ['tools/generate.mjs', '--check'] },
  layers: {
    what: 'who may import whom',
    program: join(TOOLS_BIN, 'depcruise'),
    args: ['--config', 'tools/dependency-rules.cjs', '--output-type', 'err-long', ...CRUISED],
  },
  dead: { what: 'nothing unused', program: join(BIN, 'knip'), args: ['--no-progress'] },
  versions: { what: 'one version of each dependency', program: join(BIN, 'syncpack'), args: ['lint'] },
  format: { what: 'format', program: join(BIN, 'oxfmt'), args: ['--check', '.'] },
  text: { what: 'no machine’s paths, no silenced tests', program: 'node', args: ['tools/check-text.mjs'] },
};

/**
 * @param {string[]} argv
 * @returns {{ names: string[], summary: string | undefined }}
 */
function parseArguments(argv) {
  const at = argv.indexOf('--summary');
  const summary = at < 0 ? undefined : argv[at + 1];
  const names = at < 0 ? argv : argv.filter((_, index) => index !== at && index !== at + 1);
  const unknown = names.filter((name) => !(name in STEPS));
  if (unknown.length > 0) {
    console.error(`No step is called ${unknown.join(', ')}; there are: ${Object.keys(STEPS).join(', ')}.`);
    process.exit(2);
  }
  return { names: names.length > 0 ? names : Object.keys(STEPS), summary };
}

/** @param {string} name */
async function runStep(name) {
  const { what, program, args } = /** @type {Step} */ (STEPS[name]);
  const started = performance.now();
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined };
  const { code, output } = await capture(program, args, { env });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const isGood = code === 0;
  if (!isGood) console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 90 - name.length))}\n${output.trim()}\n`);
  return { isGood, row: `${isGood ? '✓' : '✗'} ${name.padEnd(10)} ${seconds.padStart(5)} s  ${what}` };
}

const { names, summary } = parseArguments(process.argv.slice(2));
const waiting = [...names];
/** @type {Awaited<ReturnType<typeof runStep>>[]} */
const results = [];
const lanes = Array.from({ length: Math.max(2, availableParallelism()) }, async () => {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) results.push(await runStep(name));
});
await Promise.all(lanes);
const failed = results.filter(({ isGood }) => !isGood).length;
console.log(results.map(({ row }) => row).join('\n'));
if (summary !== undefined) writeFileSync(summary, JSON.stringify({ passed: results.length - failed, failed }));
process.exitCode = failed === 0 ? 0 : 1;
