/** Who may not read everything, or set everything, is told what was left out; all the rest goes on. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EXIT_CODES } from '@holdfast/protocol';
import { compareTrees } from '@holdfast/testkit';
import { type CliRun, startCli } from '../cli-process.ts';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { createCliUser, giveAway, isRoot, ordinaryUser } from '../ordinary-user.ts';

const LONG_MS = 300_000;

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let work: string;
let user: ReturnType<typeof createCliUser>;

beforeAll(async () => {
  user = createCliUser();
  scratch = await makeScratch();
  chmodSync(scratch.path, 0o755);
  network = await startNetwork({ nodeCount: 3 });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  work = join(scratch.path, 'work');
  mkdirSync(work);
  source = join(work, 'source');
  makeTree();
  for (const path of [client.home, client.passphraseFile, work]) giveAway(path);
}, LONG_MS);

afterAll(async () => {
  execFileSync('chmod', ['-R', 'u+rwx', scratch.path]);
  await network?.stop();
  await scratch?.remove();
  user?.remove();
}, LONG_MS);

function makeTree(): void {
  const at = (path: string): string => join(source, path);
  for (const directory of ['open/below', 'no listing', 'no entering', 'closed: no']) {
    mkdirSync(at(directory), { recursive: true });
    writeFileSync(at(`${directory}/inside`), `inside of ${directory}`);
    writeFileSync(at(`${directory}/inside too`), `also inside of ${directory}`);
  }
  writeFileSync(at('open/no reading'), 'not for you');
  writeFileSync(at('open/last'), 'the rest goes on');
  symlinkSync('no reading', at('open/link'));
}

const CLOSED = ['no listing', 'no entering', 'closed: no'];

/** Undone by `openUp`. */
function closeUp(): void {
  chmodSync(join(source, 'no listing'), 0o111);
  chmodSync(join(source, 'no entering'), 0o444);
  chmodSync(join(source, 'closed: no'), 0o000);
  chmodSync(join(source, 'open/no reading'), 0o000);
}

function openUp(tree: string): void {
  for (const name of CLOSED) chmodSync(join(tree, name), 0o700);
  const file = join(tree, 'open/no reading');
  if (existsSync(file)) chmodSync(file, 0o600);
}

const holdfast = (...args: string[]): Promise<CliRun> => startCli(client, args, user).done;
const resultOf = ({ lines }: CliRun): Record<string, unknown> => lines.find(({ type }) => type === 'result') ?? {};
const pathsIn = (issues: unknown): string[] =>
  (issues as { path: string; detail: string }[]).map(({ path, detail }) => `${path}: ${detail}`).toSorted();

const UNREADABLE = [
  'closed: no: EACCES',
  'no entering/inside too: EACCES',
  'no entering/inside: EACCES',
  'no listing: EACCES',
  'open/no reading: EACCES',
];

