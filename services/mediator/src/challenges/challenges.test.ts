import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import {
  openChallenge,
  openMessage,
  recordsOfCommits,
  shardKeyOf,
  verdict,
  verifyTranscript,
} from '@holdfast/protocol';
import {
  CONTEXT,
  flip,
  frameOf,
  openTestChallenges,
  type TestChallenges,
  type TestHolder,
  type TestOwner,
} from '../testing/test-challenges.ts';
import { holdDatabaseServer } from '../testing/test-mediator.ts';

let release: () => Promise<void>;
let world: TestChallenges;
let client: TestOwner;
let node: TestHolder;
let other: TestHolder;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());
beforeEach(async () => {
  world = await openTestChallenges();
  client = await world.client();
  node = await world.node();
  other = await world.node();
});
afterEach(async () => {
  expect(await world.ledger.ledger.findFaults()).toEqual([]);
  await world.close();
});

const failure = (code: string): unknown => expect.objectContaining({ code });
const newest = async (holder = node) => (await world.challenges.list(holder.nodeId, { limit: 1 }))[0];
const settlement = async (period: number, holder = node) =>
  (await world.ledger.settlements.list(holder.nodeId, { limit: 100 })).find((one) => one.period === period);
const stateOf = async (holder = node) => (await world.challenges.reputationOf(holder.nodeId))!;
const oneOf = (holder: TestHolder) => [...holder.held.values()][0]!;

test('a node that shows what it was asked for passes, and is paid', async () => {
  await client.store([node, other], 20);
  const period = await world.nextPeriod();
  await world.issueAll();
  const [open] = await world.challenges.openChallengesOf(node.nodeId);
  expect(openChallenge(CONTEXT, open!.token, node.nodeId).samples.length).toBeGreaterThanOrEqual(30);
  expect(await world.answer(node)).toBe(1);
  expect(await world.challenges.openChallengesOf(node.nodeId)).toEqual([]);
  await world.judgeAll();

  expect(await newest()).toMatchObject({ period, state: 'judged', outcome: 'passed', shardsLost: 0, hasFrame: true });
  expect(await newest(other)).toMatchObject({ period, state: 'judged', outcome: 'missed', hasFrame: false });
  const paid = (await settlement(period))!;
  expect(paid).toMatchObject({ verdict: 'passed', agreementCount: 1 });
  expect(paid.earnedMsat + paid.withheldMsat + paid.commissionMsat).toBe(paid.dueMsat);
  expect(await settlement(period, other)).toMatchObject({ verdict: 'missed', earnedMsat: 0n, dueMsat: paid.dueMsat });
  expect((await stateOf()).reputation).toMatchObject({ passedPeriods: 1, absentPeriods: 0 });
  expect((await stateOf(other)).reputation).toMatchObject({ passedPeriods: 0, failedPeriods: 0, absentPeriods: 1 });
});

