/**
 * Periods of four seconds on a whole network, its mediator and nodes processes of their own: who holds what it
 * should passes and earns; who deleted, rotted, or slept is caught, told apart and not paid; a mediator killed in the middle
 * blames nobody; and at the end every millisatoshi is where the statements say.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chmodSync, closeSync, mkdirSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { meetMediator } from '@holdfast/client';
import { createSeededRandomness, createSilentLogger } from '@holdfast/platform';
import { GROUP_BYTES, verdict as verdictMessage, openMessage } from '@holdfast/protocol';
import { type StorageNode, startStorageNode } from '@holdfast/storage-node';
import { type CliOptions, resultOf, runCli } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Admin, type Challenge, type Settlement, signInAsAdmin } from '../demo/admin.ts';
import { type Killable, startKillableMediator } from '../killable.ts';
import { type ShardOnDisk, shardsOnDisk } from '../node-disks.ts';
import { OPERATORS } from '../operators.ts';
import { type ServiceProcess, startProcess } from '../processes.ts';
import type { MediatorReady } from '../run-mediator.ts';
import type { NodeReady } from '../run-storage-node.ts';

const LONG_MS = 300_000;
const POLL_MS = 250;
const PERIOD_MS = 4_000;
/** Asked early in each period, with most of it to answer. So few shards are all hit by 50 leaves in any period. */
const CHALLENGES = { deadlineMs: 2_900, verifyMs: 200, drawnLeaves: 50, retrievalCheckMs: 1e12 };
const SETTINGS = { periodMs: PERIOD_MS, challenges: CHALLENGES, databaseDurability: 'test' } as const;
/** Of worthless money: four seconds of some megabytes earn some hundred satoshi. */
const PRICE = 20_000_000_000n;
const SOURCE_BYTES = 40_000_000;

interface NodeProcess {
  readonly process: ServiceProcess<NodeReady>;
  readonly nodeId: string;
  readonly dataDir: string;
}

let scratch: Scratch;
let mediator: Killable<MediatorReady>;
let admin: Admin;
let ann: CliOptions;
let clientId: string;
let honest: NodeProcess;
let deleter: NodeProcess;
let rotten: NodeProcess;
let sleeper: NodeProcess;
/** In this process, which tells it when to scrub. */
let scrubbed: StorageNode;
/** Of all five. */
let nodeIds: string[];

beforeAll(async () => {
  scratch = await makeScratch();
  chmodSync(scratch.path, 0o711); // for the user that Postgres runs as
  mediator = await startKillableMediator(scratch.path, SETTINGS);
  [honest, deleter, rotten, sleeper] = await Promise.all([start(0), start(1), start(2), start(3)]);
  scrubbed = await startStorageNode({ ...options(4), logger: createSilentLogger() });
  nodeIds = [honest, deleter, rotten, sleeper, scrubbed].map(({ nodeId }) => nodeId);
  admin = await signIn();
  const passphraseFile = join(scratch.path, 'passphrase');
  writeFileSync(passphraseFile, 'every four seconds\n', { mode: 0o600 });
  ann = { home: join(scratch.path, 'ann'), passphraseFile };
}, LONG_MS);

afterAll(async () => {
  sleeper?.process.child.kill('SIGCONT');
  await Promise.all([honest, deleter, rotten, sleeper].map((node) => node?.process.stop()));
  await scrubbed?.stop();
  await mediator?.stop();
  await scratch?.remove();
}, LONG_MS);

async function start(index: number): Promise<NodeProcess> {
  const given = options(index);
  const log = openSync(`${given.dataDir}.log`, 'a');
  const started = await startProcess<NodeReady>('run-storage-node.ts', given, log);
  return { process: started, nodeId: started.ready.nodeId, dataDir: given.dataDir };
}

function options(index: number) {
  return {
    dataDir: join(scratch.path, `node${index + 1}`),
    mediator: mediator.ready.address,
    listen: { host: `127.0.${index + 1}.1`, port: 0 },
    operator: OPERATORS[index]!,
    region: 'local',
    priceSatPerTbMonth: PRICE,
    capacityBytes: 2_000_000_000,
    network: 'regtest' as const,
    scrubBytesPerSecond: 0,
  };
}

async function signIn(): Promise<Admin> {
  const { caPem, info } = await meetMediator(mediator.ready.address);
  const baseUrl = `https://${new URL(mediator.ready.address).host}`;
  return signInAsAdmin({ baseUrl, caPem, mediatorId: info.mediatorId }, mediator.dataDir);
}

