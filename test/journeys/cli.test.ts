/**
 * The command line as a process of its own against a real network: every verb, its JSON lines, its exit statuses, what it says
 * in pipes and on a terminal, and what it does when something is not as it should be.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { acquireFileLock, createSeededRandomness } from '@holdfast/platform';
import { compareTrees } from '@holdfast/testkit';
import { type CliOptions, expectError, resultOf, runCli, runOnTerminal } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';

const LONG_MS = 300_000;
const PASSPHRASE = 'a passphrase of the command line';

let scratch: Scratch;
let network: Network;
let source: string;
let sheetFile: string;
let ann: CliOptions;

const path = (...names: string[]): string => join(scratch.path, ...names);
const random = createSeededRandomness('cli journey');

function passphraseFile(name: string, text: string): string {
  writeFileSync(path(name), `${text}\n`, { mode: 0o600 });
  return path(name);
}

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 9 });
  source = path('source');
  mkdirSync(join(source, 'letters'), { recursive: true });
  for (let n = 1; n <= 3; n += 1) writeFileSync(join(source, 'letters', `letter ${n}.txt`), `Dear reader ${n}\n`);
  writeFileSync(join(source, 'picture.jpg'), random.bytes(3_000_000));
  symlinkSync('picture.jpg', join(source, 'link'));
  sheetFile = path('sheet.txt');
  ann = { home: path('ann'), passphraseFile: passphraseFile('ann.pass', PASSPHRASE) };
  const { mediator } = network;
  const run = await runCli(ann, '--json', 'init', '--mediator', mediator.address, '--words-file', sheetFile);
  expect(run.errors).toBe('');
  expect(resultOf(run, 'init')).toMatchObject({
    home: ann.home,
    mediator: mediator.address,
    network: 'regtest',
    policy: { dataShards: 4, parityShards: 4 },
    wordsFile: sheetFile,
  });
  await cheapenKeystore(ann);
  expect((await runCli(ann, 'add', source)).status).toBe(0);
  const first = await runCli(ann, '--json', 'backup');
  expect([first.status, first.errors]).toEqual([0, '']);
  expect(resultOf(first, 'backup')).toMatchObject({ unchanged: false, fileCount: 5, unreadableCount: 0 });
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

describe('setting up', () => {
  test('the recovery sheet is the user’s alone, and the home has no other secrets', () => {
    expect(statSync(sheetFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(sheetFile, 'utf8')).toContain(network.mediator.address);
    expect(statSync(ann.home).mode & 0o777).toBe(0o700);
    expect(statSync(join(ann.home, 'keystore')).mode & 0o777).toBe(0o600);
  });

  test('a home that is taken stays as it is', async () => {
    const before = readFileSync(join(ann.home, 'keystore'));
    const init = ['init', '--mediator', network.mediator.address, '--words-file', path('another sheet')];
    await expectError(ann, init, 'keystore.exists', 2);
    expect(existsSync(path('another sheet'))).toBe(false);
    expect(readFileSync(join(ann.home, 'keystore'))).toEqual(before);
  });

  test('nothing is done where nobody would see the words', async () => {
    const bob = { ...ann, home: path('bob') };
    await expectError(bob, ['init', '--mediator', network.mediator.address], 'client.words-nowhere', 2);
    expect(existsSync(bob.home)).toBe(false);
  });

  test('a sheet is never written over another file, and then there is no vault', async () => {
    const bob = { ...ann, home: path('bob') };
    const init = ['init', '--mediator', network.mediator.address, '--words-file', sheetFile];
    await expectError(bob, init, 'EEXIST', 2);
    expect(existsSync(bob.home)).toBe(false);
  });

  test.each([
    ['another fingerprint', (address: string) => address.replace(/.{4}$/, 'beef'), 'tls.ca-fingerprint-mismatch', 6],
    ['an address that is none', () => '127.0.0.1:7700', 'client.bad-address', 2],
    ['nobody there', () => `holdfast://127.0.0.1:1#${'a'.repeat(64)}`, 'remote.unreachable', 4],
  ])('%s is refused, and leaves no home behind', async (_, change, code, status) => {
    const bob = { ...ann, home: path('bob') };
    const address = change(network.mediator.address);
    await expectError(bob, ['init', '--mediator', address, '--words-file', path('bob sheet')], code, status);
    await expectError(bob, ['recover', '--mediator', address, '--words-file', sheetFile], code, status);
    expect([existsSync(bob.home), existsSync(path('bob sheet'))]).toEqual([false, false]);
  });

  test('on a terminal: the passphrase is typed twice unseen, the words are shown, and must be written down', async () => {
    const typed = 'typed by hand';
    const { status, screen } = await runOnTerminal(
      { home: path('typist') },
      [
        { asked: 'New passphrase: ', answer: typed },
        { asked: 'The same again: ', answer: 'something else' },
        { asked: 'New passphrase: ', answer: typed },
        { asked: 'The same again: ', answer: typed },
        { asked: 'Type yes: ', answer: 'no' },
        { asked: 'Type yes: ', answer: 'yes' },
      ],
      'init',
      '--mediator',
      network.mediator.address,
    );
    expect(status).toBe(0);
    expect(screen).toContain('The two passphrases differ. Try again.');
    expect(screen).toContain('HOLDFAST RECOVERY SHEET');
    expect(screen).toContain('Take your time: they are still above.');
    expect(screen).not.toContain(typed);
    const wrong = { asked: 'Passphrase: ', answer: 'not it' };
    const again = await runOnTerminal({ home: path('typist') }, [wrong, { ...wrong, answer: typed }], 'snapshots');
    expect(again.status).toBe(0);
    expect(again.screen).toContain('The passphrase is wrong. Try again.');
    expect(again.screen).toContain('There are none yet');
  });
});

describe('directories', () => {
  test('added, listed and removed, with their JSON lines', async () => {
    const other = path('other');
    mkdirSync(other, { recursive: true });
    const added = await runCli(ann, '--json', 'add', other);
    expect(resultOf(added, 'add')).toMatchObject({ added: [other], directories: [other, source] });
    expect((await runCli(ann, 'dirs')).output).toBe(`${other}\n${source}\n`);
    expect(resultOf(await runCli(ann, '--json', 'dirs'), 'dirs')['directories']).toEqual([other, source]);
    const removed = await runCli(ann, '--json', 'remove', other);
    expect(resultOf(removed, 'remove')).toMatchObject({ removed: [other], directories: [source] });
  });

  test('what cannot be watched is refused with its path', async () => {
    const line = await expectError(ann, ['add', path('nowhere')], 'client.bad-directory', 2);
    expect(line['message']).toContain(path('nowhere'));
    await expectError(ann, ['remove', path('nowhere')], 'client.bad-directory', 2);
  });

  test('a part of a watched directory is stored once, and that is said', async () => {
    const run = await runCli(ann, 'add', join(source, 'letters'));
    expect(run.errors).toContain('it is stored once');
    await runCli(ann, '--quiet', 'remove', join(source, 'letters'));
  });
});

describe('a quote', () => {
  test('names the chosen nodes, and the dearest one with its reason', async () => {
    const quote = resultOf(await runCli(ann, '--json', 'quote', '--bytes', '1GB'), 'quote');
    expect(quote).toMatchObject({ bytes: 1e9, policy: { dataShards: 4, parityShards: 4 }, spareNodes: 1 });
    expect(quote['chosen']).toHaveLength(8);
    expect(quote['refused']).toMatchObject([{ reason: 'dearer' }]);
    expect(quote['monthlyCostMsat']).toMatch(/^[1-9]\d*$/);
    const text = await runCli(ann, 'quote');
    expect(text.output).toMatch(/^A month costs {5}[\d.,]+ sat$/m);
    expect(text.errors).toBe('');
  });

  test('before there is a vault', async () => {
    const nobody = { home: path('nobody') };
    const { address } = network.mediator;
    const run = await runCli(nobody, '--json', 'quote', '--bytes', '1TB', '--mediator', address, '--policy', '1+1');
    // 2 GB a node are not enough for it.
    expect([run.status, run.lines().at(-1)!['code']]).toEqual([5, 'policy.too-few-nodes']);
    const small = await runCli(nobody, '--json', 'quote', '--bytes', '1GB', '--mediator', address, '--policy', '1+1');
    expect(resultOf(small, 'quote')['chosen']).toHaveLength(2);
    expect(existsSync(nobody.home)).toBe(false);
  });

  test('less than twofold redundancy is refused', async () => {
    await expectError(ann, ['quote', '--policy', '4+3'], 'policy.redundancy-too-low', 5);
  });
});

describe('backing up and getting back', () => {
  test('nothing has changed: nothing is read, and nothing is said on standard error', async () => {
    const run = await runCli(ann, '--json', 'backup');
    expect([run.status, run.errors]).toEqual([0, '']);
    expect(resultOf(run, 'backup')).toMatchObject({ unchanged: true, filesRead: 0, newBytes: 0, storedBytes: 0 });
    const text = await runCli(ann, 'backup');
    expect(text.errors).toBe('');
    expect(text.output).toMatch(/^Snapshot [0-9a-f]{8}: 5 files, 3\.0 MB; nothing had changed; [\d.]+ s\.\n$/);
    const quiet = await runCli(ann, '--quiet', 'backup');
    expect([quiet.status, quiet.output, quiet.errors]).toEqual([0, '', '']);
  });

  test('on a terminal there is a bar on standard error, gone at the end', async () => {
    writeFileSync(join(source, 'film.mp4'), random.bytes(30_000_000));
    const { status, screen } = await runOnTerminal(ann, [], 'backup');
    rmSync(join(source, 'film.mp4'));
    expect(status).toBe(0);
    expect(screen).toMatch(/Backing up \[[= ]{10}\] +\d+ % {2}/);
    expect(
      screen
        .trimEnd()
        .split(/\r|\n|\u001b\[0J/)
        .at(-1),
    ).toMatch(/^Snapshot [0-9a-f]{8}: 6 files/);
  });

  test('progress as JSON lines where it is asked for', async () => {
    writeFileSync(join(source, 'film.mp4'), random.bytes(30_000_000));
    const run = await runCli(ann, '--json-progress', 'backup');
    rmSync(join(source, 'film.mp4'));
    const progress = run.lines().filter(({ type }) => type === 'progress');
    expect(progress.length).toBeGreaterThan(0);
    for (const line of progress) {
      expect(line).toMatchObject({
        command: 'backup',
        bytesDone: expect.any(Number),
        isScanDone: expect.any(Boolean),
        bytesPerSecond: expect.any(Number),
      });
    }
  });

  test('snapshots are listed, the newest last', async () => {
    appendFileSync(join(source, 'letters', 'letter 1.txt'), 'and one more line\n');
    const made = resultOf(await runCli(ann, '--json', 'backup'), 'backup');
    const { snapshots, count } = resultOf(await runCli(ann, '--json', 'snapshots'), 'snapshots') as unknown as {
      count: number;
      snapshots: Record<string, unknown>[];
    };
    expect(count).toBe(snapshots.length);
    expect(snapshots.at(-1)).toMatchObject({
      snapshotId: made['snapshotId'],
      directories: [source],
      incomplete: false,
    });
    const text = await runCli(ann, 'snapshots');
    expect(text.output.split('\n')[0]).toMatch(/^snapshot +time +machine +files +size +directories$/);
    expect(text.output.trimEnd().split('\n')).toHaveLength(count + 1);
  });

  test('ls: roots, a directory, a file in long form, an older snapshot, and JSON', async () => {
    expect((await runCli(ann, 'ls')).output).toBe(`${source}/\n`);
    expect((await runCli(ann, 'ls', source)).output).toBe('letters/\nlink\npicture.jpg\n');
    const long = await runCli(ann, 'ls', '-l', source);
    expect(long.output).toMatch(/^-rw-r--r-- .* 3000000 \d{4}-\d\d-\d\d \d\d:\d\d picture\.jpg$/m);
    expect(long.output).toMatch(/^lrwxrwxrwx .* link -> picture\.jpg$/m);
    const { snapshots } = resultOf(await runCli(ann, '--json', 'snapshots'), 'snapshots') as unknown as {
      snapshots: { snapshotId: string }[];
    };
    const run = await runCli(ann, '--json', 'ls', '-R', snapshots[0]!.snapshotId.slice(0, 8), source);
    const entries = run.lines().filter(({ event }) => event === 'entry');
    expect(resultOf(run, 'ls')).toMatchObject({ snapshotId: snapshots[0]!.snapshotId, count: entries.length });
    expect(entries).toContainEqual(
      expect.objectContaining({ path: join(source, 'letters/letter 2.txt'), fileType: 'file', sizeBytes: 14 }),
    );
  });

  test('ls: what is not there is said', async () => {
    await expectError(ann, ['ls', 'deadbeef'], 'client.no-snapshot', 2);
    await expectError(ann, ['ls', join(source, 'nothing')], 'client.no-match', 2);
  });

  test('restore: whole, exact, and never over what is there unless told so', async () => {
    const target = path('back');
    const run = await runCli(ann, '--json', 'restore', '--target', target);
    expect([run.status, run.errors]).toEqual([0, '']);
    expect(resultOf(run, 'restore')).toMatchObject({ target, files: 4, others: 1, notRestoredCount: 0, faults: [] });
    expect((await compareTrees(source, join(target, source))).differences).toEqual([]);

    const letter = join(target, source, 'letters', 'letter 2.txt');
    writeFileSync(letter, 'my own words');
    await expectError(ann, ['restore', '--target', target], 'client.target-exists', 5);
    const skipped = await runCli(ann, 'restore', '--target', target, '--existing', 'skip');
    expect(skipped.status).toBe(0);
    expect(readFileSync(letter, 'utf8')).toBe('my own words');
    const over = await runCli(ann, 'restore', 'letters', '--target', target, '--existing', 'overwrite');
    expect(over.status).toBe(0);
    expect(readFileSync(letter, 'utf8')).toBe('Dear reader 2\n');
  });

  test('restore: only what a pattern names', async () => {
    const target = path('only letters');
    const run = await runCli(ann, '--json', 'restore', '*.txt', '--target', target);
    expect(resultOf(run, 'restore')).toMatchObject({ files: 3 });
    expect(readdirSync(join(target, source))).toEqual(['letters']);
    await expectError(ann, ['restore', '*.pdf', '--target', path('no pdf')], 'client.no-match', 2);
    expect(existsSync(path('no pdf')) ? readdirSync(path('no pdf')) : []).toEqual([]);
  });

  test('restore: what cannot be written is named, the rest is there, and the exit status says so', async () => {
    const target = path('in the way');
    mkdirSync(join(target, source, 'picture.jpg', 'a directory'), { recursive: true });
    const run = await runCli(ann, '--json', 'restore', '--target', target, '--existing', 'overwrite');
    expect(run.status).toBe(3);
    expect(resultOf(run, 'restore')).toMatchObject({ files: 3, notRestoredCount: 1 });
    expect(run.lines()).toContainEqual(expect.objectContaining({ type: 'event', event: 'not-restored' }));
    expect(readdirSync(join(target, source, 'letters'))).toHaveLength(3);
  });

  test('check: all is well', async () => {
    const run = await runCli(ann, '--json', 'check');
    expect(run.status).toBe(0);
    expect(resultOf(run, 'check')).toMatchObject({ verdict: 'good', lostPackCount: 0, affectedCount: 0, faults: [] });
  });

  test('status: the vault, its cost and its nodes', async () => {
    const status = resultOf(await runCli(ann, '--json', 'status'), 'status');
    expect(status).toMatchObject({ isReachable: true, directories: [source], weakestPack: { spareShards: 4 } });
    expect(status['nodes']).toHaveLength(8);
    const text = await runCli(ann, 'status');
    expect(text.output).toMatch(/^Policy +4\+4: any 4 of 8 nodes may fail$/m);
    expect(text.errors).toBe('');
  });
});

describe('stopped in the middle', () => {
  test(
    'Ctrl-C ends a backup with 130, and the next one sends nothing again that is there',
    async () => {
      const big = path('big');
      mkdirSync(big);
      for (let n = 0; n < 4; n += 1) writeFileSync(join(big, `part ${n}`), random.bytes(40_000_000));
      let isStopped = false;
      const stopped = await runCli(
        {
          ...ann,
          onOutput: (text, child) => {
            const stored = Number(/"storedBytes":(\d+)/.exec(text)?.[1] ?? 0);
            if (isStopped || stored < 140_000_000) return;
            isStopped = true;
            child.kill('SIGINT');
          },
        },
        '--json-progress',
        'backup',
        big,
      );
      expect(isStopped).toBe(true);
      expect(stopped.status).toBe(130);
      expect(stopped.lines().at(-1)).toMatchObject({ type: 'error', code: 'client.interrupted', exitCode: 130 });
      const next = await runCli(ann, '--json', 'backup', big);
      expect(next.status).toBe(0);
      const { newBytes } = resultOf(next, 'backup') as unknown as { newBytes: number };
      expect(newBytes).toBeLessThan(160_000_000);
      expect(next.lines()).toContainEqual(expect.objectContaining({ event: 'resumed' }));
      const target = path('big back');
      expect((await runCli(ann, 'restore', '--target', target)).status).toBe(0);
      expect((await compareTrees(big, join(target, big))).differences).toEqual([]);
    },
    LONG_MS,
  );
});

describe('what goes wrong', () => {
  test.each([
    ['status', 'client.not-set-up', 2],
    ['backup --polcy', 'client.usage', 2],
    ['bakcup', 'client.usage', 2],
  ])('%s: is told in two sentences on standard error', async (words, code, status) => {
    const run = await runCli({ home: path('nobody') }, ...words.split(' '));
    expect([run.status, run.output]).toEqual([status, '']);
    const { next } = await expectError({ home: path('nobody') }, words.split(' '), code, status);
    expect(run.errors).toMatch(/^holdfast: [^\n]*[.?] \[[a-z.-]+\]\n[^\n]+\n$/);
    expect(run.errors).toContain(`[${code}]\n${String(next)}\n`);
  });

  test.each([
    ['a command that does not exist', ['bakcup'], /did you mean backup\?/],
    ['an option that does not exist', ['backup', '--polcy'], /unknown option '--polcy'/i],
    ['a missing argument', ['add'], /missing required argument 'dir'/i],
    ['a missing option', ['restore'], /--target <dir>/],
    ['a choice that is none', ['restore', '--target', 'x', '--existing', 'maybe'], /fail, skip, overwrite, newer/],
  ])('wrong usage: %s', async (_, args, message) => {
    const line = await expectError(ann, args, 'client.usage', 2);
    expect(line['message']).toMatch(message);
  });

  test('a setting that nobody knows', async () => {
    const options = { ...ann, environment: { HOLDFAST_PASFRASE_FILE: 'x' } };
    const line = await expectError(options, ['dirs'], 'config.invalid', 2);
    expect(line['message']).toContain('HOLDFAST_PASFRASE_FILE');
  });

  test('no home yet', async () => {
    const nobody = { ...ann, home: path('nobody') };
    for (const args of [['dirs'], ['backup'], ['status'], ['ls'], ['add', source]]) {
      await expectError(nobody, args, 'client.not-set-up', 2);
    }
    expect(existsSync(nobody.home)).toBe(false);
  });

  test('a wrong passphrase, none, one from a command, and a command that fails', async () => {
    const wrong = { ...ann, passphraseFile: passphraseFile('wrong.pass', 'not it') };
    await expectError(wrong, ['snapshots'], 'keystore.wrong-passphrase', 5);
    await expectError({ home: ann.home }, ['snapshots'], 'passphrase.missing', 2);
    await expectError({ ...ann, passphraseFile: path('no such file') }, ['snapshots'], 'passphrase.unreadable', 2);
    const byCommand = { home: ann.home, environment: { HOLDFAST_PASSPHRASE_COMMAND: `echo '${PASSPHRASE}'` } };
    expect((await runCli(byCommand, 'snapshots')).status).toBe(0);
    const failing = { home: ann.home, environment: { HOLDFAST_PASSPHRASE_COMMAND: 'exit 3' } };
    await expectError(failing, ['snapshots'], 'passphrase.command-failed', 2);
  });

  test('a home in which another holdfast is at work', async () => {
    const lock = acquireFileLock(join(ann.home, 'lock'));
    try {
      const line = await expectError(ann, ['backup'], 'client.locked', 5);
      expect(line['params']).toMatchObject({ pid: String(process.pid) });
      await expectError(ann, ['add', source], 'client.locked', 5);
      // Looking does no harm.
      expect((await runCli(ann, 'snapshots')).status).toBe(0);
    } finally {
      lock.release();
    }
    expect((await runCli(ann, 'backup')).status).toBe(0);
  });

  test(
    'a mediator that is away',
    async () => {
      await network.stopMediator();
      try {
        await expectError(ann, ['snapshots'], 'remote.unreachable', 4);
        const run = await runCli(ann, '--json', 'status');
        expect(run.status).toBe(4);
        expect(resultOf(run, 'status')).toMatchObject({
          isReachable: false,
          directories: [source],
          code: 'remote.unreachable',
        });
        const text = await runCli(ann, 'status');
        expect(text.output).toMatch(/^Mediator .*NOT REACHABLE/m);
        expect((await runCli(ann, 'dirs')).output).toBe(`${source}\n`);
      } finally {
        await network.restartMediator();
      }
      expect((await runCli(ann, 'status')).status).toBe(0);
    },
    LONG_MS,
  );

  test('output that nobody reads any more', async () => {
    const run = await runCli({ ...ann, onOutput: (_, child) => child.stdout!.destroy() }, 'ls', '-R', source);
    expect(run.errors).not.toContain('EPIPE');
  });
});

describe('a new machine', () => {
  const words = (): string[] =>
    [...readFileSync(sheetFile, 'utf8').matchAll(/(?:^|\s)\d{1,2}\.\s([a-z]+)/gm)].map(([, word]) => word!);

  test('a word that is not in the list is named with the nearest one, and no home is left', async () => {
    const eve = { ...ann, home: path('eve'), input: words().with(2, `${words()[2]!}x`).join(' ') };
    const recover = ['recover', '--mediator', network.mediator.address, '--words-file', '-'];
    const line = await expectError(eve, recover, 'words.invalid', 2);
    expect(line['message']).toContain(`word 3, “${words()[2]!}x”, is not in the list: did you mean “${words()[2]!}”?`);
    const swapped = { ...eve, input: words().with(0, words()[1]!).with(1, words()[0]!).join(' ') };
    expect((await expectError(swapped, recover, 'words.invalid', 2))['message']).toContain('checksum');
    expect(existsSync(eve.home)).toBe(false);
  });

  test('words without a vault there', async () => {
    const strangers = path('stranger.sheet');
    const stranger = { ...ann, home: path('stranger') };
    const { address } = network.mediator;
    await runCli(stranger, 'init', '--mediator', address, '--words-file', strangers);
    // 24 words that are right, of no client at all.
    const text = `${'abandon '.repeat(23)}art`;
    await expectError(
      { ...ann, home: path('eve'), input: text },
      ['recover', '--mediator', address, '--words-file', '-'],
      'client.no-vaults',
      5,
    );
  });

  test('from the whole sheet: the vault is found, and everything comes back', async () => {
    const bea = { home: path('bea'), passphraseFile: passphraseFile('bea.pass', 'another passphrase') };
    const run = await runCli(bea, '--json', 'recover', '--words-file', sheetFile);
    expect([run.status, run.errors]).toEqual([0, '']);
    expect(resultOf(run, 'recover')).toMatchObject({ home: bea.home, warnings: [], latest: { directories: [source] } });
    const target = path('back at bea');
    expect((await runCli(bea, 'restore', '--target', target)).status).toBe(0);
    expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
  });

  test('on a terminal: words over several lines, once wrong, then right', async () => {
    const list = words();
    const lines = [
      list.slice(0, 12).join(' '),
      list
        .slice(12)
        .map((word, n) => `${n + 13}. ${word}`)
        .join(' '),
    ];
    const { status, screen } = await runOnTerminal(
      { home: path('tom') },
      [
        { asked: 'in their order.', answer: list.with(23, 'zzzzzz').join(' ') },
        { asked: 'type all of them again.', answer: lines[0]! },
        { asked: '> ', answer: lines[1]! },
        { asked: 'New passphrase: ', answer: 'of tom' },
        { asked: 'The same again: ', answer: 'of tom' },
      ],
      'recover',
      '--mediator',
      network.mediator.address,
    );
    expect(screen).toContain('word 24, “zzzzzz”, is not in the list');
    expect(status).toBe(0);
    expect(screen).toMatch(/\d+ snapshots, .* stored at nodes\./);
    expect(screen).not.toContain('of tom');
  });
});

test('the passphrase can be changed, and then the old one is refused', async () => {
  const fresh = { ...ann, passphraseFile: passphraseFile('fresh.pass', 'a fresh one') };
  const run = await runCli(ann, '--json', 'passphrase', '--new-passphrase-file', fresh.passphraseFile);
  expect(run.status).toBe(0);
  expect(resultOf(run, 'passphrase')).toMatchObject({ changed: true });
  await expectError(ann, ['snapshots'], 'keystore.wrong-passphrase', 5);
  expect((await runCli(fresh, 'snapshots')).status).toBe(0);
  const back = await runCli(fresh, 'passphrase', '--new-passphrase-file', ann.passphraseFile!);
  expect(back.status).toBe(0);
  expect((await runCli(ann, 'snapshots')).status).toBe(0);
});