describe('a loss', () => {
  test('that the answer admits fails the period, and the shard counts no more', async () => {
    await client.store([node, other], 4);
    const before = (await client.balance()).heldMsat;
    const period = await world.nextPeriod();
    await world.issueAll();
    const lost = oneOf(node);
    node.held.delete(`${lost.clientId}/${lost.packId}/${lost.shardIndex}`);
    await world.answer(node);
    await world.answer(other);
    await world.judgeAll();

    expect(await newest()).toMatchObject({ outcome: 'failed', shardsLost: 1 });
    expect(await settlement(period)).toMatchObject({ verdict: 'failed', earnedMsat: 0n });
    expect((await stateOf()).reputation.failedPeriods).toBe(1);
    expect((await client.balance()).heldMsat).toBeLessThan(before);
    // it is asked for no more, and the rest is shown
    await world.nextPeriod();
    await world.issueAll();
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    const { samples } = openChallenge(CONTEXT, open!.token);
    expect(samples.some(({ packId }) => packId === lost.packId)).toBe(false);
    await world.answer(node);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ outcome: 'passed' });
  });

  test('of a byte shows as a mismatch; the transcript proves it offline, and the secret is in the open afterwards', async () => {
    await client.store([node, other], 4);
    await world.nextPeriod();
    await world.issueAll();
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    flip(node, oneOf(node));
    await world.answer(node);
    await world.judgeAll();

    const { record, transcript, commits, secret, commitment } = await world.challenges.transcript(open!.challengeId);
    expect(record).toMatchObject({ outcome: 'failed', shardsLost: 1 });
    expect(secret).toBeUndefined();
    const said = verifyTranscript(CONTEXT, transcript!, recordsOfCommits(CONTEXT, commits));
    expect(said.faults).toMatchObject([{ packId: oneOf(node).packId, fault: 'mismatch' }]);
    await world.nextPeriod();
    const later = await world.challenges.transcript(open!.challengeId);
    expect(later.secret).toMatch(/^[0-9a-f]{64}$/);
    expect(later.commitment).toBe(commitment);
  });

  test('reported before it is asked for costs just that shard', async () => {
    await client.store([node, other], 4);
    const lost = oneOf(node);
    expect(await world.report(node, [lost])).toBe(1);
    expect(await world.report(other, [lost])).toBe(0);
    node.held.delete(`${lost.clientId}/${lost.packId}/${lost.shardIndex}`);
    const period = await world.nextPeriod();
    await world.issueAll();
    await world.answer(node);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ outcome: 'passed', shardsLost: 0 });
    expect(await settlement(period)).toMatchObject({ verdict: 'passed' });
  });

  test('reported after it was asked for is a failure, also two silent periods later', async () => {
    await client.store([node, other], 4);
    await world.nextPeriod();
    await world.issueAll();
    await world.judgeAll();
    expect(await newest()).toMatchObject({ outcome: 'missed' });
    expect(await world.report(node, [oneOf(node)])).toBe(1);
    const period = await world.nextPeriod();
    await world.issueAll();
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ period, outcome: 'failed', shardsLost: 1 });
    const { transcript, commits } = await world.challenges.transcript(open!.challengeId);
    expect(transcript!.lossReports).toHaveLength(1);
    expect(verifyTranscript(CONTEXT, transcript!, recordsOfCommits(CONTEXT, commits)).faults).toMatchObject([
      { packId: oneOf(node).packId, fault: 'late-report' },
    ]);
    // counted once; what else was not answered is still owed
    await world.nextPeriod();
    await world.issueAll();
    await world.answer(node);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ outcome: 'passed' });
  });
});

test('leaves that were not answered are asked again, on top of fresh ones, until they are', async () => {
  await client.store([node, other], 20);
  await world.nextPeriod();
  await world.issueAll();
  const samplesOf = async () => {
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    return openChallenge(CONTEXT, open!.token).samples;
  };
  const first = await samplesOf();
  await world.judgeAll();
  await world.nextPeriod();
  await world.issueAll();
  const leaf = ({ packId, shardIndex, leafIndex }: (typeof first)[number]) => `${packId} ${shardIndex} ${leafIndex}`;
  const second = await samplesOf();
  expect(second.map(leaf)).toEqual(expect.arrayContaining(first.map(leaf)));
  expect(second.length).toBeGreaterThan(first.length);
  await world.answer(node);
  await world.judgeAll();
  await world.nextPeriod();
  await world.issueAll();
  expect((await samplesOf()).every(({ reason }) => reason !== 'carried')).toBe(true);
});

