/** Who may look at something can: `show` for clients, operators and the admin, and evidence that an operator verifies. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createSeededRandomness } from '@holdfast/platform';
import { type CliOptions, runCli } from '../cli-journey.ts';
import { createTestClient, makeScratch, type Scratch } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';

const LONG_MS = 300_000;
const POLL_MS = 2_000;
const NODE_COUNT = 3;

let scratch: Scratch;
let network: Network;
let ann: CliOptions;
let clientId: string;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({
    nodeCount: NODE_COUNT,
    mediator: {
      periodMs: 12_000,
      challenges: { deadlineMs: 8_000, verifyMs: 500, drawnLeaves: 60, retrievalCheckMs: 1e12 },
    },
  });
  const client = await createTestClient(network, { home: join(scratch.path, 'ann') });
  ann = { home: client.home, passphraseFile: client.passphraseFile };
  clientId = await client.use(async (open) => open.clientId);
  const source = join(scratch.path, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'file'), createSeededRandomness('show').bytes(2_000_000));
  await client.backup([source]);
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a service's command with these settings. */
const runService = (service: string, settings: Readonly<Record<string, string>>, ...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const main = fileURLToPath(new URL(`../../services/${service}/src/main.ts`, import.meta.url));
    const options = ['--disable-warning=ExperimentalWarning', '--conditions=@holdfast/source', main, ...args];
    const env = { PATH: process.env['PATH'] ?? '', HOME: scratch.path, ...settings };
    execFile(process.execPath, options, { env, maxBuffer: 2 ** 26 }, (error, output, errors) => {
      resolve({ status: error === null ? 0 : Number(error.code), output, errors });
    });
  });

const asOperator = (path: string, dataDir = network.nodeOptions(0).dataDir): Promise<Ended> =>
  runService(
    'storage-node',
    {
      HOLDFAST_NODE_DATA_DIR: dataDir,
      HOLDFAST_NODE_MEDIATOR: network.mediator.address,
      HOLDFAST_NODE_OPERATOR: 'someone',
      HOLDFAST_NODE_PRICE: '1',
      HOLDFAST_NODE_CAPACITY: '1GB',
      HOLDFAST_NETWORK: 'regtest',
    },
    'show',
    path,
  );

const asAdmin = (path: string): Promise<Ended> =>
  runService(
    'mediator',
    {
      HOLDFAST_MEDIATOR_DATA_DIR: join(network.directory, 'mediator'),
      HOLDFAST_MEDIATOR_LISTEN: new URL(network.mediator.baseUrl).host,
      HOLDFAST_NETWORK: 'regtest',
    },
    'show',
    path,
  );

test(
  'each sees its own under "me", as JSON; what is not theirs is refused with a sentence',
  async () => {
    const balance = await runCli(ann, 'show', '/v1/clients/me/balance');
    expect(balance).toMatchObject({ status: 0, errors: '' });
    expect(JSON.parse(balance.output)).toMatchObject({ heldMsat: expect.stringMatching(/^\d+$/) });
    const agreements = await runCli(ann, '--json', 'show', '/v1/clients/me/agreements?limit=2');
    expect(agreements.lines()).toMatchObject([
      { type: 'result', answer: { agreements: [{ clientId }, { clientId }] } },
    ]);
    const nodeId = network.nodes[0]!.nodeId;
    expect(JSON.parse((await asOperator('/v1/nodes/me/standing')).output)).toMatchObject({ nodeId, state: 'vetting' });
    expect(JSON.parse((await asAdmin(`/v1/nodes/${nodeId}/standing`)).output)).toMatchObject({ nodeId });

    const foreign = await runCli(ann, 'show', `/v1/nodes/${nodeId}/earnings`);
    expect(foreign.status).toBe(5);
    expect(foreign.errors).toMatch(/\S/);
    expect(await asOperator(`/v1/clients/${clientId}/balance`)).toMatchObject({ status: 1, output: '' });
    expect((await runCli(ann, 'show', 'balance')).status).toBe(2);
    expect((await asOperator('standing')).status).toBe(2);
    const elsewhere = await asOperator('/v1/nodes/me/standing', join(scratch.path, 'no node'));
    expect(elsewhere).toMatchObject({ status: 1, output: '' });
    expect(elsewhere.errors).toContain('no node has started there yet');
  },
  LONG_MS,
);

test(
  'an operator exports the evidence of a challenge and sees that the draws follow from the secret',
  async () => {
    const file = join(scratch.path, 'challenge.json');
    const verified = async (): Promise<Awaited<ReturnType<typeof runCli>>> => {
      for (;;) {
        const list = JSON.parse((await asOperator('/v1/nodes/me/challenges?limit=9')).output) as {
          challenges: { challengeId: string; outcome?: string }[];
        };
        const passed = list.challenges.filter(({ outcome }) => outcome === 'passed').at(-1);
        if (passed !== undefined) {
          const shown = await asOperator(`/v1/challenges/${passed.challengeId}`);
          writeFileSync(file, shown.output);
          const run = await runCli(ann, 'verify-transcript', file, '--mediator-id', network.mediator.mediatorId);
          // 3: the period is not over yet, and its secret not in the open.
          if (run.status !== 3) return run;
        }
        await sleep(POLL_MS);
      }
    };
    const { status, output } = await verified();
    expect(output).toMatch(/\[proven\] The draws follow from the secret: the \d+ leaves drawn by bytes lie where/);
    expect(status).toBe(0);
  },
  LONG_MS,
);
