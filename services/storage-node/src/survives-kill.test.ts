/** A node that is killed again and again while shards arrive and orders are carried out. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import { createSeededRandomness, randomIntBelow, systemClock } from '@holdfast/platform';
import { GROUP_BYTES, toHex } from '@holdfast/protocol';
import { runsOf } from '@holdfast/testkit';
import { createNodeClient, type NodeClient } from './testing/test-client.ts';
import { bytesOnDisk, namesIn, rootOfFile, shardsOnDisk } from './testing/test-disk.ts';
import { createFakeMediator, type FakeMediator } from './testing/test-mediator.ts';
import { type NodeProcess, settingsOf, startNodeProcess } from './testing/test-process.ts';

const ROUNDS = runsOf({ short: 4, long: 60 });
const SEED = process.env['HOLDFAST_TEST_SEED'] ?? `killed nodes ${ROUNDS}`;
const random = createSeededRandomness(SEED);
const below = (bound: number): number => randomIntBelow(random, bound);

interface Acknowledged {
  readonly packId: string;
  readonly uploadId: string;
  readonly root: string;
}

let directory: string;
let mediator: FakeMediator;
let node: NodeProcess | undefined;
afterEach(async () => {
  await node?.end('SIGKILL');
  await mediator?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Sends shard after shard until the connection breaks; what was answered with a receipt goes into `stored`. */
async function sendUntilKilled(client: NodeClient, nodeId: string, uploadId: string, stored: Acknowledged[]) {
  const grant = mediator.grant({ verb: 'put', clientId: client.clientId, nodeId, uploadId });
  for (;;) {
    const bytes = random.bytes((1 + below(20)) * GROUP_BYTES);
    const packId = toHex(random.bytes(32));
    try {
      const answer = await client.putShard(grant, packId, 7, bytes);
      expect(answer.json).toEqual({ receipt: expect.any(String) });
      stored.push({ packId, uploadId, root: toHex(shardTree(bytes).root) });
    } catch (error) {
      if ((error as { code?: string }).code === undefined) throw error;
      return;
    }
  }
}

test(`${ROUNDS} times kill -9: what was acknowledged is whole, nothing else stays (seed "${SEED}")`, async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-killed-'));
  const dataDir = join(directory, 'data');
  mediator = await createFakeMediator();
  const settings = {
    ...settingsOf(dataDir, await mediator.listen()),
    HOLDFAST_NODE_HEARTBEAT: '100ms',
    // More than all rounds together fill.
    HOLDFAST_NODE_CAPACITY: '20GB',
  };
  const expected = new Map<string, Acknowledged>();
  const gone = new Set<string>();
  let lastOrder = 0;

  for (let round = 0; round <= ROUNDS; round += 1) {
    node = await startNodeProcess(settings);
    const nodeId = mediator.registrations[0]!.nodeId;
    const client = createNodeClient({
      baseUrl: `https://${node.address}`,
      nodeId,
      caPem: mediator.authority.certPem,
      signing: mediator.signing,
    });
    // The node serves: it has cleaned up, counted, and told the mediator what it counted; no transfer has begun.
    expect(namesIn(dataDir, 'incoming')).toEqual([]);
    expect(namesIn(dataDir, 'quarantine')).toEqual([]);
    expect(mediator.losses).toEqual([]);
    const figures = mediator.heartbeats.at(-1)!;
    expect(figures.carriedOutOrder).toBe(lastOrder);
    expect(figures.usedBytes).toBe(bytesOnDisk(dataDir));
    const files = new Map(shardsOnDisk(dataDir).map((file) => [file.packId, rootOfFile(file.path)]));
    // What was written but not acknowledged any more may be there, and is whole as well.
    for (const root of files.values()) expect(root).toBeDefined();
    for (const { packId, root } of expected.values()) expect([packId, files.get(packId)]).toEqual([packId, root]);
    for (const packId of gone) expect(files.has(packId)).toBe(false);
    if (round === ROUNDS) {
      await client.close();
      break;
    }

    // Orders on what is known to be there, to be carried out while this round's shards arrive.
    const shards = [...expected.values()].map(({ packId }) => ({ clientId: client.clientId, packId, shardIndex: 7 }));
    if (shards.length > 0) {
      mediator.addOrder({ kind: 'committed', shards });
      const dropped = shards.slice(0, Math.min(below(3), shards.length - 1));
      if (dropped.length > 0) mediator.addOrder({ kind: 'delete', shards: dropped });
      for (const { packId } of dropped) {
        expected.delete(packId);
        gone.add(packId);
      }
      // All of that upload that counts was committed before: discarding it must take nothing of it.
      lastOrder = mediator.addOrder({ kind: 'discard-upload', uploadId: expected.values().next().value!.uploadId });
    }
    const stored: Acknowledged[] = [];
    const uploads = Array.from({ length: 6 }, () => sendUntilKilled(client, nodeId, toHex(random.bytes(16)), stored));
    await systemClock.sleep(100 + below(900));
    // The first time not before there is something to lose.
    while (expected.size + stored.length === 0) await systemClock.sleep(20);
    await node.end('SIGKILL');
    await Promise.all(uploads);
    await client.close();
    for (const shard of stored) expected.set(shard.packId, shard);
  }
  expect(expected.size).toBeGreaterThan(0);
}, 600_000);
