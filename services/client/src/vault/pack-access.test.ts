import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail } from '@holdfast/protocol';
import { backup } from '../backup/index.ts';
import type { ClientContext, NodeTarget } from '../ports.ts';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { PackAccess, type ReadFault } from './index.ts';

let network: FakeNetwork;
let client: ClientContext;
let source: string;

beforeEach(async () => {
  network = await startFakeNetwork();
  client = network.newClient();
  source = mkdtempSync(join(tmpdir(), 'holdfast-pack-access-'));
  writeFileSync(join(source, 'file'), 'something to keep');
  await backup(client, { directories: [source] });
});
afterEach(async () => {
  await network.close();
  rmSync(source, { recursive: true, force: true });
});

type Context = Pick<ClientContext, 'keys' | 'mediator' | 'nodes' | 'clock'>;

/** Nodes that take a grant `uses` times, as those do whose grants name a number of bytes. */
function withGrantsFor(uses: number): { context: Context; refusals: () => number } {
  const used = new WeakMap<NodeTarget, number>();
  let refusals = 0;
  const getShard: ClientContext['nodes']['getShard'] = (target, ...rest) => {
    const count = (used.get(target) ?? 0) + 1;
    used.set(target, count);
    if (count <= uses) return client.nodes.getShard(target, ...rest);
    refusals += 1;
    return Promise.reject(fail('grant.quota-exceeded', { quotaBytes: 1 }));
  };
  const nodes = { ...client.nodes, getShard };
  const { keys, mediator, clock } = client;
  return { context: { keys, mediator, clock, nodes }, refusals: () => refusals };
}

test('a pack that is read over and over is read on under new grants, and no node is blamed', async () => {
  const { context, refusals } = withGrantsFor(2);
  const faults: ReadFault[] = [];
  const access = new PackAccess(context, { onFault: (fault) => faults.push(fault) });
  const [packId] = network.mediator.packs.keys();
  const first = await access.readTable(packId!);
  for (let n = 0; n < 6; n += 1) expect(await access.readTable(packId!)).toEqual(first);
  expect(refusals()).toBeGreaterThan(0);
  expect(faults).toEqual([]);
});

test('nodes that refuse every grant are faults, and too many of them an error', async () => {
  const { context } = withGrantsFor(0);
  const faults: ReadFault[] = [];
  const access = new PackAccess(context, { onFault: (fault) => faults.push(fault) });
  const [packId] = network.mediator.packs.keys();
  await expect(access.readTable(packId!)).rejects.toMatchObject({ code: 'codec.too-few-shards' });
  expect(faults.length).toBeGreaterThan(0);
});