/** Asks until there is an answer. */
async function until<T>(ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(POLL_MS);
  }
}

const presentPeriod = (): number => Math.floor(Date.now() / PERIOD_MS);
const paidMsat = ({ earnedMsat, withheldMsat }: Settlement): bigint => BigInt(earnedMsat) + BigInt(withheldMsat);
const sum = (amounts: Iterable<string | bigint>): bigint =>
  [...amounts].reduce<bigint>((all, one) => all + BigInt(one), 0n);

/** The first settlement of the node that suits, in a period from `from` on. */
const settled = (nodeId: string, from: number, suits: (one: Settlement) => boolean): Promise<Settlement> =>
  until(async () => (await admin.settlements(nodeId)).findLast((one) => one.period >= from && suits(one)));
const passed = (nodeId: string, from: number): Promise<Settlement> =>
  settled(nodeId, from, (one) => one.verdict === 'passed' && paidMsat(one) > 0n);

/**
 * The first challenge that was open after the deed and came to this, and what its verdict names. None before it passed that
 * was issued when the deed was done.
 */
async function caught(nodeId: string, deed: { fromMs: number; toMs: number }, expected: 'failed' | 'missed') {
  const challenge = await until(async () => {
    const newest = await admin.challenges(nodeId);
    const asked = newest.filter(({ judgedAtMs = Infinity }) => judgedAtMs > deed.fromMs).toReversed();
    const found = asked.findIndex(({ outcome }) => outcome === expected);
    const passedBy = asked
      .slice(0, found + 1)
      .filter(({ outcome, issuedAtMs = 0 }) => outcome === 'passed' && issuedAtMs > deed.toMs);
    expect(passedBy).toEqual([]);
    return asked[found];
  });
  const { named } = await admin.evidence(challenge.challengeId);
  const settlement = await settled(nodeId, challenge.period, ({ period }) => period === challenge.period);
  expect(settlement).toMatchObject({ verdict: expected, earnedMsat: '0', withheldMsat: '0' });
  return { challenge, named: named.map(({ packId, shardIndex }) => `${packId}-${shardIndex}`) };
}

const largest = ({ dataDir }: { readonly dataDir: string }): ShardOnDisk =>
  shardsOnDisk(dataDir).shards.toSorted((a, b) => b.lengthBytes - a.lengthBytes)[0]!;
const nameOf = ({ packId, shardIndex }: ShardOnDisk): string => `${packId}-${shardIndex}`;

/** A bit in so many groups of the shard, from the first on. */
function flipBits({ path }: ShardOnDisk, groups: number): void {
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  for (let group = 0; group < groups; group += 1) {
    readSync(fd, byte, 0, 1, group * GROUP_BYTES + 77);
    byte[0]! ^= 1;
    writeSync(fd, byte, 0, 1, group * GROUP_BYTES + 77);
  }
  closeSync(fd);
}

/** Once the node was judged in a period that still lasts a while: it is not asked again before the next one. */
const judgedAndLeftAlone = (nodeId: string): Promise<true> =>
  until(async () => {
    const [newest] = await admin.challenges(nodeId);
    const isJudged = newest?.period === presentPeriod() && newest.outcome !== undefined;
    return isJudged && Date.now() % PERIOD_MS < 0.6 * PERIOD_MS ? true : undefined;
  });

test(
  'honest nodes pass and earn, period by period',
  async () => {
    const source = join(scratch.path, 'source');
    mkdirSync(source);
    writeFileSync(join(source, 'film.mkv'), createSeededRandomness('challenges journey').bytes(SOURCE_BYTES));
    const limits = ['--max-price', String(PRICE), '--spend-limit', '900000000', '--policy', '2+3'];
    const sheet = ['--words-file', join(scratch.path, 'sheet')];
    const init = await runCli(ann, '--json', 'init', '--mediator', mediator.ready.address, ...limits, ...sheet);
    clientId = String(resultOf(init, 'init')['clientId']);
    await cheapenKeystore(ann);
    expect((await runCli(ann, 'add', source)).status).toBe(0);
    const backup = await runCli(ann, '--json', 'backup');
    expect([backup.status, backup.errors]).toEqual([0, '']);
    const from = presentPeriod();
    for (const nodeId of nodeIds) {
      const first = await passed(nodeId, from);
      const second = await passed(nodeId, first.period + 1);
      for (const one of [first, second]) {
        expect(paidMsat(one) + BigInt(one.commissionMsat)).toBe(BigInt(one.dueMsat));
      }
      expect(await admin.standing(nodeId)).toMatchObject({ state: 'vetting' });
    }
  },
  LONG_MS,
);

