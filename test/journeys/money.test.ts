/** A client without money: refused with what to do, credited by the admin's command, and held to its own mandate. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { compareTrees } from '@holdfast/testkit';
import { type CliOptions, expectError, resultOf, runCliHere } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { type CommandRun, runMediatorCommand } from '../service-commands.ts';

const LONG_MS = 300_000;

let scratch: Scratch;
let network: Network;
let source: string;
let ann: CliOptions;
let clientId: string;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 4, mediator: { welcomeSats: 0 } });
  source = join(scratch.path, 'source');
  mkdirSync(source);
  // A month of less would cost less than the smallest amount that can be held.
  writeFileSync(join(source, 'picture.jpg'), createSeededRandomness('money journey').bytes(8_000_000));
  const passphraseFile = join(scratch.path, 'passphrase');
  writeFileSync(passphraseFile, 'nothing to spend\n', { mode: 0o600 });
  ann = { home: join(scratch.path, 'ann'), passphraseFile };
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

/** The mediator's own command, with the settings of the one that runs. */
const adminCredits = (...args: string[]): Promise<CommandRun> => {
  const { address } = network.mediator;
  return runMediatorCommand({ dataDir: join(network.directory, 'mediator'), address }, 'credit', ...args);
};

test(
  'init says what may be spent and whom to credit; without money a backup is refused, and says how much is needed',
  async () => {
    const sheet = join(scratch.path, 'sheet');
    const { address } = network.mediator;
    const limits = ['--policy', '2+2', '--spend-limit', '3000', '--max-price', '5000'];
    const init = await runCliHere(ann, '--json', 'init', '--mediator', address, ...limits, '--words-file', sheet);
    const result = resultOf(init, 'init');
    expect(result).toMatchObject({ spending: { monthlyLimitSats: '3000', maxPriceSatPerTbMonth: '5000' } });
    clientId = String(result['clientId']);
    await cheapenKeystore(ann);
    expect((await runCliHere(ann, 'add', source)).status).toBe(0);
    const refused = await expectError(ann, ['backup'], 'client.no-money', 5);
    expect(refused['message']).toMatch(/^Storing this needs \d+ sat, a month ahead; 0 sat are available\.$/);
    expect(refused['next']).toContain(clientId);
    const balance = resultOf(await runCliHere(ann, '--json', 'balance'), 'balance');
    expect(balance).toMatchObject({ clientId, availableMsat: '0', heldMsat: '0', reservedMsat: '0' });
  },
  LONG_MS,
);

test(
  'the admin credits the client once per reference, and what is stored is held for',
  async () => {
    const credit = [clientId, '1000', '--note', 'paid in cash', '--reference', 'receipt 1'];
    expect((await adminCredits(...credit)).output).toContain('it has 1000 sat available');
    expect((await adminCredits(...credit)).output).toContain('was credited before');
    const refused = [await adminCredits(clientId, '1000'), await adminCredits('somebody', '1', '--note', 'x')];
    expect(refused).toMatchObject([
      { status: 2, output: '', errors: expect.stringContaining('--note') },
      { status: 2, output: '', errors: expect.stringContaining('64 hex digits') },
    ]);
    const backup = await runCliHere(ann, '--json', 'backup');
    expect([backup.status, backup.errors]).toEqual([0, '']);
    const balance = resultOf(await runCliHere(ann, '--json', 'balance'), 'balance');
    const [available, held, reserved] = ['availableMsat', 'heldMsat', 'reservedMsat'].map((name) =>
      Number(balance[name]),
    );
    expect(held).toBeGreaterThan(0);
    expect(available! + held! + reserved!).toBe(1_000_000);
    const status = await runCliHere(ann, 'status');
    expect(status.output).toMatch(/^Money +\S+ sat available, \S+ sat held/m);
    expect(status.output).toMatch(/^Runway +more than a year$/m);
    const quote = await runCliHere(ann, 'quote', '--bytes', '100MB');
    expect(quote.output).toContain("5 % are the mediator's commission");
  },
  LONG_MS,
);

test(
  'beyond its own mandate nothing is stored, and all that is there comes back',
  async () => {
    const first = resultOf(await runCliHere(ann, '--json', 'mandate'), 'mandate');
    expect(first).toMatchObject({
      sequence: 1,
      monthlyLimitMsat: '3000000',
      maxPriceSatPerTbMonth: '5000',
      regions: [],
    });
    const second = await runCliHere(ann, '--json', 'mandate', '--spend-limit', '0');
    expect(resultOf(second, 'mandate')).toMatchObject({ sequence: 2, monthlyLimitMsat: '0' });
    writeFileSync(join(source, 'more.txt'), 'A second letter\n');
    await expectError(ann, ['backup'], 'mandate.limit', 5);
    const target = join(scratch.path, 'restored');
    expect((await runCliHere(ann, 'restore', '--target', target)).status).toBe(0);
    const third = await runCliHere(ann, '--json', 'mandate', '--spend-limit', '3000');
    expect(resultOf(third, 'mandate')).toMatchObject({ sequence: 3 });
    expect((await runCliHere(ann, 'backup')).status).toBe(0);
    const again = join(scratch.path, 'again');
    expect((await runCliHere(ann, 'restore', '--target', again)).status).toBe(0);
    expect((await compareTrees(source, join(again, source))).differences).toEqual([]);
  },
  LONG_MS,
);
