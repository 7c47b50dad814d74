/** A client pays in over a real node: from `holdfast deposit` to a balance, and what it says when the chain takes it back. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestBitcoin, type TestBitcoin } from '@holdfast/mediator/testing/test-bitcoin';
import { testAccountKey } from '@holdfast/mediator/testing/test-deposits';
import { type CliOptions, resultOf, runCliHere } from '../cli-journey.ts';
import { cheapenKeystore, makeScratch, type Scratch } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';

const LONG_MS = 300_000;

await describeWith(['bitcoind'], 'a deposit', (program = '') => {
  let scratch: Scratch;
  let chain: TestBitcoin;
  let network: Network;
  let ann: CliOptions;

  beforeAll(async () => {
    scratch = await makeScratch();
    chain = await startTestBitcoin(program);
    const deposits = { key: testAccountKey(21) };
    network = await startNetwork({ nodeCount: 4, mediator: { welcomeSats: 0, rail: chain.rail, deposits } });
    const passphraseFile = join(scratch.path, 'passphrase');
    writeFileSync(passphraseFile, 'something to spend\n', { mode: 0o600 });
    ann = { home: join(scratch.path, 'ann'), passphraseFile };
    const sheet = join(scratch.path, 'sheet');
    const { address } = network.mediator;
    const init = await runCliHere(
      ann,
      '--json',
      'init',
      '--mediator',
      address,
      '--policy',
      '2+2',
      '--words-file',
      sheet,
    );
    resultOf(init, 'init');
    await cheapenKeystore(ann);
  }, LONG_MS);
  afterAll(async () => {
    await network?.stop();
    await chain?.close();
    await scratch?.remove();
  }, LONG_MS);

  const deposits = async () => resultOf(await runCliHere(ann, '--json', 'deposit'), 'deposit');

  test(
    'is shown with a QR code, seen at once, credited, and taken back with the chain',
    async () => {
      const page = await runCliHere(ann, 'deposit', '--sats', '40000');
      expect(page.status).toBe(0);
      expect(page.output).toMatch(/Link +bitcoin:bcrt1q\w+\?amount=0\.0004&label=Holdfast/);
      expect(page.output).toContain('█');
      const address = String((await deposits())['address']);
      expect(page.output).toContain(address);
      await network.mediator.runJobs();
      const { txid } = await chain.pay(address, 40_000n);
      await network.mediator.runJobs();
      expect((await deposits())['deposits']).toMatchObject([{ txid, state: 'seen', sats: '40000' }]);
      await chain.mine(3);
      await network.mediator.runJobs();
      expect(await deposits()).toMatchObject({
        deposits: [{ txid, state: 'credited' }],
        money: { availableMsat: '40000000' },
        owedMsat: '0',
      });
      await chain.reorganise(3, { without: [txid] });
      await network.mediator.runJobs();
      expect(await deposits()).toMatchObject({ deposits: [{ state: 'reversed' }], money: { availableMsat: '0' } });
      expect((await runCliHere(ann, 'deposit', '--no-qr')).output).toContain('taken back by the chain');
    },
    LONG_MS,
  );
});