describe('nobody is blamed', () => {
  test('for periods in which the mediator was away: they are void, and the money goes back', async () => {
    await client.store([node, other], 4);
    const period = await world.nextPeriod();
    const { availableMsat } = await client.balance();
    await world.clock.advance(3 * world.rules.periodMs);
    await world.challenges.work.periods();
    await world.challenges.work.issue();
    await world.challenges.work.judge();
    await world.challenges.work.periods();
    for (const missed of [period, period + 1, period + 2]) {
      expect(await settlement(missed)).toMatchObject({ verdict: 'void', earnedMsat: 0n });
    }
    expect(await settlement(period + 3)).toBeUndefined();
    expect((await client.balance()).availableMsat).toBeGreaterThan(availableMsat);
    expect(await world.challenges.reputationOf(node.nodeId)).toBeUndefined();
    // and the period that it came back in is challenged as any other
    await world.issueAll();
    await world.answer(node);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ period: period + 3, outcome: 'passed' });
  });

  test('for a challenge that was open while the mediator was away; its leaves are asked again', async () => {
    await client.store([node, other], 4);
    const period = await world.nextPeriod();
    await world.issueAll();
    await world.clock.advance(world.rules.deadlineMs + world.rules.verifyMs + 1);
    await world.challenges.work.periods();
    await world.challenges.work.judge();
    expect(await newest()).toMatchObject({ state: 'void', voidReason: 'outage' });
    expect(await settlement(period)).toMatchObject({ verdict: 'void' });
    await world.nextPeriod();
    await world.issueAll();
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    expect(openChallenge(CONTEXT, open!.token).samples.some(({ reason }) => reason === 'carried')).toBe(true);
  });

  test('for what a client dropped between question and answer', async () => {
    const packs = await client.store([node, other], 4);
    const period = await world.nextPeriod();
    await world.issueAll();
    await client.drop([packs[0]!]);
    const gone = [...node.held.values()].find(({ packId }) => packId === packs[0])!;
    node.held.delete(`${gone.clientId}/${gone.packId}/${gone.shardIndex}`);
    await world.answer(node);
    // the other one still has it, and shows it
    await world.answer(other);
    await world.judgeAll();
    expect(await newest()).toMatchObject({ state: 'void', voidReason: 'dropped' });
    expect(await newest(other)).toMatchObject({ outcome: 'passed' });
    expect(await settlement(period)).toMatchObject({ verdict: 'passed' });
    expect((await stateOf()).reputation).toMatchObject({ passedPeriods: 1, failedPeriods: 0 });
  });
});

test('an answer that arrived in time counts, however long it takes to verify it', async () => {
  await client.store([node, other], 4);
  await world.nextPeriod();
  await world.issueAll();
  const [open] = await world.challenges.openChallengesOf(node.nodeId);
  const frame = await frameOf(node, open!.token);
  await world.clock.advance(world.rules.deadlineMs);
  const answering = world.challenges.answer(node.nodeId, frame);
  await world.clock.advance(1);
  await world.challenges.work.judge();
  await answering;
  await world.challenges.work.judge();
  expect(await newest()).toMatchObject({ outcome: 'passed' });
});

describe('an answer', () => {
  beforeEach(async () => {
    await client.store([node, other], 4);
    await world.nextPeriod();
    await world.issueAll();
  });

  test('is taken once, and the same again is accepted again, also after the verdict', async () => {
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    const frame = await frameOf(node, open!.token);
    const accepted = await world.challenges.answer(node.nodeId, frame);
    expect(await world.challenges.answer(node.nodeId, frame)).toEqual(accepted);
    await world.judgeAll();
    expect(await world.challenges.answer(node.nodeId, frame)).toEqual(accepted);
    const [told] = await world.challenges.verdictsOf(node.nodeId, { afterMs: 0, limit: 10 });
    expect(openMessage(verdict, CONTEXT, told!.token)).toMatchObject({
      outcome: 'passed',
      proofHash: accepted.proofHash,
    });
  });

  test('of another node, for another challenge, broken or late is none', async () => {
    const [open] = await world.challenges.openChallengesOf(node.nodeId);
    const frame = await frameOf(node, open!.token);
    await expect(world.challenges.answer(other.nodeId, frame)).rejects.toEqual(failure('challenge.unknown'));
    await expect(world.challenges.answer(node.nodeId, frame.subarray(0, 30))).rejects.toEqual(
      failure('proof.malformed'),
    );
    const broken = frame.slice();
    broken[broken.length - 1]! ^= 1;
    await expect(world.challenges.answer(node.nodeId, broken)).rejects.toEqual(failure('proof.invalid'));
    const longer = new Uint8Array(frame.length + 100_000);
    longer.set(frame);
    await expect(world.challenges.answer(node.nodeId, longer)).rejects.toEqual(failure('proof.malformed'));
    // none of it closed the challenge
    await world.clock.advance(world.rules.deadlineMs + 1);
    await expect(world.challenges.answer(node.nodeId, frame)).rejects.toEqual(failure('challenge.closed'));
  });
});

