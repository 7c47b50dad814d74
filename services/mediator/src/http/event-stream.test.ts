/** The stream of events: whose they are, where one comes back to, and what becomes of who does not read. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { errorFromProblem } from '@holdfast/protocol';
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import { WebSocket } from 'ws';
import { noteEvents } from '../adapters/postgres/events.ts';
import { inTransaction } from '../adapters/postgres/database.ts';
import { ADMIN, openTestOversight, type TestOversight } from '../testing/test-oversight.ts';

interface Message {
  readonly type: 'hello' | 'event' | 'bye';
  readonly place: string;
  readonly after: string;
  readonly code: string;
  readonly kind: string;
  readonly nodeId?: string;
  readonly clientId?: string;
  readonly data: Record<string, unknown>;
}

let world: TestOversight;
beforeAll(async () => {
  world = await openTestOversight({ eventStream: { pollMs: 50, slowMs: 1_000, maxStreamsOfOne: 3 } });
});
afterAll(() => world.close());

async function listen(session: string | undefined, after?: string) {
  const { mediator } = world.test;
  const url = new URL(`${mediator.baseUrl.replace('https:', 'wss:')}/v1/events`);
  if (after !== undefined) url.searchParams.set('after', after);
  const pinned = { caPem: mediator.caPem, expectUri: mediatorUri(mediator.mediatorId) };
  const socket = new WebSocket(url, {
    ...(pinnedConnectOptions(pinned) as object),
    ...(session !== undefined && { headers: { authorization: `Bearer ${session}` } }),
  });
  const heard: Message[] = [];
  let wake = Promise.withResolvers<void>();
  socket.on('message', (data) => {
    heard.push(JSON.parse((data as Buffer).toString()) as Message);
    wake.resolve();
  });
  socket.on('error', () => undefined);
  const ended = once(socket, 'close').then(([code]) => {
    wake.resolve();
    return code as number;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => reject(errorFromProblem(JSON.parse(text), 'The mediator')));
    });
  });
  const listener = {
    socket,
    heard,
    ended,
    /** Resolves to all that was heard once there is one for which `enough` holds. */
    async until(enough: (message: Message) => boolean): Promise<Message[]> {
      while (!heard.some(enough)) {
        wake = Promise.withResolvers();
        await wake.promise;
      }
      return heard;
    },
    async close() {
      socket.terminate();
      await ended;
    },
  };
  // Only now it has its place.
  await listener.until(({ type }) => type === 'hello');
  return listener;
}

const note = (label: string, about: { nodeId?: string; clientId?: string }) =>
  inTransaction(world.market.database, (tx) =>
    noteEvents(tx, [{ kind: 'node.serving', ...about, data: { label } }], world.market.clock.nowMs()),
  );
const isLabelled = (label: string) => (message: Message) => message.data?.['label'] === label;
const events = (heard: readonly Message[]) => heard.filter(({ type }) => type === 'event');

test('without a session there is none, and a place that is none is refused', async () => {
  await expect(listen(undefined)).rejects.toMatchObject({ code: 'auth.required' });
  const admin = await world.signIn(ADMIN, 'admin');
  await expect(listen(admin, 'yesterday')).rejects.toMatchObject({ code: 'input.invalid' });
});

test('from the beginning: an admin sees all, an operator its node’s, a client its own', async () => {
  const { liar, owner, stranger } = world;
  const read = async (session: string) => {
    const listener = await listen(session, '0-0');
    await note('the end', { nodeId: liar.nodeId });
    await note('the end', { clientId: owner.clientId });
    await note('the end', { clientId: stranger.clientId });
    const heard = events(await listener.until(isLabelled('the end')));
    await listener.close();
    return heard;
  };
  const all = await read(await world.signIn(ADMIN, 'admin'));
  expect(
    all
      .filter(({ kind }) => kind === 'challenge.judged')
      .map(({ data }) => data['outcome'])
      .toSorted((one, other) => String(one).localeCompare(String(other))),
  ).toEqual(['failed', 'missed', 'passed', 'passed']);
  const ofLiar = await read(await world.signIn(liar.key, 'operator'));
  expect(ofLiar.every(({ nodeId }) => nodeId === liar.nodeId)).toBe(true);
  expect(ofLiar.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(['challenge.issued', 'challenge.judged', 'shards.lost']),
  );
  const ofOwner = await read(await world.signIn(owner.key, 'client'));
  expect(ofOwner.every(({ clientId }) => clientId === owner.clientId)).toBe(true);
  expect(ofOwner.map(({ kind }) => kind)).toContain('shards.lost');
  const ofStranger = await read(await world.signIn(stranger.key, 'client'));
  expect(ofStranger.every(({ clientId }) => clientId === stranger.clientId)).toBe(true);
  expect(ofStranger.map(({ kind }) => kind)).not.toContain('shards.lost');
});