test(
  'who deleted a shard, whose disk rots, who sleeps: each is caught as what it is, named, and not paid',
  async () => {
    // The scrub is quicker than the next challenge: it says so first, and only that shard is lost to it.
    await judgedAndLeftAlone(scrubbed.nodeId);
    const spoiled = largest(scrubbed);
    const spoiledAtMs = Date.now();
    flipBits(spoiled, 1);
    expect(await scrubbed.scrubNow()).toMatchObject({ damaged: 1 });
    await scrubbed.heartbeatNow();
    const [reportedAtMs, reportedIn] = [Date.now(), presentPeriod()];
    const lastDue = (await admin.settlements(scrubbed.nodeId)).find(({ verdict }) => verdict === 'passed')!.dueMsat;

    const [deleted, flipped] = [largest(deleter), largest(rotten)];
    const fromMs = Date.now();
    rmSync(deleted.path);
    flipBits(flipped, flipped.lengthBytes / GROUP_BYTES);
    sleeper.process.child.kill('SIGSTOP');
    const deeds = { fromMs, toMs: Date.now() };

    const byDeleter = await caught(deleter.nodeId, deeds, 'failed');
    expect(byDeleter.named).toEqual([nameOf(deleted)]);
    const byRot = await caught(rotten.nodeId, deeds, 'failed');
    expect(byRot.named).toEqual([nameOf(flipped)]);
    const bySleep = await caught(sleeper.nodeId, deeds, 'missed');
    expect(bySleep.named).toEqual([]);
    // Awake again, it shows what it was asked for while it slept, and is paid on.
    sleeper.process.child.kill('SIGCONT');
    await passed(sleeper.nodeId, bySleep.challenge.period + 1);
    const after = await passed(scrubbed.nodeId, reportedIn + 1);
    expect(BigInt(after.dueMsat)).toBeLessThan(BigInt(lastDue));
    const { storedBytes } = await admin.standing(scrubbed.nodeId);
    expect(BigInt(storedBytes)).toBe(
      sum(shardsOnDisk(scrubbed.dataDir).shards.map(({ lengthBytes }) => BigInt(lengthBytes))),
    );
    await passed(honest.nodeId, bySleep.challenge.period);
    // On a busy machine the next challenge may have been the quicker one after all.
    const tooSoon = (await admin.challenges(scrubbed.nodeId))
      .filter(({ issuedAtMs = 0 }) => issuedAtMs >= spoiledAtMs && issuedAtMs <= reportedAtMs)
      .map(({ period }) => period);
    for (const nodeId of [honest.nodeId, scrubbed.nodeId, sleeper.nodeId]) {
      const failed = (await admin.settlements(nodeId)).filter(({ verdict }) => verdict === 'failed');
      const excused = nodeId === scrubbed.nodeId ? tooSoon : [];
      expect(failed.filter(({ period }) => !excused.includes(period))).toEqual([]);
    }
    await transcriptsProve(byDeleter.challenge, byRot.challenge);
  },
  LONG_MS,
);

/** Exported once their secrets are in the open, and judged again by a stranger. */
async function transcriptsProve(one: Challenge, other: Challenge): Promise<void> {
  const [file, forged] = [join(scratch.path, 'transcript.json'), join(scratch.path, 'forged.json')];
  const stranger = { home: join(scratch.path, 'nobody') };
  const transcript = await until(async () => {
    const { text } = await admin.evidence(one.challengeId);
    const evidence = JSON.parse(text) as { transcript: { secret?: string; verdict: string } };
    writeFileSync(file, text);
    return evidence.transcript.secret === undefined ? undefined : evidence;
  });
  const run = await runCli(stranger, '--json', 'verify-transcript', file);
  expect([run.status, run.errors]).toEqual([0, '']);
  const { mediatorId } = (await meetMediator(mediator.ready.address)).info;
  const context = { network: 'regtest', mediatorId } as const;
  const { faults, nodeId } = openMessage(verdictMessage, context, transcript.transcript.verdict);
  const report = resultOf(run, 'verify-transcript');
  expect(report).toMatchObject({ outcome: 'failed', mediatorId, nodeId, isComplete: true, faults });
  const { text } = await admin.evidence(other.challengeId);
  const foreign = (JSON.parse(text) as typeof transcript).transcript.verdict;
  writeFileSync(forged, JSON.stringify({ ...transcript, transcript: { ...transcript.transcript, verdict: foreign } }));
  expect((await runCli(stranger, '--json', 'verify-transcript', forged)).status).toBe(6);
}

