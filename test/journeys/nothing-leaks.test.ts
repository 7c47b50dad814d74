/** What a client backs up, and what it keeps secret, is nowhere to be found: not at the mediator, not at a node, not in a log. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Words, entropyFromWords, keysFromWords, seedFromWords } from '@holdfast/keys';
import { createCapturedLogger, createSeededRandomness } from '@holdfast/platform';
import { runCli } from '../cli-journey.ts';
import { createTestClient, makeScratch, PASSPHRASE, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { queryDatabase } from '../node-disks.ts';
import { isRoot } from '../ordinary-user.ts';
import { SecretSearch } from '../secret-search.ts';

const LONG_MS = 300_000;
const OWNER = 1_987_654_321;
const random = createSeededRandomness('nothing leaks');
const RANDOM_CONTENT = random.bytes(300_000);

/** What the tree is made of; told to nobody. */
const MARKERS = {
  'a directory name': 'marker-of-a-directory',
  'a file name': 'marker-of-a-file-name',
  'a symlink target': 'marker-of-a-symlink-target',
  'a short content': 'marker-of-a-short-content',
  'a long content': 'marker-of-a-long-content',
  'a random content': RANDOM_CONTENT.subarray(150_000, 150_032),
  'the hash of a content': createHash('sha256').update(RANDOM_CONTENT).digest(),
  'an owner': String(OWNER),
};

const mediatorLog = createCapturedLogger();
const nodesLog = createCapturedLogger();
const clientLog = createCapturedLogger();
let commandLog = '';

let scratch: Scratch;
let network: Network;
let client: TestClient;
let clientId: string;
let source: string;
let secrets: Record<string, string | Uint8Array>;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({
    nodeCount: 9,
    mediator: { logger: mediatorLog.logger },
    node: () => ({ logger: nodesLog.logger }),
  });
  client = await createTestClient(network, {
    home: join(scratch.path, 'home'),
    open: { logger: clientLog.logger },
  });
  source = join(scratch.path, MARKERS['a directory name']);
  makeTree();
  secrets = secretsOf(client.words as Words);
  await useEverything();
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

function makeTree(): void {
  mkdirSync(source);
  for (let n = 0; n < 30; n += 1)
    writeFileSync(join(source, `${MARKERS['a file name']}-${n}`), `${n} ${MARKERS['a short content']}`);
  writeFileSync(join(source, 'long'), `${MARKERS['a long content']} `.repeat(100_000));
  writeFileSync(join(source, 'random'), RANDOM_CONTENT);
  symlinkSync(MARKERS['a symlink target'], join(source, 'symlink'));
  if (isRoot) chownSync(join(source, 'long'), OWNER, OWNER);
}

/** All that one has from the words, and what opens the keystore. Single words are words of any text: pairs are not. */
function secretsOf(words: Words): Record<string, string | Uint8Array> {
  const { identity: _, ...keys } = keysFromWords(words);
  const list = words.split(' ');
  const pairs = list
    .slice(1)
    .flatMap((word, n) =>
      [' ', ',', ', ', '","', '", "', '\n', '\\n', '-', '\u0000'].map((gap) => `${list[n]}${gap}${word}`),
    );
  return {
    ...keys,
    'the seed': seedFromWords(words),
    'the entropy': entropyFromWords(words),
    'the passphrase': PASSPHRASE,
    ...Object.fromEntries(
      pairs.filter((pair) => pair.length >= 8).map((pair) => [`the words ${JSON.stringify(pair)}`, pair]),
    ),
  };
}

/** Backups, restores and failures of all kinds, so that everybody has something to log. */
async function useEverything(): Promise<void> {
  clientId = await client.use((vault) => Promise.resolve(vault.clientId));
  await client.backup([source]);
  writeFileSync(join(source, 'later'), MARKERS['a short content']);
  await network.stopNode(0);
  await client.backup([source]);
  await client.restore(join(scratch.path, 'restored'));
  await client.restore(join(scratch.path, 'parts'), { include: [`${MARKERS['a file name']}-1*`] });
  await expect(client.restore(join(scratch.path, 'restored'))).rejects.toMatchObject({ code: 'client.target-exists' });
  await network.restartNode(0);
  const wrong = join(scratch.path, 'wrong passphrase');
  writeFileSync(wrong, 'another passphrase\n', { mode: 0o600 });
  const environment = { HOLDFAST_DEBUG: '1' };
  const run = (passphraseFile: string, ...args: string[]): ReturnType<typeof runCli> =>
    runCli({ home: client.home, passphraseFile, environment }, ...args);
  const done = [
    await run(client.passphraseFile, 'backup', source),
    await run(client.passphraseFile, 'check', '--read-data'),
    await run(wrong, 'backup', source),
  ];
  commandLog = done.map(({ errors }) => errors).join('\n');
  await network.mediator.runJobs();
  for (const node of network.nodes) await node.heartbeatNow();
}

