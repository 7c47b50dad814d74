import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { createCapturedLogger, createLifecycle, createMetrics, createSilentLogger } from '@holdfast/platform';
import { describeWith } from '@holdfast/testkit';
import { request } from 'undici';
import { createRailGauges, openRail } from './compose-rail.ts';
import { startTestBitcoin } from './testing/test-bitcoin.ts';
import { createFakeRail } from './testing/test-fake-rail.ts';
import { startTestMediator } from './testing/test-mediator.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const openMetrics = () => {
  const metrics = createMetrics('holdfast_mediator_', { processMetrics: false });
  closers.push(() => metrics.close());
  return metrics;
};

test('the metrics say in which state the node is, and how high its chain', async () => {
  const chain = createFakeRail();
  const metrics = openMetrics();
  const refresh = createRailGauges(metrics, chain.rail);
  await refresh();
  expect(await metrics.text()).toMatch(/rail_state\{state="ready"\} 1/);
  expect(await metrics.text()).toContain(`holdfast_mediator_rail_tip_height ${(await chain.tip()).height}`);
  await chain.goAway();
  await refresh();
  expect(await metrics.text()).toMatch(/rail_state\{state="ready"\} 0/);
  expect(await metrics.text()).toMatch(/rail_state\{state="away"\} 1/);
  await chain.comeBack();
  await chain.fallBehind();
  await refresh();
  expect(await metrics.text()).toMatch(/rail_state\{state="syncing"\} 1/);
});

test('without a rail there is nothing to say', async () => {
  const metrics = openMetrics();
  await createRailGauges(metrics, undefined)();
  expect(await metrics.text()).not.toContain('rail_');
  const lifecycle = createLifecycle({ logger: createSilentLogger() });
  expect(openRail({ settings: { network: 'regtest' }, logger: createSilentLogger(), lifecycle })).toBeUndefined();
});

test('a node that is not there does not stop the start, and the log says so without the password', async () => {
  const { logger, text } = createCapturedLogger();
  const lifecycle = createLifecycle({ logger: createSilentLogger() });
  closers.push(() => lifecycle.close('the test ends'));
  const bitcoin = { rpcUrl: 'http://user:password-of-the-node@127.0.0.1:1', fallbackSatPerKvb: 5_000n };
  const rail = openRail({ settings: { network: 'regtest', bitcoin }, logger, lifecycle });
  expect(await rail?.state()).toMatchObject({ state: 'away' });
  while (!text().includes('cannot be used')) await sleep(20);
  expect(text()).not.toContain('password-of-the-node');
});

await describeWith(['bitcoind'], 'a mediator with a Bitcoin node', (program = '') => {
  test('opens it by its settings, tells how it is, and stops while the node hangs', async () => {
    const chain = await startTestBitcoin(program);
    closers.push(() => chain.close());
    const started = await startTestMediator({
      opsListen: { host: '127.0.0.1', port: 0 },
      bitcoin: { rpcUrl: chain.url, cookieFile: chain.cookieFile, fallbackSatPerKvb: 5_000n },
    });
    const metrics = async () => (await request(`${started.mediator.opsUrl}/metrics`)).body.text();
    const { height } = await chain.mine(2);
    expect(await metrics()).toMatch(/rail_state\{state="ready"\} 1/);
    expect(await metrics()).toContain(`rail_tip_height ${height}`);
    chain.hang();
    expect(await metrics()).toMatch(/rail_state\{state="away"\} 1/);
    expect((await request(`${started.mediator.opsUrl}/readyz`)).statusCode).toBe(200);
    await started.close();
  });
});