test('running everything twice, and in two processes at once, changes nothing', async () => {
  await client.store([node, other], 6);
  const period = await world.nextPeriod();
  const second = world.another();
  const both = async (run: (work: typeof second.work) => Promise<unknown>) => {
    await Promise.all([run(world.challenges.work), run(second.work)]);
  };
  await both((work) => work.periods());
  await world.issueAll();
  await both((work) => work.issue());
  await world.answer(node);
  await world.clock.advance(world.rules.deadlineMs + world.rules.verifyMs + 1);
  await both((work) => work.judge());
  await both((work) => work.judge());
  await both((work) => work.periods());
  expect(await world.challenges.list(node.nodeId, { limit: 10 })).toHaveLength(1);
  expect((await stateOf()).reputation.passedPeriods).toBe(1);
  expect(await settlement(period)).toMatchObject({ verdict: 'passed' });
});

test('frames are kept for so long, and then forgotten', async () => {
  await client.store([node, other], 4);
  await world.nextPeriod();
  await world.issueAll();
  const [open] = await world.challenges.openChallengesOf(node.nodeId);
  await world.answer(node);
  await world.judgeAll();
  expect((await world.challenges.transcript(open!.challengeId)).transcript!.frame).toBeDefined();
  await world.clock.advance(world.rules.passedFrameMs - world.rules.deadlineMs);
  expect(await world.challenges.work.forget()).toBe(0);
  await world.clock.advance(world.rules.deadlineMs + 60_000);
  expect(await world.challenges.work.forget()).toBe(1);
  const { record, transcript } = await world.challenges.transcript(open!.challengeId);
  expect(record).toMatchObject({ hasFrame: false, outcome: 'passed' });
  expect(transcript!.frame).toBeUndefined();
  await world.clock.advance(world.rules.otherFrameMs);
  expect(await world.challenges.work.forget()).toBeGreaterThan(0);
  expect(await world.challenges.work.forget()).toBe(0);
});

test('a line of which little is left is closed up, and the challenges go on', async () => {
  const packs = await client.store([node, other], 30);
  await client.drop(packs.slice(0, 20));
  await world.nextPeriod();
  await world.issueAll();
  const [open] = await world.challenges.openChallengesOf(node.nodeId);
  const { terms, samples } = openChallenge(CONTEXT, open!.token);
  expect(terms).toMatchObject({ lineEpoch: 1, lineLeaves: 10 * 64 });
  expect(samples.length).toBeGreaterThanOrEqual(30);
  await client.store([node, other], 3);
  await world.answer(node);
  await world.judgeAll();
  expect(await newest()).toMatchObject({ outcome: 'passed' });
});

test('a vault that dropped nearly all of its shards is closed up by itself: its turn for a leaf is never in vain', async () => {
  await client.store([node, other], 30);
  const thin = await world.client();
  const packs = await thin.store([node, other], 20);
  await thin.drop(packs.slice(0, 19));
  await world.nextPeriod();
  await world.issueAll();
  const lines = await world.database.execute<{ leaves: string }>(sql`
    SELECT leaves FROM vault_lines WHERE client_id = ${Buffer.from(thin.clientId, 'hex')}`);
  expect(lines.rows.map(({ leaves }) => Number(leaves))).toEqual([64, 64]);
  const [open] = await world.challenges.openChallengesOf(node.nodeId);
  const { terms, samples } = openChallenge(CONTEXT, open!.token);
  expect(terms).toMatchObject({ lineEpoch: 0, lineLeaves: 50 * 64 });
  expect(samples.some(({ packId }) => packId === packs[19])).toBe(true);
  await world.answer(node);
  await world.judgeAll();
  expect(await newest()).toMatchObject({ outcome: 'passed' });
});

