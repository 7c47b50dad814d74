/** Who may look at something can: `show` for clients, operators and the admin, and evidence that an operator verifies. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandomness } from '@holdfast/platform';
import { type CliOptions, runCli } from '../cli-journey.ts';
import { createTestClient, makeScratch, type Scratch } from '../client-harness.ts';
import { signInAsAdmin } from '../demo/admin.ts';
import { type Network, startNetwork } from '../network.ts';
import { type CommandRun, runMediatorCommand, runNodeCommand } from '../service-commands.ts';

const LONG_MS = 300_000;
const POLL_MS = 250;
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
      periodMs: 6_000,
      challenges: { deadlineMs: 4_000, verifyMs: 500, drawnLeaves: 60, retrievalCheckMs: 1e12 },
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

const asOperator = (path: string, dataDir = network.nodeOptions(0).dataDir): Promise<CommandRun> =>
  runNodeCommand({ dataDir, mediator: network.mediator.address }, 'show', path);

const mediatorDir = (): string => join(network.directory, 'mediator');

const asAdmin = (path: string): Promise<CommandRun> =>
  runMediatorCommand({ dataDir: mediatorDir(), address: network.mediator.address }, 'show', path);

/** A challenge that the node passed, of a period whose secret is in the open. */
async function passedChallenge(nodeId: string): Promise<string> {
  const admin = await signInAsAdmin(network.mediator, mediatorDir());
  for (;;) {
    const passed = (await admin.challenges(nodeId)).filter(({ outcome }) => outcome === 'passed').at(-1);
    if (passed !== undefined) {
      const { text } = await admin.evidence(passed.challengeId);
      if ((JSON.parse(text) as { transcript: { secret?: string } }).transcript.secret !== undefined) {
        return passed.challengeId;
      }
    }
    await sleep(POLL_MS);
  }
}

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
    const challengeId = await passedChallenge(network.nodes[0]!.nodeId);
    const list = await asOperator('/v1/nodes/me/challenges?limit=200');
    expect(list).toMatchObject({ status: 0, errors: '' });
    const { challenges } = JSON.parse(list.output) as { challenges: { challengeId: string; outcome?: string }[] };
    expect(challenges).toContainEqual(expect.objectContaining({ challengeId, outcome: 'passed' }));
    const file = join(scratch.path, 'challenge.json');
    writeFileSync(file, (await asOperator(`/v1/challenges/${challengeId}`)).output);
    const verify = ['verify-transcript', file, '--mediator-id', network.mediator.mediatorId];
    const { status, output } = await runCli(ann, ...verify);
    expect(output).toMatch(/\[proven\] The draws follow from the secret: the \d+ leaves drawn by bytes lie where/);
    expect(status).toBe(0);
  },
  LONG_MS,
);