test('who comes back goes on at its place: nothing twice, nothing missed, in order', async () => {
  const session = await world.signIn(ADMIN, 'admin');
  const first = await listen(session);
  const labels = Array.from({ length: 250 }, (_, number) => `number ${number}`);
  for (const label of labels.slice(0, 120)) await note(label, {});
  const before = events(await first.until(isLabelled('number 100')));
  await first.close();
  for (const label of labels.slice(120)) await note(label, {});
  const second = await listen(session, before.at(-1)!.place);
  const after = events(await second.until(isLabelled('number 249')));
  await second.close();
  expect([...before, ...after].map(({ data }) => data['label'])).toEqual(labels);
});

test('an event of a transaction that ends late is not missed by who has read later ones', async () => {
  const listener = await listen(await world.signIn(ADMIN, 'admin'));
  const late = await world.market.ledger.connect();
  await late.query('BEGIN');
  const insert = `INSERT INTO events (kind, happened_at_ms, data) VALUES ('node.serving', 0, '{"label": "late"}')`;
  await late.query(insert);
  await note('early', {});
  await late.query('COMMIT');
  await late.end();
  const heard = events(await listener.until(isLabelled('early')));
  await listener.close();
  expect(heard.map(({ data }) => data['label'])).toEqual(['late', 'early']);
});

describe('a stream ends, with the reason,', () => {
  test('when its reader talks', async () => {
    const listener = await listen(await world.signIn(ADMIN, 'admin'));
    listener.socket.send('hello?');
    await listener.until(({ type }) => type === 'bye');
    expect(listener.heard.at(-1)).toMatchObject({ type: 'bye', code: 'input.invalid' });
    expect(await listener.ended).toBe(1008);
  });

  test('when there are too many of one reader', async () => {
    const session = await world.signIn(world.honest.key, 'operator');
    const open = [await listen(session), await listen(session), await listen(session)];
    await expect(listen(session)).rejects.toMatchObject({ code: 'limit.connections' });
    for (const listener of open) await listener.close();
  });

  test('when its reader takes nothing; the others go on, and it comes back to its place', async () => {
    const session = await world.signIn(ADMIN, 'admin');
    const slow = await listen(session);
    const quick = await listen(session);
    const [hello] = await slow.until(({ type }) => type === 'hello');
    slow.socket.pause();
    await world.market.database.execute(sql`
      INSERT INTO events (kind, happened_at_ms, data)
      SELECT 'node.serving', 0, jsonb_build_object('label', number, 'text', repeat('x', 20000))
      FROM generate_series(1, 2000) AS number`);
    const heard = events(await quick.until(isLabelled(2000 as never)));
    expect(heard.filter(({ data }) => typeof data['label'] === 'number')).toHaveLength(2000);
    await quick.close();
    // Its line is cut when a third one of this reader is let in; only then does it look.
    const others = [await listen(session), await listen(session)];
    for (let third: Awaited<ReturnType<typeof listen>> | undefined; third === undefined;) {
      third = await listen(session).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'limit.connections' });
        return undefined;
      });
      if (third !== undefined) others.push(third);
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
    for (const other of others) await other.close();
    slow.socket.resume();
    await slow.ended;
    expect(events(slow.heard).length).toBeLessThan(2000);
    const again = await listen(session, events(slow.heard).at(-1)?.place ?? hello!.after);
    const rest = events(await again.until(isLabelled(2000 as never)));
    await again.close();
    expect([...events(slow.heard), ...rest].map(({ data }) => data['label'])).toEqual(
      heard.map(({ data }) => data['label']),
    );
  });

  test('when the session does', async () => {
    const listener = await listen(await world.signIn(ADMIN, 'admin'));
    await world.market.clock.advance(3_600_001);
    await listener.until(({ type }) => type === 'bye');
    expect(listener.heard.at(-1)).toMatchObject({ code: 'auth.session-expired' });
  });
});