test(
  'a mediator killed while a challenge is open and away for whole periods blames nobody for them, and goes on',
  async () => {
    const { nodeId } = sleeper;
    sleeper.process.child.kill('SIGSTOP');
    const stoppedAtMs = Date.now();
    const isOpen = ({ issuedAtMs = 0, judgedAtMs }: Challenge): boolean =>
      issuedAtMs > stoppedAtMs && judgedAtMs === undefined;
    const open = await until(async () => (await admin.challenges(nodeId)).find(isOpen));
    await mediator.kill();
    const [goneAtMs, goneIn] = [Date.now(), presentPeriod()];
    sleeper.process.child.kill('SIGCONT');
    await until(() => (presentPeriod() > goneIn + 2 ? true : undefined));
    await mediator.start();
    admin = await signIn();
    const back = presentPeriod();
    for (const id of [honest.nodeId, scrubbed.nodeId, nodeId]) await passed(id, back + 1);

    // Unless it was judged in the very moment before: then it says so, and may have been missed.
    const known = (await admin.challenges(nodeId)).find(({ challengeId }) => challengeId === open.challengeId);
    const wasJudged = (known!.judgedAtMs ?? Infinity) <= goneAtMs;
    expect(wasJudged ? ['missed', undefined] : [undefined]).toContain(known!.outcome);
    for (const id of [honest.nodeId, scrubbed.nodeId, nodeId]) {
      const settlements = (await admin.settlements(id)).toReversed();
      const periods = settlements.map(({ period }) => period);
      expect(periods).toEqual(periods.map((_, index) => periods[0]! + index));
      // The period in the middle of the outage began and ended without the mediator.
      const away = settlements.filter(({ period }) => period === goneIn + 1);
      expect(away).toMatchObject([{ verdict: 'void', earnedMsat: '0', withheldMsat: '0' }]);
    }
    const interrupted = (await admin.settlements(nodeId)).find(({ period }) => period === open.period);
    expect(interrupted).toMatchObject({ verdict: known!.outcome ?? 'void', earnedMsat: '0', withheldMsat: '0' });
  },
  LONG_MS,
);

/** The same mediator, but nothing happens by the clock any more: the books stand still while they are read. */
async function stopTheClock(): Promise<void> {
  await mediator.stop();
  mediator = await startKillableMediator(scratch.path, { ...SETTINGS, scheduling: 'off' });
  admin = await signIn();
}

test(
  'the statements of the client and of the nodes add up to the millisatoshi, and the ledger has no fault',
  async () => {
    await stopTheClock();
    const [ledger, balance] = [await admin.ledger(), await admin.balance(clientId)];
    const ofClient = await admin.statement('clients', clientId);
    const nodes = await Promise.all(
      nodeIds.map(async (nodeId) => ({
        earnings: await admin.earnings(nodeId),
        statement: await admin.statement('nodes', nodeId),
        settlements: await admin.settlements(nodeId),
      })),
    );
    expect(await admin.faults()).toEqual([]);
    expect(ledger['differenceMsat']).toBe('0');
    expect(sum(ofClient.map(({ amountMsat }) => amountMsat))).toBe(BigInt(balance.availableMsat));
    for (const { earnings, statement, settlements } of nodes) {
      const on = (name: string): bigint =>
        sum(statement.filter(({ account }) => account === name).map(({ amountMsat }) => amountMsat));
      expect([on('earned'), on('withheld')]).toEqual([BigInt(earnings.earnedMsat), BigInt(earnings.withheldMsat)]);
      // Nothing was settled twice: what the periods came to is what the accounts hold.
      expect(sum(settlements.map(paidMsat))).toBe(on('earned') + on('withheld'));
    }
    const all = nodes.flatMap(({ settlements }) => settlements);
    expect(sum(all.map(({ commissionMsat }) => commissionMsat))).toBe(BigInt(ledger['commissionMsat']!));
    const spent = sum(all.filter((one) => paidMsat(one) > 0n).map(({ dueMsat }) => dueMsat));
    expect(spent).toBeGreaterThan(0n);
    const left = BigInt(balance.availableMsat) + BigInt(balance.heldMsat) + BigInt(balance.reservedMsat);
    expect(left + spent).toBe(BigInt(ledger['adminCreditsMsat']!));
  },
  LONG_MS,
);
