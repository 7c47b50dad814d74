/** The node's end of the link over real TLS: orders that are pushed, lines that break or fall silent, a mediator that talks nonsense. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { encodeToNode, type ToNode } from '@holdfast/protocol';
import { shardsOnDisk } from '../testing/test-disk.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness({ linkIdleMs: 60_000 });
});
afterEach(async () => {
  await harness.close();
});

/** For what happens by itself; generous, since nothing is asserted about time. */
const soon = async (what: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 800; tries += 1) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not happen');
};
const link = () => harness.mediator.link!;
const nameOf = (packId: string) => ({ clientId: harness.client.clientId, packId, shardIndex: 0 });
async function store(): Promise<string> {
  const packId = harness.packId();
  expect((await harness.client.putShard(harness.grant('put'), packId, 0, harness.shard(2))).status).toBe(201);
  return packId;
}
const packsHere = (): string[] => shardsOnDisk(harness.node.dataDir).map(({ packId }) => packId);
const push = (orders: (ToNode & { type: 'orders' })['orders']): void =>
  link().push({ type: 'orders', beat: 0, orders });
const acknowledged = (): number[] =>
  link().said.flatMap((message) => (message.type === 'carried-out' ? [message.order] : []));

describe('orders that are pushed', () => {
  test('are carried out at once, acknowledged when they are durable, and once only', async () => {
    const [kept, dropped] = [await store(), await store()];
    const { clientId } = harness.client;
    const committed = {
      order: 1,
      kind: 'committed',
      clientId,
      shards: [
        [kept, 0],
        [dropped, 0],
      ],
    } as const;
    const deleted = { order: 2, kind: 'delete', clientId, shards: [[dropped, 0]] } as const;
    push([committed]);
    push([committed, deleted]);
    push([deleted]);
    await soon(() => acknowledged().length === 3);
    expect(acknowledged()).toEqual([1, 2, 2]);
    expect(packsHere()).toEqual([kept]);
    await harness.node.heartbeatNow();
    expect(harness.mediator.heartbeats.at(-1)!.carriedOutOrder).toBe(2);
    expect(harness.mediator.losses).toEqual([]);
  });
});

describe('the node connects again', () => {
  test('when the line is cut, and does then what it missed', async () => {
    const packId = await store();
    const { connectionCount } = link();
    const before = connectionCount();
    for (let cut = 1; cut <= 3; cut += 1) {
      link().close();
      await soon(() => connectionCount() === before + cut);
    }
    link().close();
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(packId)] });
    await soon(() => harness.mediator.heartbeats.at(-1)!.carriedOutOrder === 1);
  });

  test.each<[string, string | Buffer]>([
    ['says good-bye', encodeToNode({ type: 'bye', code: 'link.closing', params: {} })],
    ['is not understood', '{"type":"surprise"}'],
    ['sends no JSON', 'hello there'],
    ['sends binary messages', Buffer.alloc(100)],
    ['sends more than a message may have', Buffer.alloc(1_100_000, 0x20).toString()],
  ])('when the mediator %s', async (what, message) => {
    const { connectionCount, links } = link();
    const before = connectionCount();
    links[0]!.send(message);
    if (what === 'says good-bye') links[0]!.close(1001);
    await soon(() => connectionCount() > before);
    await harness.node.heartbeatNow();
    expect(harness.mediator.registrations).toHaveLength(1);
  });

  test('when nothing is heard for long, though the line looks open', async () => {
    await harness.restart({ linkIdleMs: 400 });
    const { connectionCount } = link();
    const before = connectionCount();
    await soon(() => connectionCount() > before);
    // A mediator that pings is heard: three times as long nothing breaks. On a busy machine pings may come too late, too.
    const pinging = setInterval(() => link().links.forEach((socket) => socket.ping()), 50);
    try {
      for (let stretch = 0, isUnbroken = false; !isUnbroken; stretch += 1) {
        expect(stretch).toBeLessThan(40);
        const now = connectionCount();
        await new Promise((resolve) => setTimeout(resolve, 1200));
        isUnbroken = connectionCount() === now;
      }
      await harness.node.heartbeatNow();
    } finally {
      clearInterval(pinging);
    }
  });

  test('with its new certificate when it registered again', async () => {
    const { connectionCount } = link();
    const before = connectionCount();
    harness.mediator.forgetNodes();
    await harness.node.heartbeatNow().catch((error: unknown) => expect(error).toMatchObject({ code: 'node.unknown' }));
    await harness.node.heartbeatNow();
    expect(harness.mediator.registrations).toHaveLength(2);
    expect(connectionCount()).toBeGreaterThan(before);
  });
});

test('a node that stops ends its link', async () => {
  expect(link().links).toHaveLength(1);
  const [socket] = link().links;
  await harness.node.stop();
  await soon(() => socket!.readyState === socket!.CLOSED);
  expect(link().links).toHaveLength(0);
});