/** Every file below these directories. */
function* filesBelow(...directories: readonly string[]): Generator<{ path: string; bytes: Buffer }> {
  for (const directory of directories) {
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const bytes = entry.isFile() ? readIfThere(path) : undefined;
      if (bytes !== undefined) yield { path, bytes };
    }
  }
}

/** A database at work removes and renames files. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

interface Row {
  readonly row: string;
}

/** All rows of all tables as text; columns of bytes also as the bytes that they are. */
async function* tablesOf(databaseUrl: string): AsyncGenerator<{ path: string; bytes: Buffer }> {
  const tables = await queryDatabase<{ name: string }>(
    databaseUrl,
    `SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.tables
     WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  );
  for (const { name } of tables) {
    const rows = await queryDatabase<Row>(databaseUrl, `SELECT t::text AS row FROM ${name} t`);
    for (const { row } of rows) {
      yield { path: name, bytes: Buffer.from(row) };
      for (const [, hex] of row.matchAll(/\\x([0-9a-f]+)/g)) yield { path: name, bytes: Buffer.from(hex!, 'hex') };
    }
  }
}

/** Where which secret was found. */
async function findIn(
  search: SecretSearch,
  places: Iterable<{ path: string; bytes: Buffer }> | AsyncIterable<{ path: string; bytes: Buffer }>,
): Promise<string[]> {
  const findings = new Set<string>();
  for await (const { path, bytes } of places) for (const name of search.find(bytes)) findings.add(`${path}: ${name}`);
  return [...findings];
}

const logs = (): { path: string; bytes: Buffer }[] =>
  Object.entries({
    'log of the mediator': mediatorLog.text(),
    'log of the nodes': nodesLog.text(),
    'log of the client': clientLog.text(),
    'log of the command': commandLog,
  }).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));

const everything = (): SecretSearch =>
  new SecretSearch({ ...MARKERS, ...secrets, ...(hostname().length >= 8 ? { 'the host name': hostname() } : {}) });

describe('nothing leaks', () => {
  test('what is searched is searched well: it finds what must be there', async () => {
    const search = new SecretSearch({ client: Buffer.from(clientId, 'hex') });
    const { databaseUrl } = network.mediator;
    expect(await findIn(search, tablesOf(databaseUrl))).toContain('public.accounts: client');
    for (const { dataDir } of network.nodes.slice(0, 8))
      expect(await findIn(search, filesBelow(dataDir))).not.toEqual([]);
    // The node that failed is named by whoever noticed.
    const node = new SecretSearch({ node: network.nodes[0]!.nodeId });
    expect(await findIn(node, logs())).not.toEqual([]);
    expect(commandLog).toMatch(/passphrase/);
    // In the tree itself every marker is found, in whatever form it is.
    const markers = new SecretSearch(MARKERS);
    expect(markers.find(RANDOM_CONTENT)).toEqual(['a random content']);
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      for (const before of ['', 'x', 'xy']) {
        const bytes = Buffer.from(`${before}${MARKERS['a file name']}z`).toString(encoding);
        expect(markers.find(Buffer.from(`key=${bytes};`))).toEqual(['a file name']);
      }
    }
  });

  test(
    'nothing in the mediator’s database, in any table, as text or as bytes',
    async () => {
      expect(await findIn(everything(), tablesOf(network.mediator.databaseUrl))).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'nothing in any file of the mediator, its database or a node, deleted rows and all',
    async () => {
      const [{ data_directory: postgres } = { data_directory: '' }] = await queryDatabase<{ data_directory: string }>(
        network.mediator.databaseUrl,
        'SHOW data_directory',
      );
      expect(await findIn(everything(), filesBelow(network.directory, postgres))).toEqual([]);
    },
    LONG_MS,
  );

  test('nothing in any log, at its most talkative', async () => {
    for (const { bytes } of logs()) expect(bytes.length).toBeGreaterThan(0);
    expect(await findIn(everything(), logs())).toEqual([]);
  });

  test('no key, no word and no passphrase lies open in the client’s own home', async () => {
    expect(await findIn(new SecretSearch(secrets), filesBelow(client.home))).toEqual([]);
  });
});
