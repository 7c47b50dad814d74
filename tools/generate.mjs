/**
 * Writes everything in the repository that is made from something else, or with --check says what is out of date.
 *
 *   node tools/generate.mjs [--check] [NAME…]      names: see GENERATORS
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { renderErrorsPage } from './lib/errors-page.mjs';
import { capture, root } from './lib/run.mjs';

const BIN = join(root, 'tools', 'node_modules', '.bin');
const API_TYPES = 'libs/http-api/src';
const ERRORS_PAGE = 'docs/errors.md';
const MIGRATIONS = 'services/mediator/migrations';
const SCHEMA = 'services/mediator/src/adapters/postgres/*schema.ts';
const CONFIG = 'services/mediator/drizzle.config.ts';

/**
 * @typedef {object} Generator
 * @property {string} from what it reads, for the messages
 * @property {(check: boolean) => Promise<string[]>} run writes, or compares; returns what is wrong, a sentence each
 */

/** @type {Record<string, Generator>} */
const GENERATORS = {
  openapi: { from: 'openapi/*.yaml', run: generateApis },
  wasm: { from: 'libs/codec/wasm', run: (check) => ownBuild('libs/codec/wasm/build.mjs', check) },
  errors: { from: 'libs/protocol/src/error-catalogue.ts', run: generateErrorsPage },
  migrations: { from: 'the mediator’s *schema.ts', run: findUnwrittenMigration },
};

/**
 * Bundles every contract of openapi/ to JSON, which the services validate with, and types for all who speak it.
 * @param {boolean} check
 */
async function generateApis(check) {
  const apis = readdirSync(join(root, 'openapi'))
    .filter((name) => name.endsWith('.yaml') && /^openapi:/m.test(readFileSync(join(root, 'openapi', name), 'utf8')))
    .map((name) => basename(name, '.yaml'));
  const directory = check ? mkdtempSync(join(tmpdir(), 'holdfast-generate-')) : join(root, API_TYPES);
  try {
    const problems = await Promise.all(apis.map((api) => generateApi(api, directory)));
    if (!check || problems.flat().length > 0) return problems.flat();
    return readdirSync(directory).flatMap((name) => compare(join(directory, name), join(API_TYPES, name)));
  } finally {
    if (check) rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * @param {string} api
 * @param {string} directory
 */
async function generateApi(api, directory) {
  const bundle = join(directory, `${api}.openapi.gen.json`);
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const steps = [
    [join(BIN, 'redocly'), 'bundle', `openapi/${api}.yaml`, '-o', bundle],
    [join(BIN, 'openapi-typescript'), bundle, '-o', join(directory, `${api}.gen.ts`)],
  ];
  for (const [program = '', ...args] of steps) {
    const { code, output } = await capture(program, args, { env });
    if (code !== 0) return [`openapi/${api}.yaml: ${basename(program)} failed:\n${output}`];
  }
  return [];
}

/**
 * The page of all errors, so that what the docs promise is what the code says.
 * @param {boolean} check
 */
async function generateErrorsPage(check) {
  const source = pathToFileURL(join(root, 'libs/protocol/src/error-catalogue.ts')).href;
  const { CATALOGUE, EXIT_CODES } = await import(source);
  const page = renderErrorsPage(CATALOGUE, EXIT_CODES);
  const path = join(root, ERRORS_PAGE);
  if (!check) writeFileSync(path, page);
  const isSame = existsSync(path) && readFileSync(path, 'utf8') === page;
  return isSame ? [] : [`${ERRORS_PAGE} is not what the catalogue says: run \`npm run generate\` and commit it.`];
}

/**
 * Migrations are named and read by a person, so this one never writes: it tries on a copy whether one is missing.
 * @returns {Promise<string[]>}
 */
async function findUnwrittenMigration() {
  const scratch = join(root, '.tools', 'generate');
  mkdirSync(scratch, { recursive: true });
  const copy = mkdtempSync(join(scratch, 'migrations-'));
  try {
    if (existsSync(join(root, MIGRATIONS))) cpSync(join(root, MIGRATIONS), copy, { recursive: true });
    const before = readdirSync(copy).length;
    const args = ['generate', '--dialect', 'postgresql', '--schema', SCHEMA, '--out', relative(root, copy)];
    const { code, output } = await capture(join(BIN, 'drizzle-kit'), args);
    if (code !== 0) return [`${SCHEMA}: drizzle-kit failed:\n${output}`];
    if (readdirSync(copy).length === before) return [];
    const command = 'npm run exec -- tools/node_modules/.bin/drizzle-kit generate';
    return [`${SCHEMA} has changes without a migration: \`${command} --config ${CONFIG} --name what_changes\`.`];
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/**
 * A generator that lives beside what it reads and knows --check itself.
 * @param {string} script
 * @param {boolean} check
 */
async function ownBuild(script, check) {
  const { code, output } = await capture(process.execPath, [join(root, script), ...(check ? ['--check'] : [])]);
  return code === 0 ? [] : [`${script}: ${output.trim()}`];
}

/**
 * @param {string} fresh
 * @param {string} kept relative to the root
 */
function compare(fresh, kept) {
  const path = join(root, kept);
  if (!existsSync(path)) return [`${kept} is missing: run \`npm run generate\` and commit it.`];
  if (readFileSync(fresh).equals(readFileSync(path))) return [];
  return [`${kept} is not what it is generated from: run \`npm run generate\` and commit it.`];
}

const check = process.argv.includes('--check');
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const unknown = wanted.filter((name) => !(name in GENERATORS));
if (unknown.length > 0) {
  console.error(`No generator is called ${unknown.join(', ')}; there are: ${Object.keys(GENERATORS).join(', ')}.`);
  process.exit(2);
}
const chosen = Object.entries(GENERATORS).filter(([name]) => wanted.length === 0 || wanted.includes(name));
const problems = (await Promise.all(chosen.map(([, { run }]) => run(check)))).flat();
for (const problem of problems) console.error(problem);
if (problems.length === 0) {
  for (const [name, { from }] of chosen) console.log(`${name}: ${check ? 'up to date with' : 'written from'} ${from}`);
}
process.exitCode = problems.length === 0 ? 0 : 1;
