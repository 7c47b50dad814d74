/** The command itself: what it says, and how it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createFakeMediator, type FakeMediator } from './testing/test-mediator.ts';
import { type NodeProcess, settingsOf, spawnNode, startNodeProcess } from './testing/test-process.ts';

let directory: string;
let mediator: FakeMediator;
const running: NodeProcess[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-main-'));
  mediator = await createFakeMediator();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.end('SIGKILL')));
  await mediator.close();
  rmSync(directory, { recursive: true, force: true });
});

const settings = async () => settingsOf(join(directory, 'data'), await mediator.listen());

test('starts, says what it offers and where, and ends with status 0 at SIGTERM and SIGINT', async () => {
  const given = await settings();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const node = await startNodeProcess(given);
    running.push(node);
    expect(node.output()).toMatch(/node \w+.* of tester \(test\) offers .* at 1000 sat\/TB·month on 127\.0\.0\.1:\d+/);
    expect(await node.end(signal)).toEqual({ status: 0, signal: null });
  }
});

test('refuses a directory that another node has, with the sentence and what to do next', async () => {
  const given = await settings();
  running.push(await startNodeProcess(given));
  const second = spawnNode(given);
  expect(await second.exited).toEqual({ status: 1, signal: null });
  expect(second.output()).toMatch(/is held by process \d+/);
  expect(second.output()).toContain('Stop that one first');
});

test.each([
  ['a missing setting', { HOLDFAST_NODE_PRICE: '' }, 'HOLDFAST_NODE_PRICE'],
  ['an unknown setting', { HOLDFAST_NODE_PRIZE: '5' }, 'HOLDFAST_NODE_PRIZE'],
  ['a bad address', { HOLDFAST_NODE_LISTEN: 'here' }, 'HOLDFAST_NODE_LISTEN'],
  ['a capacity that is none', { HOLDFAST_NODE_CAPACITY: 'much' }, 'HOLDFAST_NODE_CAPACITY'],
])('%s stops the start with status 2 and its name', async (_, change, named) => {
  const { exited, output } = spawnNode({ ...settingsOf(directory, 'holdfast://127.0.0.1:1#00'), ...change });
  expect(await exited).toEqual({ status: 2, signal: null });
  expect(output()).toContain(named);
});
