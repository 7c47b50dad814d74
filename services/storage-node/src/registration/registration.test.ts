/** The node and its certificate: asked for once, renewed in time, and again when the mediator has forgotten. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSimulatedClock, type SimulatedClock, systemClock } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { startStorageNode } from '../compose.ts';
import { connectBarely } from '../testing/test-connection.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

const DAY_MS = 86_400_000;
let harness: Harness;
let clock: SimulatedClock;
beforeEach(async () => {
  clock = createSimulatedClock(systemClock.nowMs());
  harness = await startHarness({ clock });
});
afterEach(async () => {
  await harness.close();
});

const serial = async (): Promise<string> => {
  const { socket } = await connectBarely(harness.node.baseUrl);
  const { serialNumber, subjectaltname } = socket.getPeerCertificate();
  expect(subjectaltname).toContain(`holdfast:node:${harness.node.nodeId}`);
  socket.destroy();
  return serialNumber;
};

describe('the certificate', () => {
  test('is kept over a restart, and the node serves with it while the mediator is away', async () => {
    const before = await serial();
    harness.mediator.failure = fail('remote.unreachable', { what: 'the mediator', detail: 'it is away' });
    await harness.restart();
    expect(await serial()).toBe(before);
    expect(harness.mediator.registrations).toHaveLength(1);
  });

  test('is renewed when a third of its time is left, without a break', async () => {
    const before = await serial();
    await clock.advance(59 * DAY_MS);
    await harness.node.heartbeatNow();
    expect(await serial()).toBe(before);
    harness.mediator.certificateMs = 400 * DAY_MS;
    await clock.advance(2 * DAY_MS);
    const { socket } = await connectBarely(harness.node.baseUrl);
    await harness.node.heartbeatNow();
    expect(await serial()).not.toBe(before);
    expect(harness.mediator.registrations.length).toBeGreaterThan(1);
    // A connection from before goes on.
    expect(socket.destroyed).toBe(false);
    socket.destroy();
    const count = harness.mediator.registrations.length;
    await harness.node.heartbeatNow();
    expect(harness.mediator.registrations).toHaveLength(count);
  });

  test('that has ended while the node was off is asked for anew before it serves', async () => {
    const before = await serial();
    harness.mediator.certificateMs = 400 * DAY_MS;
    await harness.restart({ clock: createSimulatedClock(clock.nowMs() + 100 * DAY_MS) });
    expect(await serial()).not.toBe(before);
  });
});

describe('the node registers again', () => {
  test('when its offer changed', async () => {
    await harness.restart({ priceSatPerTbMonth: 999n });
    expect(harness.mediator.registrations.map((one) => one.priceSatPerTbMonth)).toEqual([1000n, 999n]);
  });

  test('when the mediator does not know it any more', async () => {
    harness.mediator.forgetNodes();
    // This visit is refused, unless the one that the node makes by itself after its start came first.
    await harness.node.heartbeatNow().catch((error: unknown) => expect(error).toMatchObject({ code: 'node.unknown' }));
    await harness.node.heartbeatNow();
    expect(harness.mediator.registrations).toHaveLength(2);
    expect(harness.mediator.registrations[1]!.nodeId).toBe(harness.node.nodeId);
  });
});

describe('a second node', () => {
  test('cannot have the same data directory; the first goes on', async () => {
    await expect(startStorageNode(harness.options())).rejects.toMatchObject({ code: 'file.locked' });
    expect((await harness.client.sendBare('GET', '/v1/status', {})).status).toBe(200);
    // And with it nothing of the first one's work was cleaned away.
    await harness.node.stop();
    const next = await startStorageNode(harness.options());
    expect(next.nodeId).toBe(harness.node.nodeId);
    await next.stop();
  });
});
