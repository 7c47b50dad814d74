/**
 * The machine is gone and 24 words are left; two machines share one vault; a mediator shows an old head; a catalog is lost. Each
 * time everything is found again, and no machine's snapshots push out another's.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  backup,
  createChunkReader,
  listSnapshots,
  meetMediator,
  PackAccess,
  readHead,
  readRecoverySheet,
  recoverVault,
  type RecoverReport,
} from '@holdfast/client';
import { createSeededRandomness, systemClock, systemRandomness } from '@holdfast/platform';
import { compareTrees } from '@holdfast/testkit';
import {
  clientAt,
  createTestClient,
  makeScratch,
  PASSPHRASE,
  type Scratch,
  TEST_KDF_COST,
  type TestClient,
} from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { queryDatabase } from '../node-disks.ts';

const LONG_MS = 300_000;
const NODE_COUNT = 6;
const MiB = 1024 * 1024;

type Machine = Pick<TestClient, 'home' | 'use' | 'backup' | 'restore'>;

const random = createSeededRandomness('recovery');
let scratch: Scratch;
let network: Network;
let first: TestClient;
let second: Machine;
let source: string;
let other: string;
let restoreCount = 0;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: NODE_COUNT });
  first = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  other = join(scratch.path, 'other');
  for (const path of [source, other]) {
    mkdirSync(join(path, 'below'), { recursive: true });
    writeFileSync(join(path, 'large'), random.bytes(6 * MiB));
    for (let n = 0; n < 50; n += 1) writeFileSync(join(path, 'below', `file ${n}`), random.bytes(10 + n * 300));
  }
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

/** Sets another machine up with nothing but what the recovery sheet says. */
async function recoverAt(name: string): Promise<{ machine: Machine; report: RecoverReport }> {
  const home = join(scratch.path, name);
  const { words } = readRecoverySheet(first.sheet);
  const address = /holdfast:\/\/\S+#[0-9a-f]+/.exec(first.sheet)![0];
  const report = await recoverVault({
    home,
    mediator: await meetMediator(address),
    words,
    passphrase: PASSPHRASE,
    choose: () => Promise.reject(new Error('there is one vault only')),
    clock: systemClock,
    randomness: systemRandomness,
    signal: new AbortController().signal,
    kdfCost: TEST_KDF_COST,
  });
  return { machine: clientAt(home, words, network), report };
}

async function restoresExactly(machine: Machine, path: string, snapshot = 'latest'): Promise<void> {
  restoreCount += 1;
  const target = join(scratch.path, `restored ${restoreCount}`);
  expect(await machine.restore(target, { snapshot })).toMatchObject({ notRestored: [], faults: [] });
  expect((await compareTrees(path, join(target, path))).differences).toEqual([]);
  rmSync(target, { recursive: true });
}

const snapshotsOf = (machine: Machine): Promise<string[]> =>
  machine.use(async (client) => {
    const access = new PackAccess(client);
    const list = await listSnapshots(await readHead(client), createChunkReader(client, access));
    return list.map(({ snapshotId }) => snapshotId);
  });

const change = (path: string): void => appendFileSync(join(path, 'below/file 7'), random.bytes(1000));

