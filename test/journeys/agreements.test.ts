/** Both sides of an agreement at their command lines: each reads its own, and ends one knowing what comes of it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { type CliOptions, expectError, resultOf, runCliHere, runOnTerminal } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { type CommandRun, runNodeCommand } from '../service-commands.ts';

const LONG_MS = 300_000;
const HOUR_MS = 3_600_000;

let scratch: Scratch;
let network: Network;
let ann: CliOptions;

interface Shown {
  readonly agreementId: string;
  readonly nodeId: string;
  readonly state: string;
  readonly endedBy?: string;
  readonly heldMsat: string;
}
const agreementsOf = async (...options: string[]): Promise<readonly Shown[]> =>
  resultOf(await runCliHere(ann, '--json', 'agreements', ...options), 'agreements')['agreements'] as readonly Shown[];

/** The node's own command, with the settings of the one that runs. */
const operatorRuns = (index: number, ...words: string[]): Promise<CommandRun> =>
  runNodeCommand(network.nodeOptions(index), ...words);

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 4 });
  // Money moves when a period ends, and periods are hours: none ends while it is counted here.
  const leftMs = HOUR_MS - (network.clock.nowMs() % HOUR_MS);
  if (leftMs < 200_000) {
    network.clock.shiftHours((leftMs + 1) / HOUR_MS);
    await network.visitAll();
  }
  const source = join(scratch.path, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'picture.jpg'), createSeededRandomness('agreements journey').bytes(8_000_000));
  const passphraseFile = join(scratch.path, 'passphrase');
  writeFileSync(passphraseFile, 'on mutual terms\n', { mode: 0o600 });
  ann = { home: join(scratch.path, 'ann'), passphraseFile };
  const sheet = join(scratch.path, 'sheet');
  const { address } = network.mediator;
  const init = await runCliHere(ann, 'init', '--mediator', address, '--policy', '2+2', '--words-file', sheet);
  expect(init.status).toBe(0);
  await cheapenKeystore(ann);
  expect((await runCliHere(ann, 'add', source)).status).toBe(0);
  expect((await runCliHere(ann, 'backup')).status).toBe(0);
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

test(
  'the client sees each of them, is told what an end means, and ends none without saying so',
  async () => {
    const running = await agreementsOf();
    expect(running.map(({ nodeId }) => nodeId).toSorted()).toEqual(
      network.nodes.map(({ nodeId }) => nodeId).toSorted(),
    );
    const { agreementId, nodeId } = running[0]!;
    const refused = await expectError(ann, ['agreements', '--end', agreementId], 'client.usage', 2);
    expect(refused['message']).toContain(`at node ${nodeId.slice(0, 8)}, and `);
    await expectError(ann, ['agreements', '--end', 'f'.repeat(32), '--yes'], 'agreement.unknown', 5);
    const start = agreementId.slice(0, 12);
    const typed = await runOnTerminal(ann, [{ asked: 'Type yes: ', answer: 'no' }], 'agreements', '--end', start);
    expect(typed.status).toBe(0);
    expect(typed.screen).toContain('This cannot be undone.');
    expect(typed.screen).toContain('Nothing was ended.');
    expect(await agreementsOf()).toEqual(running);

    const before = resultOf(await runCliHere(ann, '--json', 'balance'), 'balance');
    const done = resultOf(await runCliHere(ann, '--json', 'agreements', '--end', start, '--yes'), 'agreements');
    expect(done).toMatchObject({ agreementId, isEnded: true, agreement: { state: 'ended', endedBy: 'client' } });
    const after = resultOf(await runCliHere(ann, '--json', 'balance'), 'balance');
    const { releasedMsat } = done['ending'] as { releasedMsat: string };
    expect(BigInt(String(after['availableMsat'])) - BigInt(String(before['availableMsat']))).toBe(BigInt(releasedMsat));
    expect(await agreementsOf()).toHaveLength(running.length - 1);
    expect((await agreementsOf('--all')).map(({ endedBy }) => endedBy)).toContain('client');
    await expectError(ann, ['agreements', '--end', agreementId, '--yes'], 'agreement.unknown', 5);
  },
  LONG_MS,
);

test(
  'the operator sees the node’s own and its earnings, is told what an end means, and ends it only with --yes',
  async () => {
    const [mine] = await agreementsOf();
    const index = network.nodes.findIndex(({ nodeId }) => nodeId === mine!.nodeId);
    const listed = await operatorRuns(index, 'agreements');
    expect(listed.output.trim().split('\n')).toHaveLength(1);
    expect(listed.output).toContain(mine!.agreementId);
    expect((await operatorRuns(index, 'earnings')).output).toMatch(/^Earned +\S+ sat, not paid out yet$/m);
    const said = await operatorRuns(index, 'end-agreement', mine!.agreementId);
    expect(said.output).toContain('your node is not paid');
    expect(said.output).toContain('Nothing has happened yet.');
    expect(await operatorRuns(index, 'agreements')).toEqual(listed);
    const other = (index + 1) % network.nodes.length;
    const refused = [
      await operatorRuns(other, 'end-agreement', mine!.agreementId, '--yes'),
      await operatorRuns(index, 'end-agreement'),
      await operatorRuns(index, 'agreement'),
    ];
    expect(refused).toMatchObject([
      { status: 1, output: '', errors: expect.stringContaining('There is no agreement') },
      { status: 2, output: '', errors: expect.stringContaining('holdfast-node --help') },
      { status: 2, output: '', errors: expect.stringContaining('is no command') },
    ]);
    const ended = await operatorRuns(index, 'end-agreement', mine!.agreementId, '--yes');
    expect(ended.output).toContain('has ended');
    expect((await operatorRuns(index, 'agreements')).output).toBe('There are none.\n');
    expect((await operatorRuns(index, 'agreements', '--all')).output).toContain('ended by node');
    expect((await agreementsOf('--all')).find(({ agreementId }) => agreementId === mine!.agreementId)).toMatchObject({
      state: 'ended',
      endedBy: 'node',
    });
  },
  LONG_MS,
);