describe('retrieval checks', () => {
  type Asked = Parameters<typeof world.reads.answer>[0];
  const asked: Asked[] = [];
  const serve = (change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) => {
    world.reads.answer = async (read) => {
      asked.push(read);
      const { bytes } = node.held.get(shardKeyOf(read.shard))!;
      const ranges = read.ranges ?? [{ fromByte: 0, lengthBytes: read.shardLengthBytes }];
      const parts = ranges.map(({ fromByte, lengthBytes }) => change(bytes.slice(fromByte, fromByte + lengthBytes)));
      return { kind: 'bytes', parts };
    };
  };
  /** So many checks, each when it is due; stops when `until` holds. */
  const check = async (times: number, until = async () => false) => {
    for (let at = 0; at < times && !(await until()); at += 1) {
      await world.clock.advance(2 * world.rules.retrievalCheckMs);
      await world.challenges.work.retrieve();
    }
  };
  const pass = async () => {
    await world.nextPeriod();
    await world.issueAll();
    await world.answer(node);
    await world.judgeAll();
  };
  beforeEach(async () => {
    await client.store([node, other], 4);
    await pass();
    // The first answer came before there was a row to keep a leaf of it in.
    await pass();
  });

  test('find that a node serves what it showed', async () => {
    serve();
    expect(await world.challenges.work.retrieve()).toBe(1);
    expect(await world.challenges.work.retrieve()).toBe(0);
    expect(await stateOf()).toMatchObject({ isServing: true });
  });

  test.each([
    ['refuses', async () => ({ kind: 'refused', detail: 'It answered 403.' }) as const],
    ['cannot be reached', async () => ({ kind: 'unreachable', detail: 'no route' }) as const],
  ])('a node that %s is not paid, and counts as away, until it serves again', async (_, answer) => {
    world.reads.answer = answer;
    await world.challenges.work.retrieve();
    expect(await stateOf()).toMatchObject({ isServing: false });
    await pass();
    const { period } = (await newest())!;
    expect(await newest()).toMatchObject({ outcome: 'passed' });
    expect(await settlement(period)).toMatchObject({ verdict: 'missed', earnedMsat: 0n });
    expect((await stateOf()).reputation.absentPeriods).toBe(1);
    serve();
    expect(await world.challenges.work.retrieve()).toBe(1);
    await pass();
    expect(await settlement(period + 1)).toMatchObject({ verdict: 'passed' });
  });

  test('find other bytes than were shown, and too few', async () => {
    const isFound = async () => !(await stateOf()).isServing;
    for (const change of [
      (bytes: Uint8Array) => bytes.map((byte) => byte ^ 1),
      (bytes: Uint8Array) => bytes.subarray(1),
    ]) {
      serve();
      await check(1);
      expect(await stateOf()).toMatchObject({ isServing: true });
      serve(change);
      // A range of a shard that was never asked for says only that it is served.
      await check(60, isFound);
      expect(await stateOf()).toMatchObject({ isServing: false });
    }
  });

  test('read like clients: whole shards and ranges from any byte, of shards that were and were not asked for', async () => {
    serve();
    asked.length = 0;
    await check(80);
    const whole = asked.filter(({ ranges }) => ranges === undefined);
    const ranges = asked.flatMap((read) => read.ranges ?? []);
    expect(whole.length).toBeGreaterThan(5);
    expect(new Set(whole.map(({ shard }) => shardKeyOf(shard))).size).toBeGreaterThan(1);
    expect(asked.some((read) => read.ranges?.length === 1) && asked.some((read) => read.ranges?.length === 4)).toBe(
      true,
    );
    expect(ranges.every(({ fromByte }) => fromByte % 16 === 0)).toBe(true);
    expect(ranges.some(({ fromByte }) => fromByte % 1024 !== 0)).toBe(true);
    expect(ranges.some(({ lengthBytes }) => lengthBytes % 1024 !== 0)).toBe(true);
    expect(ranges.every(({ fromByte, lengthBytes }) => lengthBytes > 0 && fromByte + lengthBytes <= 65_536)).toBe(true);
  });

  test('say nothing of a shard that its client drops while it is read', async () => {
    const packIds = [...node.held.values()].map(({ packId }) => packId);
    world.reads.answer = async () => {
      await client.drop(packIds);
      return { kind: 'refused', detail: 'It answered 404.' };
    };
    expect(await world.challenges.work.retrieve()).toBe(1);
    expect(await stateOf()).toMatchObject({ isServing: true });
    expect(await world.challenges.work.retrieve()).toBe(0);
  });
});