describe('permissions', () => {
  test(
    'what an ordinary user cannot read is reported, the rest is stored, and the exit status says so',
    async () => {
      closeUp();
      const run = await holdfast('backup', source);
      expect({ status: run.status, errors: run.errors }).toEqual({ status: EXIT_CODES.incomplete, errors: '' });
      const expected = UNREADABLE.map((line) => join(source, line)).toSorted();
      expect(pathsIn(resultOf(run)['unreadable'])).toEqual(expected);
      expect(resultOf(run)).toMatchObject({ unreadableCount: expected.length, changedCount: 0, skippedCount: 0 });

      // It is no less incomplete the second time, when nothing has changed.
      const again = await holdfast('backup', source);
      expect(again.status).toBe(EXIT_CODES.incomplete);
      expect(pathsIn(resultOf(again)['unreadable'])).toEqual(expected);
      const [snapshot] = resultOf(await holdfast('snapshots'))['snapshots'] as Record<string, unknown>[];
      expect(snapshot).toMatchObject({ incomplete: true });
    },
    LONG_MS,
  );

  test(
    'what could be read comes back exactly, with directories that nobody may enter',
    async () => {
      const target = join(work, 'restored');
      const run = await holdfast('restore', '--target', target);
      expect({ status: run.status, errors: run.errors }).toEqual({ status: EXIT_CODES.ok, errors: '' });
      const top = join(target, source);
      const modesOf = (tree: string): number[] => CLOSED.map((name) => lstatSync(join(tree, name)).mode & 0o7777);
      expect(modesOf(top)).toEqual(modesOf(source));
      openUp(source);
      openUp(top);
      const { differences } = await compareTrees(source, top);
      const missing = ['closed: no/inside', 'no entering/inside', 'no listing/inside'].flatMap((path) => [
        path,
        `${path} too`,
      ]);
      expect(differences.map(({ path, what }) => `${path} ${what}`).toSorted()).toEqual(
        [...missing, 'open/no reading'].map((path) => `${JSON.stringify(path)} is missing`).toSorted(),
      );
    },
    LONG_MS,
  );

  test(
    'once it can be read, the next backup has it all',
    async () => {
      const run = await holdfast('backup', source);
      expect({ status: run.status, errors: run.errors }).toEqual({ status: EXIT_CODES.ok, errors: '' });
      const target = join(work, 'complete');
      expect(await holdfast('restore', '--target', target)).toMatchObject({ status: EXIT_CODES.ok });
      expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'what belonged to others is restored as one’s own, which is said once',
    async () => {
      const foreign = isRoot ? makeForeignTree() : '/etc/hosts';
      await client.backup([foreign]);
      giveAway(client.home);
      const target = join(work, 'foreign');
      const run = await holdfast('restore', '--target', target);
      const { notes, notRestored } = resultOf(run) as { notes: string[]; notRestored: Record<string, string>[] };
      expect(notes[0]).toMatch(/^\d+ entr(y belongs|ies belong) to you now instead of the owner and group .* root\.$/);
      const { differences } = await compareTrees(foreign, join(target, foreign), { owners: false });
      if (!isRoot) {
        expect({ status: run.status, notRestored, differences }).toEqual({
          status: 0,
          notRestored: [],
          differences: [],
        });
        return;
      }
      // A program that ran as root must not come back as one that runs as us; and only root makes devices.
      expect(notes[1]).toMatch(/^2 entries lost set-user-id or set-group-id/);
      expect(notRestored).toEqual([
        {
          path: join(target, foreign, 'device'),
          code: 'client.not-writable',
          detail: expect.stringMatching(/only root/),
        },
      ]);
      expect(run.status).toBe(EXIT_CODES.incomplete);
      expect(differences).toEqual([
        { path: '"device"', what: 'is missing' },
        { path: '"set-group-id"', what: 'has mode 755 instead of 2755' },
        { path: '"set-user-id"', what: 'has mode 755 instead of 4755' },
      ]);
    },
    LONG_MS,
  );

  test(
    'a target that one may not write to is refused with its reason',
    async () => {
      const closed = join(work, 'not mine');
      mkdirSync(closed);
      giveAway(closed);
      chmodSync(closed, 0o555);
      const run = await holdfast('restore', '--target', join(closed, 'below'));
      expect(run.status).toBeGreaterThan(0);
      const told = JSON.stringify(run.lines);
      expect(told).toMatch(/permission denied/);
      expect(readdirSync(closed)).toEqual([]);
      expect(existsSync(join(closed, 'below'))).toBe(false);
    },
    LONG_MS,
  );
});

function makeForeignTree(): string {
  const foreign = join(scratch.path, 'foreign');
  mkdirSync(join(foreign, 'directory'), { recursive: true });
  const files: [string, number, number][] = [
    ['of root', 0, 0o644],
    ['directory/of somebody', 12_345, 0o600],
    ['set-user-id', 0, 0o4755],
    ['set-group-id', 0, 0o2755],
    ['of nobody', ordinaryUser.uid!, 0o4711],
  ];
  for (const [name, owner, mode] of files) {
    writeFileSync(join(foreign, name), name);
    chownSync(join(foreign, name), owner, owner);
    chmodSync(join(foreign, name), mode);
  }
  execFileSync('mknod', [join(foreign, 'device'), 'c', '1', '3']);
  return foreign;
}