describe('recovery', () => {
  test(
    'a new machine restores everything from the 24 words and the mediator’s address, and goes on backing up',
    async () => {
      const one = await first.backup([source]);
      change(source);
      const two = await first.backup([source]);

      const { machine, report } = await recoverAt('second');
      second = machine;
      expect(report).toMatchObject({
        snapshotCount: 2,
        latest: { snapshotId: two.snapshotId },
        head: { sequence: 2, mediatorSequence: 2, nodesAsked: 4, nodesAnswered: 4 },
        warnings: [],
      });
      await restoresExactly(second, source);
      expect(await snapshotsOf(second)).toEqual([one.snapshotId, two.snapshotId]);

      // It reads the files once, and sends none of what the vault has.
      const again = await second.backup([source]);
      expect(again.newBytes).toBeLessThan(100_000);
      expect(await snapshotsOf(first)).toEqual([one.snapshotId, two.snapshotId, again.snapshotId]);
    },
    LONG_MS,
  );

  test(
    'two machines back up in turns, then at the same time: the loser of the race merges, and every snapshot stays',
    async () => {
      const made = await snapshotsOf(first);
      for (let turn = 0; turn < 2; turn += 1) {
        change(source);
        made.push((await first.backup([source])).snapshotId);
        change(other);
        made.push((await second.backup([other])).snapshotId);
      }
      for (const machine of [first, second]) expect(await snapshotsOf(machine)).toEqual(made);

      change(source);
      change(other);
      const both = await Promise.all([first.backup([source]), second.backup([other])]);
      made.push(...both.map(({ snapshotId }) => snapshotId));
      for (const machine of [first, second]) {
        expect((await snapshotsOf(machine)).toSorted()).toEqual(made.toSorted());
        await restoresExactly(machine, source, both[0].snapshotId);
        await restoresExactly(machine, other, both[1].snapshotId);
      }
    },
    LONG_MS,
  );

  test(
    'a machine that was overtaken twice merges all the same',
    async () => {
      const before = await snapshotsOf(first);
      change(source);
      const report = await first.use(async (client) => {
        const { mediator } = client;
        let overtaken = false;
        const putHead = async (head: string): Promise<void> => {
          if (!overtaken) {
            overtaken = true;
            for (let turn = 0; turn < 2; turn += 1) {
              change(other);
              before.push((await second.backup([other])).snapshotId);
            }
          }
          return mediator.putHead(head);
        };
        return backup(overlay(client, { mediator: overlay(mediator, { putHead }) }), { directories: [source] });
      });
      expect((await snapshotsOf(second)).toSorted()).toEqual([...before, report.snapshotId].toSorted());
      await restoresExactly(second, source, report.snapshotId);
    },
    LONG_MS,
  );

  test(
    'the answer to the move of the head is lost while another machine moves on: the snapshot is there once',
    async () => {
      const before = await snapshotsOf(first);
      change(source);
      const report = await first.use(async (client) => {
        const { mediator } = client;
        let isFirst = true;
        const putHead = async (head: string): Promise<void> => {
          await mediator.putHead(head);
          if (!isFirst) return;
          isFirst = false;
          change(other);
          before.push((await second.backup([other])).snapshotId);
          // As the typed client does when no answer came.
          await mediator.putHead(head);
        };
        return backup(overlay(client, { mediator: overlay(mediator, { putHead }) }), { directories: [source] });
      });
      expect((await snapshotsOf(second)).toSorted()).toEqual([...before, report.snapshotId].toSorted());
    },
    LONG_MS,
  );

  test(
    'a mediator that shows an old head is found out: by a machine that saw a newer one, and by a new one through the nodes’ copies',
    async () => {
      const { databaseUrl } = network.mediator;
      await queryDatabase(databaseUrl, 'CREATE TABLE old_heads AS SELECT * FROM heads');
      change(source);
      const newest = await first.backup([source]);
      await queryDatabase(databaseUrl, 'CREATE TABLE new_heads AS SELECT * FROM heads');
      const show = (table: string): Promise<unknown> =>
        queryDatabase(
          databaseUrl,
          `UPDATE heads SET sequence = shown.sequence, head_hash = shown.head_hash, head = shown.head FROM ${table} AS shown`,
        );
      await show('old_heads');

      await expect(first.backup([source])).rejects.toMatchObject({
        code: 'head.rollback',
        exitCode: 6,
        next: expect.stringMatching(/\w.*\.$/),
      });
      const { machine, report } = await recoverAt('third');
      expect(report).toMatchObject({ latest: { snapshotId: newest.snapshotId } });
      expect(report.head.fromNode).toBeDefined();
      expect(report.head.mediatorSequence).toBe(report.head.sequence - 1);
      expect(report.warnings).toEqual([expect.stringContaining('older than the one of node')]);
      await restoresExactly(machine, source);
      // The mediator took the newer one from there, and so the first machine goes on.
      change(source);
      await first.backup([source]);
      await restoresExactly(first, source);
    },
    LONG_MS,
  );

  test(
    'a machine that lost its catalog reads it from the vault again, and sends nothing twice',
    async () => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(first.home, `catalog.sqlite${suffix}`), { force: true });
      await restoresExactly(first, source);
      rmSync(join(first.home, 'catalog.sqlite'), { force: true });
      const report = await first.backup([source]);
      expect(report.newBytes).toBeLessThan(100_000);
      expect((await snapshotsOf(first)).at(-1)).toBe(report.snapshotId);
      await restoresExactly(first, source);
    },
    LONG_MS,
  );
});

/** The same object but for a few of its members. */
const overlay = <T extends object>(base: T, members: Partial<T>): T =>
  new Proxy(base, {
    get(target, name) {
      const value = (name in members ? members : target)[name as keyof T] as unknown;
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
